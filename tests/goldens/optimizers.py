"""Writes optimizers.json: weights and state of torch.optim's optimisers, in float64, after a few steps.

A case is what a config says (optimizer, params, for some the schedule one_cycle, which changes rate and momentum) and
nothing else; weights, gradients and the tensors' shapes are the same in all of them. Salts of the formula: tensor t is 1 + t, its gradient in step s (from 1) 100 * s + t."""
import json
import pathlib

import torch

from formula import formula, samples

HERE = pathlib.Path(__file__).parent
# Odd sizes, so that no vector register comes out even; the largest is shared out among threads.
TENSORS = {"conv.weight": [17, 3, 3], "conv.bias": [17], "norm.weight": [1], "fc.weight": [300, 230], "fc.bias": [5]}
KEPT_STEPS = {1: True, 2: False, 5: False, 20: True}  # and whether the state is kept too
LAST_STEP = max(KEPT_STEPS)
COMMON = ["lr", "weight_decay", "no_decay", "lr_mult"]
TYPES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}

CASES = [
    ("sgd", {"lr": 0.1}),
    ("sgd", {"lr": 0.1, "weight_decay": 0.01}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("sgd", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "no_decay": ["conv.bias", "norm.weight", "fc.bias"],
             "lr_mult": {"fc.weight": 0.1, "fc.bias": 2, "norm.weight": 0}}),
    ("adam", {"lr": 0.01}),
    ("adam", {"lr": 0.05, "betas": [0.8, 0.9], "eps": 0.01, "weight_decay": 0.1}),
    ("adam", {"lr": 0.05, "amsgrad": True, "weight_decay": 0.01, "no_decay": ["fc.bias"], "lr_mult": {"conv.weight": 0.5}}),
    ("adamw", {"lr": 0.01}),
    ("adamw", {"lr": 0.05, "betas": [0.5, 0.7], "eps": 1e-3, "weight_decay": 0.3, "no_decay": ["fc.weight", "conv.bias"],
               "lr_mult": {"conv.weight": 3}}),
    ("adamw", {"lr": 0.05, "amsgrad": True, "weight_decay": 0}),
    ("rmsprop", {"lr": 0.01}),
    ("rmsprop", {"lr": 0.05, "alpha": 0.9, "eps": 0.1, "weight_decay": 0.1}),
    ("rmsprop", {"lr": 0.01, "momentum": 0.9}),
    ("rmsprop", {"lr": 0.01, "centered": True}),
    ("rmsprop", {"lr": 0.01, "momentum": 0.5, "centered": True, "alpha": 0.95, "weight_decay": 0.01,
                 "no_decay": ["norm.weight"], "lr_mult": {"conv.bias": 0.5}}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "lr_mult": {"fc.bias": 2}}, {}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, {"base_momentum": 0.5, "max_momentum": 0.99}),
    ("sgd", {"lr": 0.1, "momentum": 0.9}, {"cycle_momentum": False}),
    ("adam", {"lr": 0.05, "weight_decay": 0.01}, {}),
    ("adam", {"lr": 0.05, "amsgrad": True}, {"three_phase": True, "base_momentum": 0.6}),
    ("adamw", {"lr": 0.05, "lr_mult": {"conv.weight": 3}}, {"anneal": "linear"}),
    ("rmsprop", {"lr": 0.01, "momentum": 0.9}, {}),
    ("rmsprop", {"lr": 0.01, "momentum": 0.5, "centered": True}, {"base_momentum": 0.3, "max_momentum": 0.7}),
]


def group_of(name, tensor, params):
    """The parameter group that the common keys make of one tensor; without weight_decay PyTorch's default holds."""
    group = {"params": [tensor], "lr": params["lr"] * params.get("lr_mult", {}).get(name, 1)}
    if name in params.get("no_decay", []):
        group["weight_decay"] = 0
    elif "weight_decay" in params:
        group["weight_decay"] = params["weight_decay"]
    return group


def kept(tensor):
    """A few values of a tensor, to nine digits."""
    golden = samples(tensor.detach().numpy(), 8)
    golden["values"] = [float(f"{v:.9g}") for v in golden["values"]]
    return golden


def one_cycle(optimizer, params):
    words = {"anneal": "anneal_strategy"}
    peaks = [group["lr"] for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, LAST_STEP,
                                               **{words.get(key, key): value for key, value in params.items()})


def run(kind, params, schedule=None):
    tensors = [torch.tensor(formula(1 + t, shape), dtype=torch.float64, requires_grad=True)
               for t, shape in enumerate(TENSORS.values())]
    own = {key: value for key, value in params.items() if key not in COMMON}
    groups = [group_of(name, tensor, params) for name, tensor in zip(TENSORS, tensors)]
    optimizer = TYPES[kind](groups, **{key: tuple(v) if isinstance(v, list) else v for key, v in own.items()})
    scheduler = None if schedule is None else one_cycle(optimizer, schedule)
    steps = []
    for step in range(1, LAST_STEP + 1):
        if scheduler and step > 1:
            scheduler.step()
        for t, tensor in enumerate(tensors):
            tensor.grad = torch.tensor(formula(100 * step + t, list(tensor.shape)), dtype=torch.float64)
        optimizer.step()
        if step not in KEPT_STEPS:
            continue
        names = [key for key, value in optimizer.state[tensors[0]].items() if key != "step" and value is not None]
        slots = {key: [kept(optimizer.state[t][key]) for t in tensors] for key in names} if KEPT_STEPS[step] else None
        steps.append({"step": step, "weights": [kept(t) for t in tensors], "slots": slots})
    return {"optimizer": kind, "params": params, "one_cycle": schedule, "total_steps": LAST_STEP, "steps": steps}


if __name__ == "__main__":
    tensors = [{"name": name, "shape": shape} for name, shape in TENSORS.items()]
    cases = ",\n".join(json.dumps(run(*case)) for case in CASES)
    (HERE / "optimizers.json").write_text('{"tensors": ' + json.dumps(tensors) + ',\n"cases": [\n' + cases + "\n]}\n")
    print(f"optimizers.json: {len(CASES)} cases")
