#!/usr/bin/env python3
"""Installs a build, moves the tree and runs it with an empty environment: it must find its libraries, configs,
digits and scripts in itself.

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


def script_failures(tree, scratch):
    """Of get-data.sh, which messages name, and of a study, cut short; both called from a folder elsewhere."""
    share, failures = tree / "share/dltool", []
    place = pathlib.Path(scratch, "elsewhere")
    place.mkdir()
    start = dict(capture_output=True, text=True, cwd=place,
                 env={"PATH": "/usr/bin:/bin", "DLTOOL_ARCHIVES": "/nowhere"})
    script = share / "scripts/get-data.sh"
    train = subprocess.run([tree / "bin/dltool", "train", share / "configs/mnist/lenet.yaml", "--data", "/nowhere"], **start)
    if train.returncode != 4 or f"hint: '{script.resolve()}' mnist puts it in place" not in train.stderr:
        failures.append("dltool train does not say how to come by MNIST: " + train.stderr)
    get = subprocess.run([script, "cifar10_images"], **start)
    if get.returncode != 4 or "could not get cifar10_images" not in get.stderr or not (share / "data").is_dir():
        failures.append("get-data.sh does not look for archives, or not into the data folder of the configs: " + get.stderr)
    small = ("train.max_steps=1", "data.source.adding.samples=60", "data.source.adding.test_samples=10", "data.split.valid=5",
             "data.source.adding.length=10")
    sets = [word for key in small for word in ("--set", key)]
    study = subprocess.run([share / "configs/studies/memory.sh", *sets], **start)
    if study.returncode != 0 or not (place / "runs/studies/memory/rnn/exit.json").exists():
        failures.append("a study does not run: " + study.stderr)
    return failures


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
        if not any(tree.glob("share/doc/dltool/onednn/*")):
            failures.append("oneDNN is there without its licence")
        if not run(program, "--version"):
            failures.append("dltool --version failed")
        if not run(program, "check", tree / "share/dltool/configs/digits/resnet.yaml"):
            failures.append("dltool check failed")
        failures += script_failures(tree, scratch)
    print("\n".join(failures) or "the installed tree is whole")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
