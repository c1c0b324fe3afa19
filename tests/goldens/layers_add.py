"""Goldens of add and mul, against PyTorch's operators."""
from layer_cases import case, source, write

SHAPES = {"a blocked picture": [2, 32, 5, 4], "17 channels": [3, 17, 3, 3], "one number": [1, 1, 1, 1],
          "features": [4, 20], "a series": [2, 3, 7], "a sequence": [2, 5, 6]}


def total(src, w):
    result = src[0]
    for other in src[1:]:
        result = result + other
    return result


write("add", [
    *[case(name, "add", {}, [source(shape)] * 2, total) for name, shape in SHAPES.items()],
    case("three sources", "add", {}, [source([2, 16, 3, 3])] * 3, total),
])
