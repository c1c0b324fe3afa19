"""Goldens of batch_norm, against torch.nn.functional.batch_norm."""
import torch.nn.functional as F

from layer_cases import case, source, weight, write


def batch_norm(name, src, training=True, affine=True, eps=1e-5, momentum=0.1, shift=0.0, scale=1.0, frozen=False):
    channels = [src[1]]
    weights = {"weight": weight(channels, 0.5, 1.0), "bias": weight(channels)} if affine else {}
    statistics = {"running_mean": weight(channels), "running_var": weight(channels, 0.4, 1.0)}
    params = {}
    if not affine:
        params["affine"] = False
    if eps != 1e-5:
        params["eps"] = eps
    if momentum != 0.1:
        params["momentum"] = momentum
    return case(name, "batch_norm", params, [source(src, scale, shift=shift)],
                lambda s, w: F.batch_norm(s[0], w["running_mean"], w["running_var"], w.get("weight"), w.get("bias"),
                                          training and not frozen, momentum, eps), weights, statistics, training,
                frozen=["running_mean", "running_var"] if frozen else None)


write("batch_norm", [
    batch_norm("picture", [3, 17, 5, 6]),
    batch_norm("picture of whole blocks", [2, 32, 4, 4]),
    batch_norm("one sample, one channel", [1, 1, 3, 3]),
    batch_norm("three channels", [4, 3, 7, 5]),
    batch_norm("far from zero", [2, 16, 5, 5], shift=3.0, scale=0.5),
    batch_norm("without scale and offset", [3, 6, 4, 4], affine=False),
    batch_norm("other eps and momentum", [2, 5, 3, 4], eps=1e-2, momentum=0.3),
    batch_norm("more rows and channels than are summed at once", [2, 150, 41, 53], shift=0.7),
    batch_norm("series", [3, 17, 9]),
    batch_norm("features", [8, 17]),
    batch_norm("features of whole blocks", [6, 64]),
    batch_norm("frozen statistics", [2, 17, 5, 4], frozen=True),
    batch_norm("frozen statistics of whole blocks", [2, 32, 4, 3], frozen=True),
    batch_norm("frozen statistics without scale and offset", [3, 6, 4, 4], frozen=True, affine=False),
    batch_norm("frozen statistics of features", [6, 17], frozen=True),
    batch_norm("evaluation", [2, 17, 3, 4], training=False),
    batch_norm("evaluation of one sample", [1, 16, 2, 2], training=False),
    batch_norm("evaluation of one value per channel", [1, 20], training=False),
    batch_norm("evaluation without scale and offset", [2, 3, 5], training=False, affine=False),
])
