"""Goldens of flatten, against torch.flatten."""
import torch

from layer_cases import case, source, write


def flatten(name, shape, start_axis=None):
    params = {} if start_axis is None else {"start_axis": start_axis}
    return case(name, "flatten", params, [source(shape)], lambda src, w: torch.flatten(src[0], start_axis or 1))


write("flatten", [
    flatten("a picture", [2, 16, 3, 4]),
    flatten("17 channels", [1, 17, 5, 3]),
    flatten("after pooling", [3, 32, 1, 1]),
    flatten("a series", [2, 3, 7]),
    flatten("features", [4, 20]),
    flatten("from the second axis", [2, 16, 3, 4], start_axis=2),
])
