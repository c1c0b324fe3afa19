#!/usr/bin/env python3
"""scripts/pickled_tensors.py on files as torch.save writes them, made here without torch: both forms, views, and
pickles that ask for more than tensors."""
import collections
import io
import json
import pathlib
import pickle
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "scripts" / "pickled_tensors.py"
MAGIC = 0x1950A86A20F9469CFC6C

# Stand-ins for what torch's pickles name.
torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")


class FloatStorage:
    """As the pickle names it; a test refers to storages by key."""


def _rebuild_tensor_v2(*arguments):
    raise AssertionError("only the script calls this")


FloatStorage.__module__, FloatStorage.__qualname__ = "torch", "FloatStorage"
_rebuild_tensor_v2.__module__ = "torch._utils"
torch.FloatStorage, torch._utils, utils._rebuild_tensor_v2 = FloatStorage, utils, _rebuild_tensor_v2
sys.modules.update({"torch": torch, "torch._utils": utils})


class Storage:
    def __init__(self, key, numbers):
        self.key, self.numbers = key, numbers


class Tensor:
    def __init__(self, storage, offset, shape, stride):
        self.arguments = (storage, offset, shape, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return ("storage", FloatStorage, value.key, "cpu", len(value.numbers)) if isinstance(value, Storage) else None


def pickled(value):
    file = io.BytesIO()
    Pickler(file, 2).dump(value)
    return file.getvalue()


def zipped(value, storages):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(value))
        for storage in storages:
            archive.writestr(f"archive/data/{storage.key}", struct.pack(f"<{len(storage.numbers)}f", *storage.numbers))
    return file.getvalue()


def legacy(value, storages):
    data = pickled(MAGIC) + pickled(1001) + pickled({"little_endian": True}) + pickled(value)
    data += pickled([storage.key for storage in storages])
    for storage in storages:
        data += struct.pack(f"<q{len(storage.numbers)}f", len(storage.numbers), *storage.numbers)
    return data


class PickledTensors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out.safetensors"

    def convert(self, data, *arguments):
        (self.folder / "in.pt").write_bytes(data)
        return subprocess.run([sys.executable, SCRIPT, self.folder / "in.pt", self.out, *arguments],
                              capture_output=True, text=True)

    def tensors(self):
        data = self.out.read_bytes()
        size, = struct.unpack("<Q", data[:8])
        numbers = data[8 + size:]
        return {name: (row["shape"], list(struct.unpack(f"<{(end - begin) // 4}f", numbers[begin:end])))
                for name, row in json.loads(data[8:8 + size]).items() for begin, end in [row["data_offsets"]]}

    def test_both_forms_give_the_tensors_in_row_major_order(self):
        storage = Storage("7", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
        state = collections.OrderedDict(whole=Tensor(storage, 0, (2, 3), (3, 1)), turned=Tensor(storage, 0, (3, 2), (1, 3)),
                                        part=Tensor(storage, 1, (2,), (2,)), one=Tensor(storage, 5, (), ()))
        for value in (state, {"epoch": 3, "state_dict": state}):
            for form in (zipped, legacy):
                result = self.convert(form(value, [storage]))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(self.tensors(), {"whole": ([2, 3], [0, 1, 2, 3, 4, 5]), "turned": ([3, 2], [0, 3, 1, 4, 2, 5]),
                                                  "part": ([2], [1, 3]), "one": ([], [5])})

    def test_names_are_replaced_by_the_first_rule_that_fits_and_dropped(self):
        storage = Storage("0", [1.0])
        state = {name: Tensor(storage, 0, (1,), (1,)) for name in ("a.0.w", "a.1.w", "head.w")}
        result = self.convert(zipped(state, [storage]), "--rename", r"^a\.0=a.1", "--rename", r"^(a)\.1=\1.2", "--drop", "^head")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(list(self.tensors()), ["a.1.w", "a.2.w"])
        self.assertEqual(self.convert(zipped(state, [storage]), "--rename", r"^a\.0=a.1").returncode, 5)   # two of one name

    def test_a_pickle_that_asks_for_more_is_refused_and_runs_nothing(self):
        class Evil:
            def __reduce__(self):
                return open, (str(trace), "w")
        trace = self.folder / "trace"
        for data in (zipped({"a": Evil()}, []), legacy({"a": Evil()}, []), pickle.dumps(Evil())):
            result = self.convert(data)
            self.assertEqual(result.returncode, 5)
            self.assertIn("no part of a dictionary of plain tensors", result.stderr)
        self.assertFalse(trace.exists())
        self.assertFalse(self.out.exists())

    def test_damaged_files_are_refused(self):
        storage = Storage("0", [1.0, 2.0])
        too_large = {"a": Tensor(storage, 1, (2,), (1,))}
        whole = legacy({"a": Tensor(storage, 0, (2,), (1,))}, [storage])
        for data in (b"", b"no pickle", whole[:-1], whole[:40], zipped(too_large, [storage]), legacy(too_large, [storage]),
                     zipped({"a": 3}, []), zipped([1], []), zipped({"a": Tensor(storage, 0, (-1,), (1,))}, [storage]),
                     zipped({"a": Tensor(storage, 0, (2,), (1,))}, [])):
            result = self.convert(data)
            self.assertEqual(result.returncode, 5, result.stderr)
            self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
