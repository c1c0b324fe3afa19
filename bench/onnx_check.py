#!/usr/bin/env python3
"""Exports networks to ONNX, runs them in onnxruntime and compares what comes out with dltool's own predictions.

    bench/onnx_check.py [--dltool PROGRAM] [--import] [CONFIG]...

Each config that classifies pictures (or rows of them) is given random bytes in IDX files and trained for one step, so that
its batch norms have seen data; `dltool predict --top` tells the probabilities of all classes, whose logarithms are the scores
up to a constant, and the exported model's scores must be the same ones. With --import the model also goes the way back:
`dltool import` makes a config of it, whose exported model is compared likewise. Prints max|a-b| / max|b| for each; exit code 1
where one is above 1e-4. Needs numpy, onnx and onnxruntime."""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFIGS = ["mnist/lenet", "mnist/mlp", "mnist/bn_sigmoid", "mnist/lstm_rows", "mnist/gru_rows", "cifar/resnet20", "cifar/resnet20_option_a",
           "cifar/resnet20_preact", "cifar/densenet_bc_40_12", "cifar/googlenet_small", "cifar/googlenet_small_naive", "imagenet/resnet18",
           "imagenet/resnet50", "imagenet/densenet121", "imagenet/googlenet", "imagenet/googlenet_lrn", "imagenet/googlenet_torchvision",
           "imagenet/mobilenet_v2"]
SAMPLES, CLASSES, LIMIT = 8, 10, 1e-4


def idx(path, array):
    path.write_bytes(struct.pack(">I", 0x0800 + array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())


def dltool(program, *arguments):
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"dltool {arguments[0]}: exit code {done.returncode}: {done.stderr.strip()[-800:]}")
    return done.stdout


def shape_of(config):
    name = str(config)
    return [3, 224, 224] if "imagenet" in name else [3, 32, 32] if "cifar" in name else [1, 28, 28]


def scores_of(lines):
    """Log-probabilities by class, their mean taken off."""
    rows = []
    for line in lines:
        likely = json.loads(line)["top"]
        row = np.zeros(len(likely))
        for entry in likely:
            row[int(entry["class"])] = np.log(entry["probability"])
        rows.append(row - row.mean())
    return np.array(rows)


def run_onnx(path, batch):
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    out = session.run(None, {name: batch})[0].astype(np.float64)
    one = session.run(None, {name: batch[:1]})[0]   # the batch is of any size
    assert np.allclose(one, out[:1], rtol=1e-3, atol=1e-4 * np.abs(out).max()), "a batch of one differs"
    return out - out.mean(axis=1, keepdims=True)


def difference(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def check(program, config, folder, way_back):
    shape = shape_of(config)
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (SAMPLES, *shape), dtype=np.uint8)
    idx(folder / "images", pictures)
    idx(folder / "labels", (np.arange(SAMPLES) % CLASSES).astype(np.uint8))
    source = f"{{idx: {{path: {folder}, train_images: images, train_labels: labels, test_images: images, test_labels: labels, shape: {shape}, classes: {CLASSES}}}}}"
    data = f"data={{source: {source}, batch: 4}}"
    run, model = folder / "run", folder / "model.onnx"
    sets = ["data=~", data, "train=~", "train={epochs: 1, max_steps: 1}", "schedule=constant", "optimizer=~", "optimizer={sgd: {lr: 1e-4}}"]
    if shape == [3, 224, 224]:
        sets.append("model.input=~")   # the data says it
    dltool(program, "train", config, "--run", run, *(word for setting in sets for word in ("--set", setting)))
    own = scores_of(dltool(program, "predict", run, "--split", "test", "--json", "--top", CLASSES).splitlines())
    dltool(program, "export", run, "--to", "onnx", "-o", model)
    batch = pictures.astype(np.float32) / 255
    found = [difference(run_onnx(model, batch), own)]
    if way_back:
        back, again = folder / "back", folder / "again.onnx"
        dltool(program, "import", model, "-o", back)
        dltool(program, "check", back / "config.yaml")
        dltool(program, "export", back / "config.yaml", "--weights", back / "model.safetensors", "--to", "onnx", "-o", again)
        found.append(difference(run_onnx(again, batch), own))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dltool", type=pathlib.Path, default=ROOT / "build/release/dltool")
    parser.add_argument("--import", dest="way_back", action="store_true")
    parser.add_argument("configs", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    configs = args.configs or [ROOT / "configs" / f"{name}.yaml" for name in CONFIGS]
    failed = False
    for config in configs:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = check(args.dltool, config, pathlib.Path(folder), args.way_back)
                good = max(found) <= LIMIT
                text = "  ".join(f"{value:.1e}" for value in found) + ("" if good else "  FAILED")
            except (RuntimeError, AssertionError, onnx.checker.ValidationError) as error:
                good, text = False, f"FAILED: {error}"
        failed |= not good
        print(f"{config.stem}: {text}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
