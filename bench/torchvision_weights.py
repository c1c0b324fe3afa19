#!/usr/bin/env python3
"""State dicts with torchvision's names and shapes in dltool, and back: every tensor is used, in both directions.

    bench/torchvision_weights.py [--dltool PROGRAM]

For ResNet-50, DenseNet-121, GoogLeNet in torchvision's form (with its auxiliary classifiers) and MobileNetV2: saves the state
dict of the twin in tests/goldens as safetensors, lets `dltool finetune --strict` load it and take one step at a rate of 0,
and loads what `dltool export --to safetensors` makes of the run back with load_state_dict(strict=True), where every weight must be the same to the bit. Prints a line
for each; exit code 1 when one fails. Needs torch, numpy and safetensors."""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/goldens"))
from networks_densenet import DenseNet              # noqa: E402
from networks_googlenet import GoogLeNet, TORCHVISION  # noqa: E402
from networks_mobilenet import MobileNetV2          # noqa: E402
from networks_resnet import Bottleneck, ResNet      # noqa: E402

CLASSES = 1000
NETS = {
    "resnet50": lambda: ResNet(Bottleneck, [3, 4, 6, 3], 64, imagenet=True, classes=CLASSES),
    "densenet121": lambda: DenseNet([6, 12, 24, 16], 32, 64, imagenet=True, classes=CLASSES),
    "googlenet_torchvision": lambda: GoogLeNet(classes=CLASSES, **TORCHVISION),
    "mobilenet_v2": lambda: MobileNetV2(classes=CLASSES),
}
SETS = ["data={source: {synthetic: {shape: [3, 64, 64], classes: 1000, samples: 4}}, batch: 2, classes: ~, transforms: ~}",
        "model.input=~", "train={epochs: 1, max_steps: 1}", "optimizer={sgd: {lr: 0}}", "schedule=constant"]


def there_and_back(dltool, name, folder):
    net = NETS[name]()
    saved = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in net.state_dict().items()}, saved)
    run = folder / name
    command = [dltool, "finetune", ROOT / f"configs/imagenet/{name}.yaml", "--from", saved, "--strict", "--run", run]
    for setting in SETS:
        command += ["--set", setting]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr.strip()[-500:]}"
    exported = folder / f"{name}-back.safetensors"
    subprocess.run([str(dltool), "export", str(run), "--to", "safetensors", "--weights", "raw", "-o", str(exported)],
                   capture_output=True, check=True)
    back = load_file(exported)
    twin = NETS[name]()
    twin.load_state_dict(back, strict=True)
    trained = [key for key in back if "running_" not in key]   # statistics went on averaging
    changed = [key for key in trained if not torch.equal(back[key], net.state_dict()[key])]
    return f"{len(changed)} tensors changed: {changed[:3]}" if changed else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dltool", type=pathlib.Path, default=ROOT / "build/release/dltool")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name in NETS:
            problem = there_and_back(args.dltool, name, pathlib.Path(folder))
            count = len(NETS[name]().state_dict())
            print(f"{name}: {problem or f'all of {count} tensors used, and the same when they come back'}", flush=True)
            failed |= bool(problem)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
