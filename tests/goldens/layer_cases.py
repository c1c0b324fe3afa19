"""Writes the goldens of layers: what PyTorch computes in float64 for weights and sources from formula.py.

A case is one configuration of a layer and one set of sources. The C++ side (tests/support/layer_golden.h) reads the
cases from the JSON file, so that each is written down once. Salts of the formula: source i is 1 + i, weight j (in
the layer's order) 100 + j, the gradient of result k 200 + k."""
import json
import pathlib

import torch

from formula import formula, samples

HERE = pathlib.Path(__file__).parent


def source(shape, scale=1.0, below=None, shift=0.0, first=0):
    """A source of a layer; with `below` that many integers from `first` on instead of floats."""
    record = {"shape": list(shape), "scale": scale, "shift": shift, "below": below}
    return {**record, "first": first} if first else record


def weight(shape, scale=0.5, shift=0.0):
    return {"shape": list(shape), "scale": scale, "shift": shift}


def tensor_of(spec, salt):
    values = formula(salt, spec["shape"], spec["scale"]) + spec["shift"]
    if spec.get("below"):
        return torch.tensor(((formula(salt, spec["shape"]) + 1) / 2 * spec["below"]).astype("int64") + spec.get("first", 0))
    return torch.tensor(values.astype("float32"), dtype=torch.float64)


def case(name, layer, params, sources, function, weights=None, statistics=None, training=True, kink=None, frozen=None):
    """Runs function(sources, weights) -> result or list of results, and its gradients.

    `weights`: name -> weight(...), trained. `statistics`: name -> weight(...), which function changes in place; their
    values afterwards are kept. `kink`: numeric gradients leave out
    sources that near to zero; negative: no numeric gradients at all. `frozen`: statistics that must stay as they are."""
    weights, statistics = weights or {}, statistics or {}
    src = [tensor_of(spec, 1 + i) for i, spec in enumerate(sources)]
    leaves = [s.requires_grad_() for s in src if s.is_floating_point()]
    for j, spec in enumerate([*weights.values(), *statistics.values()]):
        spec["salt"] = 100 + j
    held = {key: tensor_of(spec, spec["salt"]) for key, spec in {**weights, **statistics}.items()}
    trained = [held[key].requires_grad_() for key in weights]
    results = function(src, held)
    results = list(results) if isinstance(results, (list, tuple)) else [results]
    record = {"name": name, "layer": layer, "params": params, "sources": sources, "training": training, "kink": kink or 0,
              "dst": [samples(r.detach().numpy()) for r in results],
              "statistics": {key: {**spec, "after": samples(held[key].detach().numpy())} for key, spec in statistics.items()}}
    gradients = [None] * (len(leaves) + len(trained))
    if training and (leaves or trained) and any(r.requires_grad for r in results):
        total = sum((r * torch.tensor(formula(200 + k, tuple(r.shape)), dtype=torch.float64)).sum() for k, r in enumerate(results))
        gradients = torch.autograd.grad(total, leaves + trained, allow_unused=True)
    if frozen:
        record["frozen"] = frozen
    of = iter(gradients)
    keep = lambda g: None if g is None else samples(g.numpy())
    record["diff_src"] = [keep(next(of)) if s.is_floating_point() else None for s in src]
    record["weights"] = {key: {**spec, "diff": keep(next(of))} for key, spec in weights.items()}
    return record


def write(name, cases):
    path = HERE / "layers" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size // 1024} KB")
