#!/usr/bin/env python3
"""Runs verbs under a ladder of limits on address space (ulimit -v): each must succeed, or say that memory is short.

    memory_limits.py [--step KB] [--from KB] [--to KB] DLTOOL

A limit under which the program cannot even be loaded (exit 127 by the dynamic loader) ends that verb's ladder. Exit 1
and one line for each verb and limit that ended in another way than with 0 or 7."""
import argparse
import collections
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
data: {source: digits, batch: 32, split: {valid: 200}}
model: {layers: [conv: {out_channels: 16, kernel_size: 3}, batch_norm, relu, flatten, linear: {out_features: 10}]}
loss: cross_entropy
optimizer: {adamw: {lr: 0.02}}
train: {epochs: 1, threads: 2, max_steps: 3}
"""
RESNET50 = "configs/imagenet/resnet50.yaml"
GOOD = (0, 7)
NOT_LOADED = 127
LONGEST_S = 300


def run(dltool, arguments, folder, limit_kb=None):
    def limit():
        if limit_kb:
            resource.setrlimit(resource.RLIMIT_AS, (limit_kb * 1024, limit_kb * 1024))
    return subprocess.run([dltool, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=LONGEST_S,
                          preexec_fn=limit, env=dict(os.environ, OMP_WAIT_POLICY="passive"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dltool", type=pathlib.Path)
    parser.add_argument("--from", type=int, default=80_000, dest="first", help="the lowest limit (default: 80000)")
    parser.add_argument("--to", type=int, default=1_000_000, help="the highest limit (default: 1000000)")
    parser.add_argument("--step", type=int, default=92_000, help="between limits (default: 92000)")
    arguments = parser.parse_args()
    dltool = arguments.dltool.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "c.yaml").write_text(CONFIG)
        trained = run(dltool, ["train", "c.yaml", "--run", "trained"], folder)
        if trained.returncode != 0:
            sys.exit(trained.stderr)
        seen, bad = collections.Counter(), []
        for limit in range(arguments.first, arguments.to + 1, arguments.step):
            for verb in (["check", ROOT / RESNET50], ["summary", ROOT / RESNET50], ["eval", "trained"],
                         ["predict", "trained"], ["export", "trained", "--to", "onnx", "-o", f"model-{limit}.onnx"],
                         ["train", "c.yaml", "--run", f"run-{limit}"], ["bench", "c.yaml", "--steps", "2"],
                         ["bench", ROOT / RESNET50, "--steps", "1", "--batch", "1"]):
                ended = run(dltool, verb, folder, limit)
                seen[ended.returncode] += 1
                if ended.returncode == NOT_LOADED and "shared librar" in ended.stderr:
                    continue
                if ended.returncode not in GOOD:
                    bad.append(f"{limit} kB: {' '.join(map(str, verb))}: {ended.returncode}: {ended.stderr[-300:]}")
        print(", ".join(f"{count} times {code}" for code, count in sorted(seen.items())))
        print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
