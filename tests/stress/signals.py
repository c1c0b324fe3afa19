#!/usr/bin/env python3
"""Sends signals to trainings, and compares each with one that was left alone: no signal may harm a run.

    signals.py [--count N] [--seed S] DLTOOL

Recurrent and convolutional networks, with 0, 1 and 2 threads that read ahead: SIGUSR1 in a stream while they train,
and SIGTERM and SIGINT at random moments, each time resumed. N signals are sent, at least. Nothing that is checked
depends on when a signal arrives. Exit 1 and one line for each run that was harmed."""
import argparse
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

LAYERS = {
    "lstm": "reshape: {shape: [28, 28]}, lstm: {hidden_size: 64, output: last}",
    "gru": "reshape: {shape: [28, 28]}, gru: {hidden_size: 64, output: last}",
    "rnn": "reshape: {shape: [28, 28]}, rnn: {hidden_size: 64, output: last}",
    "conv": "conv: {out_channels: 8, kernel_size: 3}, batch_norm, relu, flatten",
}
CONFIG = """
data: {source: {synthetic: {shape: [1, 28, 28], classes: 10, samples: 1600, test_samples: 64}}, batch: 32, split: {valid: 64}, %s}
model: {layers: [%s, linear: {out_features: 10}]}
loss: cross_entropy
optimizer: {adam: {lr: 0.001}}
train: {epochs: 2, threads: %d, checkpoint: {keep: 1}}
"""
WORKERS = {0: "prefetch: 0", 1: "workers: 1", 2: "workers: 2"}
TIMES = ("seconds", "samples_per_second", "wait_share")
LONGEST_S = 300  # of one process, on a busy machine


def write_config(path, net, workers, threads):
    layers = ", ".join("{" + layer + "}" if ":" in layer.split("{")[0] else layer
                       for layer in split_layers(LAYERS[net]))
    path.write_text(CONFIG % (WORKERS[workers], layers, threads))


def split_layers(text):
    """At the commas outside of braces and brackets."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "{[") - (c in "}]")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts]


def bits_of(run):
    """What a run came to, apart from times: every weight, and all metrics."""
    bits = {}
    for link in ("last", "best"):
        for file in ("model.safetensors", "optim.safetensors"):
            bits[f"{link}/{file}"] = hashlib.sha256((run / "checkpoints" / link / file).read_bytes()).hexdigest()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    bits["metrics"] = [{k: v for k, v in line.items() if k not in TIMES} for line in lines]
    return bits


class Stress:
    def __init__(self, dltool, folder, rng):
        self.dltool, self.folder, self.rng = dltool, folder, rng
        self.sent, self.ended_by, self.harmed = {"USR1": 0, "TERM": 0, "INT": 0}, 0, []
        self.environment = dict(os.environ, OMP_WAIT_POLICY="passive")  # two such programs may run at once

    def start(self, *arguments):
        return subprocess.Popen([self.dltool, *map(str, arguments)], env=self.environment, cwd=self.folder,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def send(self, process, number):
        process.send_signal(number)
        self.sent[number.name.removeprefix("SIG")] += 1

    def wait(self, process, what, allowed=(0,)):
        """The exit code; anything but `allowed` is harm."""
        try:
            _, err = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
        if process.returncode not in allowed:
            self.harmed.append(f"{what}: exit code {process.returncode}: {err.strip()[-300:]}")
        return process.returncode

    def compare(self, run, right, what):
        if any(text.startswith(what + ":") for text in self.harmed):
            return
        for name, value in bits_of(run).items():
            if value != right[name]:
                self.harmed.append(f"{what}: {name} differs from an undisturbed run")

    def stream(self, config, run, right, most):
        """SIGUSR1 while the run is there, `most` at most."""
        what = f"{run.name}: SIGUSR1"
        process = self.start("train", config, "--run", run)
        sent = 0
        while process.poll() is None and sent < most:
            if (run / "config.yaml").exists():  # it begins: before main() nobody can take a signal
                self.send(process, signal.SIGUSR1)
                sent += 1
            time.sleep(self.rng.uniform(0, 0.004))
        self.wait(process, what)
        self.compare(run, right, what)

    def stops(self, config, run, right, most, seconds):
        """Stopped `most` times at most, and resumed each time."""
        what = f"{run.name}: stops"
        for _ in range(most):
            begun = (run / "config.resolved.yaml").exists()
            if begun and (run / "exit.json").exists() and json.loads(
                    (run / "exit.json").read_text())["outcome"] == "completed":
                break
            process = self.start("resume", run) if begun else self.start("train", config, "--run", run)
            time.sleep(self.rng.uniform(0, seconds))
            number = self.rng.choice((signal.SIGTERM, signal.SIGINT))
            if process.poll() is None:
                self.send(process, number)
            # Killed by it: so early, or so late, that there was nobody to take it.
            if self.wait(process, what, (0, 128 + number, -number)) != 0:
                self.ended_by += 1
        begun = (run / "config.resolved.yaml").exists()
        self.wait(self.start("resume", run) if begun else self.start("train", config, "--run", run), what)
        self.compare(run, right, what)

    def round(self, net, workers, threads, most):
        base = self.folder / f"{net}-{workers}-{threads}-{sum(self.sent.values())}"
        config = base.with_suffix(".yaml")
        write_config(config, net, workers, threads)
        runs = [base.with_name(base.name + end) for end in ("-alone", "-saved", "-stopped")]
        began = time.monotonic()
        if self.wait(self.start("train", config, "--run", runs[0]), f"{runs[0].name}: alone") != 0:
            return
        seconds = time.monotonic() - began
        right = bits_of(runs[0])
        self.stream(config, runs[1], right, most)
        self.stops(config, runs[2], right, max(2, most // 20), seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dltool", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=120, help="signals to send, at least (default: 120)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    cases = [(net, (i + shift) % len(WORKERS)) for shift in range(len(WORKERS)) for i, net in enumerate(LAYERS)]
    with tempfile.TemporaryDirectory() as folder:
        stress = Stress(arguments.dltool.resolve(), pathlib.Path(folder), rng)
        rounds = 0
        while sum(stress.sent.values()) < arguments.count and not stress.harmed:
            net, workers = cases[rounds % len(cases)]
            stress.round(net, workers, 1 + rounds // len(cases) % 2, most=min(200, -(-arguments.count // len(LAYERS))))
            rounds += 1
        sent = ", ".join(f"{count} {name}" for name, count in stress.sent.items())
        print(f"{sum(stress.sent.values())} signals ({sent}) in {rounds} rounds of {', '.join(LAYERS)}; "
              f"{stress.ended_by} runs stopped and resumed; {len(stress.harmed)} harmed")
        for text in stress.harmed:
            print(text)
    return 1 if stress.harmed else 0


if __name__ == "__main__":
    sys.exit(main())
