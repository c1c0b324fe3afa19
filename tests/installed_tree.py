#!/usr/bin/env python3
"""Installs a build, moves the tree and runs it with an empty environment: it must find its libraries, configs and
digits in itself.

    installed_tree.py BUILD_FOLDER"""
import pathlib
import subprocess
import sys
import tempfile

# What every Debian has; all else must come from the tree's own lib folder.
BASE = ("linux-vdso", "ld-linux", "libc.so", "libm.so", "libstdc++.so", "libgcc_s.so", "libz.so", "libdl.so",
        "libpthread.so", "librt.so")


def foreign_libraries(program, tree):
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True, env={}).stdout
    return [line.strip() for line in listing.splitlines()
            if not line.strip().removeprefix("/lib64/").startswith(BASE) and f"=> {tree}/" not in line]


def run(program, *arguments):
    result = subprocess.run([program, *arguments], capture_output=True, text=True, env={}, cwd="/")
    print("$ dltool", *arguments, "\n" + result.stdout + result.stderr)
    return result.returncode == 0


def main(build):
    with tempfile.TemporaryDirectory() as scratch:
        first, tree = pathlib.Path(scratch, "first"), pathlib.Path(scratch, "second place")
        subprocess.run(["cmake", "--install", build, "--prefix", first], check=True, stdout=subprocess.DEVNULL)
        first.rename(tree)
        program = tree / "bin" / "dltool"
        failures = [f"not from the tree: {line}" for line in foreign_libraries(program, tree.resolve())]
        failures += [f"missing: {name}" for name in ("share/dltool/configs/digits/resnet.yaml", "share/dltool/datasets/digits",
                                                     "share/doc/dltool/LICENSE", "share/doc/dltool/NOTICE")
                     if not (tree / name).exists()]
        if not run(program, "--version"):
            failures.append("dltool --version failed")
        if not run(program, "check", tree / "share/dltool/configs/digits/resnet.yaml"):
            failures.append("dltool check failed")
    print("\n".join(failures) or "the installed tree is whole")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
