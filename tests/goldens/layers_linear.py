"""Goldens of linear, against torch.nn.functional.linear."""
import torch.nn.functional as F

from layer_cases import case, source, weight, write


def linear(name, rows, in_features, out_features, bias=True):
    weights = {"weight": weight([out_features, in_features])}
    if bias:
        weights["bias"] = weight([out_features])
    return case(name, "linear", {"out_features": out_features, "bias": bias}, [source([*rows, in_features])],
                lambda src, w: F.linear(src[0], w["weight"], w.get("bias")), weights)


write("linear", [
    linear("a batch", [8], 20, 10),
    linear("one sample", [1], 17, 3),
    linear("one feature", [4], 1, 1),
    linear("without bias", [5], 33, 65, bias=False),
    linear("a sequence", [3, 7], 12, 5),
])
