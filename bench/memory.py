#!/usr/bin/env python3
"""The memory that `dltool summary` and the first lines of `dltool train` announce, beside the peak of a training: some
steps, evaluations and saves of ten networks. Prints a table, then the same as one line of JSON.

    bench/memory.py [--nets lenet,resnet50] [--dltool build/release/dltool] [--data DIR] [--within 10]

DIR holds mnist, cifar10_images and tinyshakespeare.txt as scripts/get-data.sh puts them there. Exit code 1 when an
estimate is further from the peak than --within percent, 2 when a program fails."""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The config, and what is set beside it. Of images a few are copied, so that a training sees whole epochs.
NETS = {
    "mlp": ["mnist/mlp.yaml", "train.epochs=2"],
    "lenet": ["mnist/lenet.yaml", "train.epochs=2"],
    "resnet20": ["cifar/resnet20.yaml", "train.epochs=3", "data.split={valid: 16}",
                 "data.source={image_folder: {path: FEW, size: 32}}"],
    "densenet_bc_100_12": ["cifar/densenet_bc_100_12.yaml", "train.epochs=3", "data.batch=32",
                           "data.split={valid: 16}",
                           "data.source={image_folder: {path: FEW, size: 32}}"],
    "googlenet": ["imagenet/googlenet.yaml", "train.max_steps=4", "data.batch=16", "data.source.image_folder.path=FEW"],
    "resnet50": ["imagenet/resnet50.yaml", "train.max_steps=2", "data.batch=4", "data.source.image_folder.path=FEW"],
    "mobilenet_v2": ["imagenet/mobilenet_v2.yaml", "train.max_steps=4", "data.batch=16",
                     "data.source.image_folder.path=FEW"],
    "lstm_rows": ["mnist/lstm_rows.yaml", "train.epochs=1"],
    "char_lstm": ["text/char_lstm.yaml", "train.max_steps=60"],
    "char_gru": ["text/char_gru.yaml", "train.max_steps=60"],
}


class ProgramFailed(Exception):
    pass


def run(command):
    """What the program printed, and the most memory that it had, in MiB."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.STDOUT, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        out.seek(0)
        text = out.read()
    if os.waitstatus_to_exitcode(status) != 0:
        raise ProgramFailed(f"{' '.join(map(str, command))} failed:\n{text[-1000:]}")
    return text, usage.ru_maxrss / 1024


def copy_few(source, target, count):
    """The first images of each class and part."""
    for folder in sorted(source.glob("*/*")):
        out = target / folder.relative_to(source)
        out.mkdir(parents=True)
        for image in sorted(folder.iterdir())[:count]:
            shutil.copy(image, out)


def measure(args, net, few, folder):
    config, *sets = NETS[net]
    command = [ROOT / "configs" / config, "--data", args.data]
    for pair in sets:
        command += ["--set", pair.replace("FEW", str(few))]
    summary = json.loads(run([args.dltool, "summary", *command, "--json"])[0].splitlines()[-1])
    estimate = sum(summary["memory"].values()) / 2**20
    text, peak = run([args.dltool, "train", *command, "--run", folder / net])
    started = float(re.search(r"threads; ([\d.]+) MiB of memory", text).group(1))
    return {"net": net, "summary_mib": round(estimate, 1), "train_mib": started, "peak_mib": round(peak, 1),
            "summary_off": round(100 * (estimate / peak - 1), 1), "train_off": round(100 * (started / peak - 1), 1)}


def print_table(rows):
    print(f"{'network':<20} {'summary':>9} {'train':>9} {'peak MiB':>9} {'summary off':>12} {'train off':>10}")
    for row in rows:
        print(f"{row['net']:<20} {row['summary_mib']:>9.1f} {row['train_mib']:>9.1f} {row['peak_mib']:>9.1f} "
              f"{row['summary_off']:>+11.1f}% {row['train_off']:>+9.1f}%")


def known_nets(text):
    nets = list(NETS) if text == "all" else text.split(",")
    if unknown := [net for net in nets if net not in NETS]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)} (known: {', '.join(NETS)}, all)")
    return nets


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=known_nets, default=list(NETS), help="comma-separated, or all")
    parser.add_argument("--dltool", type=pathlib.Path, default=ROOT / "build" / "release" / "dltool")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "data")
    parser.add_argument("--within", type=float, default=10, help="percent that an estimate may be off")
    args = parser.parse_args()
    args.dltool, args.data = args.dltool.resolve(), args.data.resolve()
    return args


def main():
    args = parse_arguments()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        copy_few(args.data / "cifar10_images", folder / "few", 16)
        for net in args.nets:
            rows.append(measure(args, net, folder / "few", folder))
            print(f"{net}: done", file=sys.stderr)
    print_table(rows)
    print(json.dumps({"within": args.within, "networks": rows}))
    return 1 if any(abs(row[key]) > args.within for row in rows for key in ("summary_off", "train_off")) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ProgramFailed, OSError) as error:
        print(f"memory.py: {error}", file=sys.stderr)
        sys.exit(2)
