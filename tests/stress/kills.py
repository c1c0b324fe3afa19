#!/usr/bin/env python3
"""The kill matrix: dltool is killed at random moments and at each call that touches a run's files, and each such call
fails once; whatever happens, the run must be trained or resumed to the bits of one that nobody disturbed.

    kills.py --dltool BINARY --shim LIBRARY [--kills 300] [--stride 1] [--seed 1] [--folder DIR]

--shim: fault_shim.cpp, built as a library that is preloaded. --kills: random kills. --stride N: of the calls, every N-th.
Exit code 1 and a line for each breach. What is checked after each kill and each failure:
  - a checkpoint of which "saved" was said is whole, or a newer one is; the same of the best;
  - the exit code is 0 or that of an error that the program knows, never that of a crash or of a bug;
  - the folder can be resumed where there is config.resolved.yaml, and trained where there is not;
  - then last and best point where they should, nothing half-written or unpruned is left;
  - weights, optimizer, averages, state and metrics are those of the undisturbed run."""
import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CONFIG = """
version: 1
name: kills
seed: 7
data:
  source: {synthetic: {shape: [2, 8, 8], classes: 4, samples: 52, test_samples: 12, noise: 2}}
  batch: 4
  drop_last: false
  split: {valid: 10}
  transforms: {train: [random_crop: {padding: 1}]}
model:
  layers: [conv: {out_channels: 4, kernel_size: 3}, batch_norm, relu, dropout: {p: 0.3}, flatten, linear: {out_features: 4}]
loss: cross_entropy
optimizer: {sgd: {lr: 0.05, momentum: 0.9}}
schedule: {plateau: {patience: 1, factor: 0.5}}
train: {epochs: EPOCHS, effective_batch: 8, ema: {decay: 0.9}, threads: 1, checkpoint: {every: EVERY, keep: KEEP}}
"""
# Saved at certain steps; at each epoch; by time, with the best held in memory between.
POLICIES = [("{steps: 4}", 1), ("{epochs: 1}", 2), ("{epochs: 1, seconds: 0.02}", 1), ("{seconds: 1000}", 3)]
KNOWN_CODES = {0, 3, 5, 6, 10}
TIMES = ("samples_per_second", "seconds", "wait_share")


class Breach(Exception):
    pass


def whole_step(folder):
    """The step of a checkpoint and whether it was the best, or None where it is not whole."""
    try:
        text = (folder / "MANIFEST").read_bytes()
        body, _, last = text.rpartition(b"MANIFEST ")
        assert last == hashlib.sha256(body).hexdigest().encode() + b"\n"
        lines = body.decode().splitlines()
        for line in lines[3:]:
            name, size, digest = line.split(" ")
            data = (folder / name).read_bytes()
            assert len(data) == int(size) and hashlib.sha256(data).hexdigest() == digest
        return int(lines[1].split()[1]), lines[2] == "best yes"
    except (OSError, AssertionError, ValueError, IndexError):
        return None


def checkpoints(run):
    folder = run / "checkpoints"
    names = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [whole_step(path) for path in names if re.fullmatch(r"(\.old-)?step-\d+", path.name)]
    return [step for step in found if step]


def result_of(run):
    """All that must not depend on kills, as comparable values."""
    result = {}
    for link in ("last", "best"):
        target = run / "checkpoints" / link
        result[link] = os.readlink(target) if target.is_symlink() else None
        for name in ("model", "optim", "ema"):
            result[link, name] = hashlib.sha256((target / (name + ".safetensors")).read_bytes()).hexdigest()
        state = json.loads((target / "state.json").read_text())
        for key in ("elapsed_seconds", "jsonl_bytes", "csv_bytes", "diagnostics_bytes", "config_digest"):
            state.pop(key)
        for key in ("seconds", "wait_seconds"):
            state["sums"].pop(key)
        result[link, "state"] = state
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    result["metrics"] = [{key: value for key, value in line.items() if key not in TIMES} for line in lines]
    result["csv"] = len((run / "metrics.csv").read_text().splitlines())
    end = json.loads((run / "exit.json").read_text())
    result["exit"] = {key: value for key, value in end.items() if key != "seconds"}
    return result


class Matrix:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.random = random.Random(options.seed)
        self.runs = self.kills = self.faults = self.resumed = self.begun_again = 0
        self.breaches = []

    def config(self, policy, epochs):
        every, keep = policy
        path = self.folder / "config.yaml"
        path.write_text(CONFIG.replace("EVERY", every).replace("KEEP", str(keep)).replace("EPOCHS", str(epochs)))
        return path

    def command(self, config, run):
        if (run / "config.resolved.yaml").exists():
            self.resumed += 1
            return [self.options.dltool, "resume", str(run)]
        self.begun_again += 1
        return [self.options.dltool, "train", str(config), "--run", str(run)]

    def start(self, command, **fault):
        self.runs += 1
        environment = dict(os.environ, OMP_WAIT_POLICY="PASSIVE")
        if fault:
            environment.update({"LD_PRELOAD": self.options.shim, **{key: str(value) for key, value in fault.items()}})
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def check_saved(self, run, said):
        """Nothing that was said to be saved is lost."""
        steps = checkpoints(run)
        saved = [(int(step), bool(best)) for step, best in re.findall(r"saved \S*/step-(\d+)( \(best\))?$", said, re.M)]
        newest = max((step for step, _ in saved), default=None)
        if newest is not None and max((step for step, _ in steps), default=-1) < newest:
            raise Breach(f"step {newest} was said to be saved, and is lost: {steps}")
        best = max((step for step, best in saved if best), default=None)
        if best is not None and max((step for step, best in steps if best), default=-1) < best:
            raise Breach(f"the best, step {best}, was said to be saved, and is lost: {steps}")

    def finish(self, config, run, expected, keep):
        """Whatever is there is trained or resumed to its end, which must be that of the undisturbed run."""
        command = self.command(config, run)
        process = self.start(command)
        _, err = process.communicate(timeout=300)
        if process.returncode != 0:
            raise Breach(f"{command[1]} ends with {process.returncode}: {err[-600:]}")
        result = result_of(run)
        for key, value in expected.items():
            if result[key] != value:
                raise Breach(f"{key} differs after {command[1]}: {result[key]} instead of {value}")
        names = [path.name for path in (run / "checkpoints").iterdir()]
        steps = [name for name in names if name.startswith("step-")]
        if len(names) != len(steps) + 2 or len(steps) > keep + 1:
            raise Breach(f"checkpoints/ is not tidy: {sorted(names)}")
        left = [path.name for path in run.iterdir() if ".tmp-" in path.name]
        if left and command[1] == "train":
            raise Breach(f"left in the run folder: {left}")

    def attempt(self, what, body):
        try:
            body()
        except Breach as breach:
            self.breaches.append(f"{what}: {breach}")
            print(f"BREACH {what}: {breach}", flush=True)

    def reference(self, policy, epochs):
        config = self.config(policy, epochs)
        run = self.folder / "whole"
        shutil.rmtree(run, ignore_errors=True)
        began = time.monotonic()
        process = self.start([self.options.dltool, "train", str(config), "--run", str(run)])
        _, err = process.communicate(timeout=300)
        if process.returncode != 0:
            sys.exit(f"the undisturbed run ends with {process.returncode}: {err}")
        return config, result_of(run), time.monotonic() - began

    def random_kills(self, count):
        """Runs that are killed again and again, at any moment, until they were faster."""
        number = 0
        while self.kills < count:
            policy = POLICIES[number % len(POLICIES)]
            config, expected, seconds = self.reference(policy, 40)
            run = self.folder / "killed"
            shutil.rmtree(run, ignore_errors=True)
            for _ in range(min(8, count)):
                if self.kills >= count:
                    break
                process = self.start(self.command(config, run))
                try:
                    process.communicate(timeout=self.random.uniform(0, 1.1 * seconds))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                _, err = process.communicate()
                if process.returncode == 0:
                    break
                if process.returncode != -signal.SIGKILL:
                    self.attempt(f"kill {self.kills}, {policy[0]}", lambda: self.fail(process.returncode, err))
                self.kills += 1
                self.attempt(f"kill {self.kills}, {policy[0]}", lambda: self.check_saved(run, err))
            self.attempt(f"kill {self.kills}, {policy[0]}", lambda: self.finish(config, run, expected, policy[1]))
            number += 1

    @staticmethod
    def fail(code, err):
        raise Breach(f"exit code {code}: {err[-600:]}")

    def faulty(self, config, prepare, expected, keep, number, action, verb):
        """One process whose call `number` is its last, or fails; then one that nobody disturbs."""
        case = self.folder / "case"
        shutil.rmtree(case, ignore_errors=True)
        case.mkdir()
        run = case / "run"
        if prepare:
            shutil.copytree(prepare, run, symlinks=True)
        process = self.start(self.command(config, run), FAULT_PREFIX=case, FAULT_AT=number, FAULT_ACTION=action)
        _, err = process.communicate(timeout=300)
        self.faults += 1
        expected_codes = {-signal.SIGKILL} if action == "kill" else KNOWN_CODES
        if process.returncode not in expected_codes:
            raise Breach(f"exit code {process.returncode}: {err[-600:]}")
        self.check_saved(run, err)
        self.finish(config, run, expected, keep)

    def calls_of(self, config, prepare):
        case = self.folder / "case"
        shutil.rmtree(case, ignore_errors=True)
        case.mkdir()
        if prepare:
            shutil.copytree(prepare, case / "run", symlinks=True)
        log = self.folder / "calls"
        log.unlink(missing_ok=True)
        process = self.start(self.command(config, case / "run"), FAULT_PREFIX=case, FAULT_LOG=log)
        process.communicate(timeout=300)
        return log.read_text().splitlines()

    def each_call(self, policy, epochs, interrupted_at):
        """All calls of a training (its start, its saves, its end), or of a resume, each killed and each failed."""
        keep = policy[1]
        config, expected, _ = self.reference(policy, epochs)
        prepare, verb = None, "train"
        if interrupted_at:
            verb, prepare = "resume", self.folder / "interrupted"
            shutil.rmtree(prepare, ignore_errors=True)
            process = self.start([self.options.dltool, "train", str(config), "--run", str(prepare), "--set",
                                  f"train.max_steps={interrupted_at}"])
            process.communicate(timeout=300)
            resolved = prepare / "config.resolved.yaml"
            text, found = re.subn(r", max_steps: \d+|max_steps: \d+, |^ *max_steps: \d+\n", "",
                                  resolved.read_text(), flags=re.M)
            assert found == 1, "max_steps is not where it was in config.resolved.yaml"
            resolved.write_text(text)
        calls = self.calls_of(config, prepare)
        chosen = range(1 + self.random.randrange(self.options.stride), len(calls) + 1, self.options.stride)
        for number in chosen:
            for action in ("kill", "EIO", "ENOSPC") if self.options.stride == 1 else ("kill", "EIO"):
                what = f"{verb}, {policy[0]}, {action} at call {calls[number - 1]}"
                self.attempt(what, lambda: self.faulty(config, prepare, expected, keep, number, action, verb))
        print(f"{verb}, every {policy[0]}: {len(chosen)} of {len(calls)} calls, killed and failed", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dltool", required=True)
    parser.add_argument("--shim", required=True)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where runs are made; a temporary folder unless said")
    options = parser.parse_args()
    options.dltool, options.shim = (str(pathlib.Path(path).resolve()) for path in (options.dltool, options.shim))
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="dltool-kills-") as folder:
        matrix = Matrix(options, pathlib.Path(folder))
        matrix.each_call(("{steps: 4}", 1), 2, None)
        matrix.each_call(("{seconds: 1000}", 2), 3, None)
        matrix.each_call(("{steps: 4}", 1), 2, 6)
        matrix.random_kills(options.kills)
    print(f"{matrix.kills} random kills and {matrix.faults} kills and failures at single calls, in {matrix.runs} processes: "
          f"{matrix.resumed} resumed, {matrix.begun_again} begun; {len(matrix.breaches)} breaches")
    return 1 if matrix.breaches or matrix.faults == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
