#!/usr/bin/env python3
"""Exports networks with their preprocessing, feeds raw rows and images to onnxruntime, and compares with `dltool predict`.

    bench/onnx_preprocessing.py [--dltool PROGRAM]

Tables of numbers (one and several targets, missing values, minmax), tables with words, answers of yes and no, series, images of
bytes with and without `normalize`, and images that are read as rows. Prints the largest difference from what predict prints; exit
code 1 where one is above 1e-5 of the largest. Needs numpy, onnx and onnxruntime."""
import argparse
import ast
import json
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

from onnx_check import dltool, idx

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 1e-5
HEAD = "version: 1\noptimizer: {adam: {lr: 0.02}}\ntrain: {epochs: 3, threads: 2}\n"
DENSE = "model: {layers: [linear: {name: f, out_features: 8}, tanh, linear: {name: fc, out_features: %s}]}\n"


def table(folder, name, header, rows):
    (folder / name).write_text(header + "\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n")


def predictions(lines, classes):
    """Rows of probabilities by class, or of numbers."""
    rows = []
    for line in map(json.loads, lines):
        if classes:
            likely = {entry["class"]: entry["probability"] for entry in line.get("top", [])}
            rows.append([likely[name] for name in classes])
        else:
            value = line.get("probability", line["predicted"])
            rows.append(value if isinstance(value, list) else [value])
    return np.array(rows, dtype=np.float64)


def numbers(rng):
    x = rng.normal(size=(40, 3)) * [1, 50, 1e-3] + [0, 1000, 5]
    return np.round(x, 5)


def cases(folder, rng):
    """Name, config, names of the classes (or none), what the session is fed."""
    x = numbers(rng)
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 1000)
    features = {"features": x.astype(np.float32)}
    table(folder, "kinds.csv", "a,b,c,kind", [(*row, "xyz"[k]) for row, k in zip(x, y)])
    csv = "data: {source: {csv: {path: %s, target: %s%s}}, batch: 8}\n"
    yield "classes of a table", csv % ("kinds.csv", "kind", "") + DENSE % 3 + "loss: cross_entropy\n", list("xyz"), features
    yield "classes of a table, minmax", csv % ("kinds.csv", "kind", ", scale: minmax") + DENSE % 3 + "loss: cross_entropy\n", list("xyz"), features
    yield "classes of a table, normalized once more", (
        "data: {source: {csv: {path: kinds.csv, target: kind}}, batch: 8, transforms: {train: [normalize: {mean: 0.5, std: 2}], "
        "eval: [normalize: {mean: 0.5, std: 2}]}}\n") + DENSE % 3 + "loss: cross_entropy\n", list("xyz"), features
    table(folder, "value.csv", "a,b,c,price", [(*row, round(1e5 + 3e3 * row[0], 2)) for row in x])
    yield "a number", csv % ("value.csv", "price", "") + DENSE % 1 + "loss: mse\n", None, features
    table(folder, "two.csv", "a,b,c,u,v", [(*row, round(100 * row[0], 3), round(row[1] / 1e3, 6)) for row in x])
    yield "two numbers", csv % ("two.csv", "[u, v]", "") + DENSE % 2 + "loss: mse\n", None, features
    holes = x.copy()
    holes[::7, 1] = np.nan
    table(folder, "holes.csv", "a,b,c,kind", [(*("" if np.isnan(v) else v for v in row), "xyz"[k]) for row, k in zip(holes, y)])
    yield "missing numbers", csv % ("holes.csv", "kind", ", missing: mean") + DENSE % 3 + "loss: cross_entropy\n", list("xyz"), {
        "features": holes.astype(np.float32)}
    words = np.array(["red", "green", "blue, dark", ""])[rng.integers(0, 4, 40)]
    sexes = np.array(["m", "f"])[rng.integers(0, 2, 40)]
    table(folder, "words.csv", "a,color,b,sex,kind", [(r[0], f'"{w}"' if w else "", r[1], s, "xyz"[k]) for r, w, s, k in zip(x, words, sexes, y)])
    column = lambda values: np.asarray(values).reshape(-1, 1)
    yield "numbers and words", csv % ("words.csv", "kind", "") + DENSE % 3 + "loss: cross_entropy\n", list("xyz"), {
        "a": column(x[:, 0].astype(np.float32)), "b": column(x[:, 1].astype(np.float32)), "color": column(words.astype(object)),
        "sex": column(sexes.astype(object))}
    table(folder, "answer.csv", "a,b,c,yes", [(*row, int(k > 0)) for row, k in zip(x, y)])
    yield "yes or no", csv % ("answer.csv", "yes", ", task: regression, scale_target: false") + DENSE % 1 + "loss: bce_with_logits\n", None, features
    wave = np.round(300 + 100 * np.sin(np.arange(90) * 0.4) + rng.normal(size=90), 3)
    table(folder, "wave.csv", "t,level", list(enumerate(wave)))
    windows = np.array([wave[i:i + 6] for i in range(90 - 7)]).reshape(-1, 6, 1)
    yield "a series", ("data: {source: {csv_sequence: {path: wave.csv, columns: [level], window: 6, horizon: 2}}, batch: 8}\nmodel: {layers: "
                       "[lstm: {name: l, hidden_size: 6, output: last}, linear: {name: fc, out_features: 2}]}\nloss: mse\n"), None, {
                           "series": windows.astype(np.float32)}
    images = rng.integers(0, 256, (24, 3, 6, 5), dtype=np.uint8)
    idx(folder / "images", images)
    idx(folder / "labels", (np.arange(24) % 4).astype(np.uint8))
    source = "idx: {path: ., train_images: images, train_labels: labels, test_images: images, test_labels: labels, shape: [3, 6, 5], classes: 4}"
    flat = "model: {layers: [flatten, linear: {name: fc, out_features: 4}]}\nloss: cross_entropy\n"
    digits = [str(i) for i in range(4)]
    for name, transforms in [("images of bytes", ""), ("normalized images", "normalize: {mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3]}"),
                             ("a part of images", "center_crop: {size: [4, 3]}, normalize: {mean: 0.5, std: 0.25}"),
                             ("rows of images", "normalize: {mean: 0.5, std: 0.25}, rows"), ("pixels of images", "pixels")]:
        feed = images[:, :, 1:5, 1:4] if "part" in name else images
        both = f", transforms: {{train: [{transforms}], eval: [{transforms}]}}" if transforms else ""
        yield name, f"data: {{source: {{{source}}}, batch: 8{both}}}\n" + flat, digits, {"image": feed.astype(np.float32)}


def check(program, folder, number, config, classes, feed):
    path, run, model = folder / f"c{number}.yaml", folder / f"run{number}", folder / f"m{number}.onnx"
    path.write_text(HEAD + config)
    dltool(program, "train", path, "--run", run)
    split = "test" if "image" in feed else "train"
    top = ["--top", len(classes)] if classes else []
    own = predictions(dltool(program, "predict", run, "--split", split, "--json", *top).splitlines(), classes)
    dltool(program, "export", run, "--to", "onnx", "-o", model, "--with-preprocessing")
    onnx.checker.check_model(onnx.load(str(model)), full_check=True)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["preprocessing"])["in_graph"] is True, "the metadata do not say that the preprocessing is in the graph"
    if classes:
        assert list(ast.literal_eval(facts["names"]).values()) == classes, "the metadata have other classes"
    found = session.run(None, feed)[0].astype(np.float64).reshape(len(own), -1)
    return float(np.abs(found - own).max() / np.abs(own).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dltool", type=pathlib.Path, default=ROOT / "build/release/dltool")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for number, (what, config, classes, feed) in enumerate(cases(folder, np.random.default_rng(1))):
            try:
                found = check(args.dltool.resolve(), folder, number, config, classes, feed)
                good, text = found <= LIMIT, f"{found:.1e}"
            except (RuntimeError, AssertionError, KeyError, ValueError, onnx.checker.ValidationError) as error:
                good, text = False, f"{error}"
            failed |= not good
            print(f"{what}: {text}{'' if good else '  FAILED'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
