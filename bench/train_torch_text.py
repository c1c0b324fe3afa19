#!/usr/bin/env python3
"""Trains PyTorch's language model of characters as configs/text/char_lstm.yaml and char_gru.yaml train ours: the same model, data,
order, schedule and start. Prints a line of JSON for each epoch and split.

    bench/train_torch_text.py lstm|gru --data data/tinyshakespeare.txt --epochs N [--threads N]

The text is cut into as many stretches as a batch has samples; batch k has the k-th window of each, and the state goes on from
batch to batch. Needs torch and numpy, and shared/bench beside the repository or --nets."""
import argparse
import json
import math
import pathlib
import sys
import time

import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent
STEPS, BATCH, VALID, CLIP = 128, 32, 0.1, 1.0


def windows(tokens):
    """(batches, samples, steps) of inputs and of what follows them."""
    count = (len(tokens) - 1) // STEPS
    each = count // BATCH
    take = lambda shift: tokens[shift:shift + count * STEPS].view(count, STEPS)[:each * BATCH].view(BATCH, each, STEPS).transpose(0, 1)
    return take(0), take(1)


def run(net, batches, state=None):
    """Losses of consecutive batches, each with its last state as the next one's first."""
    for tokens, following in zip(*batches):
        output, state = net.r(net.e(tokens), state)
        state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        yield F.cross_entropy(net.f(output).flatten(0, 1), following.flatten())


def line(epoch, split, loss, seconds):
    print(json.dumps({"epoch": epoch, "split": split, "loss": loss, "bits_per_char": loss / math.log(2), "seconds": round(seconds, 1)}),
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cell", choices=["lstm", "gru"])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--nets", type=pathlib.Path, default=ROOT.parent / "shared/bench", help="folder of torch_nets.py")
    args = parser.parse_args()
    sys.path.insert(0, str(args.nets))
    import torch_nets
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    net = torch_nets.CharLm(args.cell.upper())
    text = args.data.read_text()
    numbers = {char: i for i, char in enumerate(sorted(set(text)))}
    tokens = torch.tensor([numbers[char] for char in text])
    border = int((1 - VALID) * len(tokens) + 1e-6)
    train, valid = windows(tokens[:border]), windows(tokens[border:])
    optimizer = torch.optim.Adam(net.parameters(), args.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs * len(train[0]))
    for epoch in range(1, args.epochs + 1):
        began, total = time.perf_counter(), 0.0
        for loss in run(net, train):
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            total += loss.item()
        line(epoch, "train", total / len(train[0]), time.perf_counter() - began)
        began = time.perf_counter()
        with torch.no_grad():
            losses = [loss.item() for loss in run(net, valid)]
        line(epoch, "valid", sum(losses) / len(losses), time.perf_counter() - began)


if __name__ == "__main__":
    main()
