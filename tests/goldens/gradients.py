"""Writes gradients.json: clipping, and averages of weights, by PyTorch in float64.

Salts of the formula: gradients 1 and 2 (of two tensors), weights after update u (from 0) 10 + u."""
import json
import pathlib

import torch
from torch.optim import swa_utils

from formula import formula, samples

HERE = pathlib.Path(__file__).parent
SIZES = [9001, 70001]
EMA_SIZE, EMA_UPDATES = 12345, 8


def tensor(salt, size, scale=1.0):
    return torch.tensor(formula(salt, [size], scale), dtype=torch.float64)


def clip(scale, norm=None, value=None):
    parameters = [torch.zeros(size, dtype=torch.float64, requires_grad=True) for size in SIZES]
    for salt, parameter in enumerate(parameters, 1):
        parameter.grad = tensor(salt, parameter.numel(), scale)
    gradients = [p.grad for p in parameters]
    found = float(torch.nn.utils.clip_grad_norm_(parameters, norm if norm else 1e9))
    if value:
        torch.nn.utils.clip_grad_value_(parameters, value)
    return {"scale": scale, "max_norm": norm, "max_value": value, "norm": found,
            "clipped": samples(torch.cat(gradients).numpy(), 32)}


def ema(decay):
    average = [tensor(10, EMA_SIZE)]
    blend = swa_utils.get_ema_multi_avg_fn(decay)
    for update in range(1, EMA_UPDATES + 1):
        blend(average, [tensor(10 + update, EMA_SIZE)], torch.tensor(update))
    return {"decay": decay, "updates": EMA_UPDATES, "average": samples(average[0].numpy(), 32)}


if __name__ == "__main__":
    golden = {
        "sizes": SIZES,
        "clip": [clip(1.0), clip(1.0, norm=5), clip(0.01, norm=5), clip(1.0, value=0.5), clip(0.1, norm=2.0, value=0.003)],
        "ema": [ema(0.5), ema(0.999), ema(0.9999)],
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    (HERE / "gradients.json").write_text("{\n" + lines + "\n}\n")
    print("gradients.json")
