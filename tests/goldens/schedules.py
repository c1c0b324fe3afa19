"""Writes schedules.json: the learning rate of every step of a short training under torch.optim.lr_scheduler, and the
momentum where the scheduler changes it.

A case is what a config says (schedule, params, warmup), the size of the training, and for `plateau` the metric of each
epoch. Schedulers by epoch are stepped after each epoch, those by step after each step, as PyTorch's users do."""
import json
import math
import pathlib

import torch
from torch.optim import lr_scheduler as lrs

HERE = pathlib.Path(__file__).parent
MOMENTUM = 0.9375  # the optimiser's own


def lr_of(optimizer):
    return optimizer.param_groups[0]["lr"]


def case(schedule, params, make, by="epoch", lr=0.1, epochs=10, steps_per_epoch=3, warmup=None, metrics=None,
         lower_is_better=True):
    """`make(optimizer, length)` makes the scheduler; length counts in what `by` says."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=MOMENTUM)
    scheduler = make(optimizer, epochs if by == "epoch" else epochs * steps_per_epoch)
    warm = None
    if warmup:
        length = warmup["steps"] if "steps" in warmup else warmup["epochs"] * steps_per_epoch
        warm = lrs.LinearLR(optimizer, warmup.get("start_factor", 0.1), 1.0, length)
    rates, momenta = [], []
    for epoch in range(epochs):
        for _ in range(steps_per_epoch):
            rates.append(lr_of(optimizer))
            momenta.append(optimizer.param_groups[0]["momentum"])
            if len(rates) == epochs * steps_per_epoch:
                break  # OneCycleLR may not be asked beyond its end
            optimizer.step()
            if by == "step":
                scheduler.step()
            if warm:
                warm.step()
        if by == "epoch":
            scheduler.step(*([metrics[epoch]] if metrics else []))
    return {"schedule": schedule, "params": params, "warmup": warmup, "lr": lr, "epochs": epochs,
            "steps_per_epoch": steps_per_epoch, "metrics": metrics, "lower_is_better": lower_is_better, "lrs": rates,
            "momenta": None if set(momenta) == {MOMENTUM} else momenta}


def one_cycle(params, **more):
    words = {"anneal": "anneal_strategy"}
    own = {words.get(key, key): value for key, value in params.items()}
    make = lambda optimizer, length: lrs.OneCycleLR(optimizer, more.get("lr", 0.1), length, **own)
    return case("one_cycle", params, make, by="step", **more)


def plateau(params, metrics, lower_is_better=True, **more):
    mode = "min" if lower_is_better else "max"
    make = lambda optimizer, _: lrs.ReduceLROnPlateau(optimizer, mode, **params)
    return case("plateau", params, make, metrics=metrics, lower_is_better=lower_is_better, epochs=len(metrics), **more)


def polynomial(params, by="epoch", **more):
    power, end, lr = params.get("power", 1), params.get("end_lr", 0), more.get("lr", 0.1)
    if end == 0:
        make = lambda optimizer, length: lrs.PolynomialLR(optimizer, length, power)
    else:  # PolynomialLR always ends at zero
        shape = lambda length: lambda now: (end + (lr - end) * (1 - now / length) ** power) / lr
        make = lambda optimizer, length: lrs.LambdaLR(optimizer, shape(length))
    return case("polynomial", params, make, by=by, **more)


def cosine(params, by="epoch", **more):
    make = lambda optimizer, length: lrs.CosineAnnealingLR(optimizer, length, params.get("eta_min", 0.0))
    return case("cosine", params, make, by=by, **more)


def constant(**more):
    return case("constant", {}, lambda optimizer, _: lrs.ConstantLR(optimizer, 1.0, 1), **more)


def step(params, by="epoch", **more):
    every = params.get("epochs") or params["steps"]
    return case("step", params, lambda o, _: lrs.StepLR(o, every, params.get("gamma", 0.1)), by=by, **more)


def multistep(params, by="epoch", **more):
    milestones = params.get("epochs") or params["steps"]
    return case("multistep", params, lambda o, _: lrs.MultiStepLR(o, milestones, params.get("gamma", 0.1)), by=by, **more)


def exponential(gamma, **more):
    return case("exponential", {"gamma": gamma}, lambda o, _: lrs.ExponentialLR(o, gamma), **more)


FALLING = [1.0, 0.5, 0.4, 0.4, 0.39999, 0.45, 0.38, 0.38, 0.38, 0.38, 0.38, 0.38, 0.38, 0.37, 0.37, 0.37, 0.37]
RISING = [0.1, 0.5, 0.6, 0.6, 0.6005, 0.55, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.71, 0.71]
UNEVEN = [1.0, math.nan, 0.5, math.nan, 0.5, 0.5, 0.4, 0.5, 0.5]

CASES = [
    constant(),
    constant(warmup={"epochs": 2}),
    constant(warmup={"steps": 5, "start_factor": 0.3}),
    constant(warmup={"steps": 1}),
    step({"epochs": 3}),
    step({"steps": 4, "gamma": 0.5}, by="step"),
    multistep({"epochs": [2, 3, 8], "gamma": 0.2}),
    multistep({"steps": [1, 20]}, by="step"),
    multistep({"epochs": [5, 8]}, warmup={"epochs": 1, "start_factor": 0.01}),
    multistep({"epochs": [1, 2]}, warmup={"epochs": 4}),
    exponential(0.9),
    exponential(0.5, warmup={"steps": 7}),
    polynomial({}),
    polynomial({"power": 2, "by": "step"}, by="step"),
    polynomial({"power": 0.9, "end_lr": 0.01, "by": "step"}, by="step"),
    cosine({}),
    cosine({"eta_min": 0.003}, lr=0.2, epochs=7),
    cosine({"eta_min": 1e-4, "by": "step"}, by="step"),
    cosine({"by": "step"}, by="step", warmup={"steps": 6}),
    cosine({}, epochs=1),
    one_cycle({}),
    one_cycle({"anneal": "linear", "pct_start": 0.41}),
    one_cycle({"div_factor": 10, "final_div_factor": 100, "three_phase": True}),
    one_cycle({"anneal": "linear", "three_phase": True, "pct_start": 0.5}),
    one_cycle({"pct_start": 1.0}, epochs=3),
    one_cycle({"pct_start": 0.05}, epochs=5, steps_per_epoch=1),
    one_cycle({"cycle_momentum": False}),
    one_cycle({"base_momentum": 0.8, "max_momentum": 0.99}),
    one_cycle({"cycle_momentum": True, "base_momentum": 0, "max_momentum": 0.5, "three_phase": True, "anneal": "linear"}),
    plateau({"patience": 2}, FALLING),
    plateau({"patience": 0, "factor": 0.5, "min_lr": 0.03}, FALLING),
    plateau({"patience": 1, "cooldown": 2, "factor": 0.7}, FALLING),
    plateau({"patience": 1, "threshold": 0.11, "threshold_mode": "abs"}, FALLING),
    plateau({"patience": 1, "threshold": 0.01, "threshold_mode": "rel"}, RISING, lower_is_better=False),
    plateau({"patience": 1, "threshold": 0.05, "threshold_mode": "abs"}, RISING, lower_is_better=False),
    plateau({"patience": 1}, UNEVEN),
    plateau({"patience": 1}, [math.nan, *UNEVEN]),
    plateau({"patience": 0, "min_lr": 0.2}, FALLING),
    plateau({"patience": 0}, [1.0] * 12),
    plateau({"patience": 0, "eps": 0}, [1.0] * 12),
    plateau({"patience": 0, "eps": 0.01, "factor": 0.5, "cooldown": 1}, [1.0] * 12),
    plateau({"patience": 0, "eps": 0.02, "factor": 0.5, "min_lr": 0.03}, [1.0] * 12),
]

if __name__ == "__main__":
    for golden in CASES:
        if golden["metrics"]:  # JSON has no NaN
            golden["metrics"] = [None if math.isnan(m) else m for m in golden["metrics"]]
    (HERE / "schedules.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]\n")
    print(f"schedules.json: {len(CASES)} cases")
