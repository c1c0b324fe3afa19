#!/usr/bin/env python3
"""Speed of a training step beside PyTorch's: `dltool bench` and shared/bench/torch_baseline.py in turns, so that both
meet the same weather on the machine. Prints a table of medians, then the same as one line of JSON.

    bench/compare.py [--nets lenet,resnet20] [--rounds 3] [--torch-python PYTHON]

Exit code 1 when dltool is slower than PyTorch on any of the networks, 2 when a program fails. See bench/README.md."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The networks of torch_nets.py and the configs with the same graph, shapes and batch.
CONFIGS = {
    "lenet": "configs/mnist/lenet.yaml",
    "resnet20": "configs/cifar/resnet20.yaml",
    "resnet20-preact": "configs/cifar/resnet20_preact.yaml",
    "densenet-bc-100-12": "configs/cifar/densenet_bc_100_12.yaml",
    "resnet50": "configs/imagenet/resnet50.yaml",
    "googlenet": "configs/imagenet/googlenet.yaml",
    "lstm-rows": "configs/mnist/lstm_rows.yaml",
    "gru-rows": "configs/mnist/gru_rows.yaml",
    "lstm-char-lm": "configs/text/char_lstm.yaml",
    "gru-char-lm": "configs/text/char_gru.yaml",
}
DEFAULT_NETS = ["lenet", "resnet20"]


class ProgramFailed(Exception):
    pass


def run_json(command):
    """The last line of the program's output, which is its result as JSON."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    except OSError as error:
        raise ProgramFailed(f"cannot run {command[0]}: {error.strerror}")
    if done.returncode != 0:
        raise ProgramFailed(f"exit code {done.returncode} of {' '.join(command)}\n{done.stderr.strip()}")
    try:
        return json.loads(done.stdout)   # whether on one line or many
    except json.JSONDecodeError:
        raise ProgramFailed(f"no JSON from {' '.join(command)}\n{done.stdout.strip()[-500:]}")


def run_dltool(args, net):
    command = [args.dltool, "bench", CONFIGS[net], "--precision", args.dtype, "--json"]
    return run_json(command + (["--steps", args.steps] if args.steps else []))


def run_torch(args, net):
    """The best of the modes that were asked for; the baseline itself takes the better layout."""
    common = [args.torch_python, args.baseline, net, "--dtype", args.dtype, "--threads", args.threads]
    common += ["--steps", args.steps] if args.steps else []
    runs = [run_json([*common, "--mode", mode]) for mode in args.modes]
    return max(runs, key=lambda run: run["per_second"])


def compare(args, net):
    """Both programs `rounds` times, taking turns at going first."""
    ours, theirs = [], []
    for turn in range(args.rounds):
        pair = [(run_dltool, ours), (run_torch, theirs)]
        for run, results in pair if turn % 2 == 0 else reversed(pair):
            results.append(run(args, net))
        print(f"{net} {args.dtype}, round {turn + 1} of {args.rounds}: dltool {ours[-1]['per_second']:,.0f} a second, "
              f"PyTorch {theirs[-1]['per_second']:,.0f}", file=sys.stderr)
    return summary(net, args.dtype, ours, theirs)


def summary(net, dtype, ours, theirs):
    def median(runs, key):
        return statistics.median(run[key] for run in runs)

    ratios = [mine["per_second"] / other["per_second"] for mine, other in zip(ours, theirs)]
    doubts = [f"{key} differ: dltool {ours[0][key]}, PyTorch {theirs[0][key]}"
              for key in ("params", "threads") if ours[0][key] != theirs[0][key]]
    return {"net": net, "dtype": dtype, "rounds": len(ours), "threads": ours[0]["threads"],
            "dltool_per_second": round(median(ours, "per_second"), 1),
            "torch_per_second": round(median(theirs, "per_second"), 1),
            "ratio": round(statistics.median(ratios), 3), "ratio_min": round(min(ratios), 3),
            "ratio_max": round(max(ratios), 3), "dltool_peak_mib": median(ours, "peak_mib"),
            "torch_peak_mib": median(theirs, "peak_mib"), "torch_layout": theirs[0]["layout"],
            "torch_mode": theirs[0]["mode"], "doubts": doubts}


def print_table(rows):
    print(f"{'network':<20} {'type':<4} {'dltool/s':>10} {'PyTorch/s':>10} {'ratio':>6}  {'(min - max)':<13} "
          f"{'MiB':>6} {'PyTorch':>7}")
    for row in rows:
        spread = f"({row['ratio_min']:.2f} - {row['ratio_max']:.2f})"
        print(f"{row['net']:<20} {row['dtype']:<4} {row['dltool_per_second']:>10,.0f} {row['torch_per_second']:>10,.0f} "
              f"{row['ratio']:>6.2f}  {spread:<13} {row['dltool_peak_mib']:>6,.0f} {row['torch_peak_mib']:>7,.0f}")
        for doubt in row["doubts"]:
            print(f"  not the same measurement: {doubt}")


def known_nets(text):
    nets = list(CONFIGS) if text == "all" else text.split(",")
    if unknown := [net for net in nets if net not in CONFIGS]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)} (known: {', '.join(CONFIGS)}, all)")
    return nets


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=known_nets, default=DEFAULT_NETS, help="comma-separated, or all")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program, in turns")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--modes", type=lambda text: text.split(","), default=["eager"],
                        help="PyTorch's: eager, or eager,compile for the better of both")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="PyTorch's threads")
    parser.add_argument("--steps", type=int, default=0, help="counted steps of both; 0: each program's own choice")
    parser.add_argument("--torch-python", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--dltool", default=ROOT / "build/release/dltool", help="the program to measure")
    parser.add_argument("--baseline", default=ROOT.parent / "shared/bench/torch_baseline.py")
    return parser.parse_args()


def main():
    args = parse_arguments()
    try:
        rows = [compare(args, net) for net in args.nets]
    except ProgramFailed as failure:
        print(f"compare.py: {failure}", file=sys.stderr)
        return 2
    print_table(rows)
    print(json.dumps(rows))
    return 0 if all(row["ratio"] >= 1 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
