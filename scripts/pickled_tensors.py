#!/usr/bin/env python3
"""Weights that PyTorch pickled (.pt, .pth, .bin) as safetensors, without PyTorch and without running anything in them.

    scripts/pickled_tensors.py FILE OUT.safetensors [--rename REGEX=REPLACEMENT]... [--drop REGEX]...

A pickle is a program. This one may build a dictionary of plain tensors and nothing else: whatever it asks for besides
OrderedDict, torch's storages and torch._utils._rebuild_tensor_v2 is refused. Of a checkpoint the dictionary under
"state_dict", "model_state_dict" or "model" is taken. --rename: the first rule whose expression is found in a name
replaces what it found; --drop leaves out the tensors in whose names the expression is found. Exits with 5 where the
file is no such pickle."""
import argparse
import collections
import json
import os
import pathlib
import pickle
import re
import struct
import sys
import zipfile

# A storage's class in torch: the name of its numbers in safetensors, and their bytes.
STORAGES = {"DoubleStorage": ("F64", 8), "FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2),
            "BFloat16Storage": ("BF16", 2), "LongStorage": ("I64", 8), "IntStorage": ("I32", 4),
            "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1), "ByteStorage": ("U8", 1), "BoolStorage": ("BOOL", 1)}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C   # what torch.save wrote first, before it wrote zip archives
LEGACY_PROTOCOL = 1001
INNER = ("state_dict", "model_state_dict", "model")


class Refused(Exception):
    """Why the file is not read."""


class Storage:
    """Numbers one behind the other; those of an old file come after the tensors that refer to them."""

    def __init__(self, kind, count):
        self.kind, self.count, self.data = kind, count, b""


class Tensor:
    def __init__(self, storage, offset, shape, stride):
        self.storage, self.offset, self.shape, self.stride = storage, offset, tuple(shape), tuple(stride)

    def count(self):
        count = 1
        for size in self.shape:
            count *= size
        return count

    def bytes(self):
        """Its numbers in row-major order."""
        width = STORAGES[self.storage.kind][1]
        at, step = [self.offset], 1
        for size, stride in zip(reversed(self.shape), reversed(self.stride)):
            if stride != step and size > 1:
                break
            step *= size
        else:
            return self.storage.data[self.offset * width:(self.offset + self.count()) * width]
        for size, stride in zip(self.shape, self.stride):
            at = [place + i * stride for place in at for i in range(size)]
        return b"".join(self.storage.data[place * width:(place + 1) * width] for place in at)


def rebuild_tensor(storage, offset, shape, stride, *_):
    """torch._utils._rebuild_tensor_v2, which is given nothing that it does not check."""
    numbers = [offset, *shape, *stride]
    if not isinstance(storage, Storage) or len(shape) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
        raise Refused("holds a tensor that is none")
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride))
    tensor = Tensor(storage, offset, shape, stride)
    if tensor.count() > 0 and last >= storage.count or tensor.count() > storage.count:
        raise Refused("holds a tensor that is larger than its storage")
    return tensor


class Reader(pickle.Unpickler):
    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuild_tensor
        if module == "torch" and name in STORAGES:
            return name
        raise Refused(f"asks for {module}.{name}, which is no part of a dictionary of plain tensors")

    def persistent_load(self, pid):
        if type(pid) is not tuple or len(pid) < 5 or pid[0] != "storage" or pid[1] not in STORAGES:
            raise Refused("refers to something that is no storage")
        _, kind, key, _, count = pid[:5]
        if type(key) is not str or type(count) is not int or count < 0:
            raise Refused("refers to a storage that is none")
        storage = self.storages.setdefault(key, Storage(kind, count))
        if (storage.kind, storage.count) != (kind, count):
            raise Refused("refers to one storage in two ways")
        return storage


def read_zip(path):
    storages = {}
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise Refused("is a zip archive, but none that torch.save wrote")
        with archive.open(names[0]) as file:
            value = Reader(file, storages).load()
        folder = names[0][:-len("data.pkl")]
        if folder + "byteorder" in archive.namelist() and archive.read(folder + "byteorder") != b"little":
            raise Refused("holds numbers whose first byte is the highest")
        for key, storage in storages.items():
            storage.data = archive.read(f"{folder}data/{key}")
    return value, storages


def read_legacy(path):
    storages = {}
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if Reader(file, {}).load() != LEGACY_MAGIC or Reader(file, {}).load() != LEGACY_PROTOCOL:
            raise Refused("is no file of torch.save")
        system = Reader(file, {}).load()
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise Refused("holds numbers whose first byte is the highest")
        value = Reader(file, storages).load()
        for key in Reader(file, {}).load():
            storage = storages.get(key)
            if not storage or struct.unpack("<q", file.read(8))[0] != storage.count:
                raise Refused("is damaged: a storage is not as long as it should be")
            bytes_left = size - file.tell()
            storage.data = file.read(min(storage.count * STORAGES[storage.kind][1], bytes_left))
    return value, storages


def read_tensors(path):
    """All tensors of the file by name."""
    try:
        value, storages = (read_zip if zipfile.is_zipfile(path) else read_legacy)(path)
    except (pickle.UnpicklingError, EOFError, struct.error, KeyError, ValueError, TypeError, IndexError, AttributeError,
            zipfile.BadZipFile) as error:
        raise Refused(f"is no pickle of plain tensors ({error})") from error
    for storage in storages.values():
        if len(storage.data) != storage.count * STORAGES[storage.kind][1]:
            raise Refused("is damaged: it ends before its numbers do")
    for key in INNER:
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
    tensors = {name: tensor for name, tensor in value.items() if isinstance(tensor, Tensor)} if isinstance(value, dict) else {}
    if not tensors:
        raise Refused("holds no dictionary of tensors")
    return tensors


def renamed(name, rules):
    for pattern, replacement in rules:
        new, count = re.subn(pattern, replacement, name, count=1)
        if count:
            return new
    return name


def write_safetensors(tensors, path):
    header, parts, at = {}, [], 0
    for name, tensor in tensors.items():
        data = tensor.bytes()
        header[name] = {"dtype": STORAGES[tensor.storage.kind][0], "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    unfinished = pathlib.Path(f"{path}.tmp-{os.getpid()}")
    try:
        with open(unfinished, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            file.writelines(parts)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("out")
    parser.add_argument("--rename", action="append", default=[], metavar="REGEX=REPLACEMENT")
    parser.add_argument("--drop", action="append", default=[], metavar="REGEX")
    arguments = parser.parse_args()
    rules = [tuple(rule.rsplit("=", 1)) for rule in arguments.rename]
    if any(len(rule) != 2 for rule in rules):
        parser.error("--rename: expected REGEX=REPLACEMENT")
    try:
        kept = [(renamed(name, rules), tensor) for name, tensor in read_tensors(arguments.file).items()
                if not any(re.search(pattern, name) for pattern in arguments.drop)]
        if len(dict(kept)) != len(kept):
            raise Refused("holds tensors that --rename gives one name")
        write_safetensors(dict(kept), arguments.out)
    except Refused as error:
        print(f"{arguments.file}: {error}", file=sys.stderr)
        return 5
    except OSError as error:
        print(error, file=sys.stderr)
        return 6
    print(f"{arguments.out}: {len(kept)} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
