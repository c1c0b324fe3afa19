#!/usr/bin/env python3
"""Checks the house rules that a compiler does not: who includes whom (DESIGN.md, section 1), where a library's
headers may stand, the length of files, and that no machine's paths and no unfinished marks are committed.

    include_rules.py [--self-test]        exit 1 and one line for each breach

The rules are the tables below; --self-test proves on bad samples that each of them can fail."""
import argparse
import fnmatch
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_LINES = 400

# The headers of layers/ that stand for the interface; everything else there is one layer's own.
LAYER_INTERFACE = ["layers/layer.h", "layers/tape.h", "layers/registry.h", "layers/initializer.h", "layers/onnx_writer.h",
                   "layers/*_util.h"]

# files: headers of ours that they may include. The first row that fits a file decides.
OURS = [
    ("core/*", ["core/*"]),
    ("engine/config/*", ["engine/config/*", "core/*"]),
    ("engine/graph/*", ["engine/graph/*", "engine/config/*", "core/*", "layers/layer.h", "layers/registry.h"]),
    ("engine/plan/*", ["engine/plan/*", "engine/graph/*", "core/*", "layers/layer.h", "layers/tape.h"]),
    ("engine/onnx/*", ["engine/onnx/*", "engine/formats/*", "engine/plan/weight_store.h", "engine/graph/*", "engine/config/*", "core/*",
                       "layers/layer.h", "layers/registry.h", "layers/onnx_writer.h"]),
    ("engine/formats/*", ["engine/formats/*", "core/*"]),
    ("engine/train/*", ["engine/*", "core/*", *LAYER_INTERFACE, "datasets/*"]),
    ("engine/sinks/*", ["engine/*", "core/*"]),
    ("layers/*", ["core/*", *LAYER_INTERFACE]),
    ("datasets/*", ["core/*", "datasets/*"]),
    ("cli/*", ["*"]),
    ("tests/*", ["*"]),
]

# library headers: files that may include them, tests apart. Further names are asked for here, on purpose.
LIBRARIES = [
    ("yaml-cpp/*", ["engine/config/yaml_file.cpp"]),
    ("CLI/*", ["cli/*"]),
    ("oneapi/dnnl/*", ["layers/*", "engine/plan/*", "engine/train/*"]),
    ("onnx.pb.h", ["engine/onnx/*"]),
    ("google/protobuf/*", ["engine/onnx/*"]),
    ("fmt/*", ["engine/graph/*", "engine/train/*", "engine/sinks/*", "cli/*"]),
    ("nlohmann/*", ["engine/config/*", "engine/formats/*", "engine/train/*", "engine/sinks/*", "cli/*"]),
    ("Random123/*", ["core/random.cpp"]),
    ("omp.h", ["core/parallel.*"]),
    ("openssl/*", ["core/*", "engine/train/*"]),
    ("zlib.h", ["datasets/*"]),
    ("jpeglib.h", ["datasets/images/jpeg_image.cpp"]),
    ("jerror.h", ["datasets/images/jpeg_image.cpp"]),
    ("png.h", ["datasets/images/png_image.cpp"]),
    ("doctest/*", []),
]
# Headers of the C library and of Linux; a header of C++ has neither a slash nor a dot.
SYSTEM = ["sys/*", "netinet/*", "linux/*", "fcntl.h", "unistd.h", "signal.h", "stdlib.h", "errno.h", "pthread.h",
          "poll.h", "sched.h", "dirent.h", "termios.h", "immintrin.h", "time.h", "stdio.h", "string.h", "spawn.h"]

# The C++ of these folders obeys the table of includes; text files anywhere obey the rest.
CODE_FOLDERS = ("core", "engine", "layers", "datasets", "cli", "tests")
TEXT_SUFFIXES = {".cpp", ".h", ".py", ".sh", ".cmake", ".md", ".yaml", ".json", ".txt", ".expected", ".supp", ""}
LONG_FILES_ARE_FINE = ["docs/*", "tests/goldens/*.json", "tests/errors/*", "LICENSE", "NOTICE", "CHANGELOG.md"]
MACHINE_PATH = re.compile(r"(?<![\w.$}~])/(?:" + "work|root|home|opt" + r")/\w")
UNFINISHED = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|XX" + r"X)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def fits(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def own_header(file, header):
    """layers/conv.cpp may include layers/conv.h."""
    return header.rsplit(".", 1)[0] == file.rsplit(".", 1)[0]


def include_breach(file, bracket, header):
    """What is wrong with this include, or None."""
    if bracket == '"':
        allowed = next((allowed for files, allowed in OURS if fits(file, [files])), [])
        if file == "layers/registry.cpp":
            allowed = ["layers/*", *allowed]   # the one list of all layers
        if not own_header(file, header) and not fits(header, allowed):
            return f'may not include "{header}" (allowed: {", ".join(allowed)})'
        return None
    if file.startswith("tests/") or fits(header, SYSTEM) or not re.search(r"[/.]", header):
        return None
    users = next((users for library, users in LIBRARIES if fits(header, [library])), None)
    if users is None:
        return f"<{header}> is of no library that the rules know"
    if not fits(file, users):
        return f"<{header}> belongs in {', '.join(users) or 'tests/'} only"
    return None


def breaches_of(file, text):
    """All breaches of one file as (line number, message)."""
    found = []
    lines = text.splitlines()
    is_code = file.endswith((".cpp", ".h")) and file.split("/")[0] in CODE_FOLDERS
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line) if is_code else None
        if include and (message := include_breach(file, *include.groups())):
            found.append((number, message))
        if MACHINE_PATH.search(line):
            found.append((number, "names a folder of one machine"))
        if UNFINISHED.search(line):
            found.append((number, "is marked as unfinished"))
    if len(lines) > MAX_LINES and not fits(file, LONG_FILES_ARE_FINE):
        found.append((len(lines), f"is longer than {MAX_LINES} lines"))
    return found


def tracked_files():
    """What is committed or about to be; without git (a source archive), what lies in the folders of code."""
    if shutil.which("git"):
        listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                 capture_output=True, text=True)
        if listing.returncode == 0:
            return sorted(name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file())
    return sorted(str(path.relative_to(ROOT)) for folder in CODE_FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())


def check_tree():
    breaches, checked = 0, 0
    for file in tracked_files():
        if pathlib.PurePath(file).suffix not in TEXT_SUFFIXES or file in ("LICENSE", "NOTICE"):
            continue
        try:
            text = (ROOT / file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue   # data, and hostile YAML of the tests
        checked += 1
        for line, message in breaches_of(file, text):
            breaches += 1
            print(f"{file}:{line}: {message}")
    print(f"{checked} files checked, {breaches} breaches")
    return 1 if breaches or not checked else 0


# (file, text, how many breaches)
SAMPLES = [
    ("core/shape.cpp", '#include "core/text.h"\n#include <vector>\n#include <sys/stat.h>', 0),
    ("core/shape.cpp", '#include "layers/layer.h"', 1),
    ("engine/config/run_config.cpp", '#include "engine/graph/graph.h"', 1),
    ("engine/graph/build.cpp", '#include "layers/tape.h"', 1),
    ("engine/plan/plan.cpp", '#include "layers/tape.h"\n#include <oneapi/dnnl/dnnl.hpp>', 0),
    ("engine/plan/plan.cpp", '#include "engine/train/loop.h"', 1),
    ("engine/onnx/read_model.cpp", '#include "core/error.h"\n#include <onnx.pb.h>', 0),
    ("engine/onnx/export.cpp", '#include "engine/train/setup.h"', 1),
    ("layers/conv.cpp", "#include <onnx.pb.h>\n#include <google/protobuf/message_lite.h>", 2),
    ("layers/conv.cpp", '#include "layers/conv.h"\n#include "layers/layer.h"\n#include "layers/pool_util.h"', 0),
    ("layers/conv.cpp", '#include "layers/batch_norm.h"', 1),
    ("layers/conv.cpp", '#include "engine/graph/graph.h"', 1),
    ("layers/registry.cpp", '#include "layers/conv.h"', 0),
    ("datasets/images/idx.cpp", '#include "layers/layer.h"\n#include <zlib.h>', 1),
    ("datasets/images/idx.cpp", "#include <jpeglib.h>\n#include <png.h>", 2),
    ("engine/config/yaml_file.cpp", "#include <yaml-cpp/yaml.h>", 0),
    ("engine/config/run_config.cpp", "  #  include <yaml-cpp/yaml.h>", 1),
    ("engine/graph/graph.cpp", "#include <oneapi/dnnl/dnnl.hpp>", 1),
    ("core/loop.cpp", "#include <fmt/format.h>", 1),
    ("engine/train/loop.cpp", "#include <boost/any.hpp>", 1),
    ("cli/main.cpp", '#include <CLI/CLI.hpp>\n#include "engine/train/loop.h"', 0),
    ("core/text.cpp", "// TO" + "DO: later", 1),
    ("scripts/a.sh", "cd /ro" + "ot/x", 1),
    ("configs/a.yaml", "path: /ho" + "me/me/data", 1),
    ("docs/a.md", "configs/home/x and build/opt/y", 0),
    ("layers/long.cpp", "\n" * (MAX_LINES + 1), 1),
    ("layers/long.cpp", "\n" * MAX_LINES, 0),
]


def self_test():
    wrong = 0
    for file, text, expected in SAMPLES:
        found = breaches_of(file, text)
        if len(found) != expected:
            wrong += 1
            print(f"{file}: {text[:60]!r}: {expected} breaches expected, found {found}")
    print(f"{len(SAMPLES)} samples, {wrong} judged wrongly")
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true")
    sys.exit(self_test() if parser.parse_args().self_test else check_tree())
