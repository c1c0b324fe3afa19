"""Goldens of the activations, against torch.nn.functional: a file each, and one of `activation: {fn: ...}`."""
import torch.nn.functional as F

from layer_cases import case, source, write

# name: (function, [parameters of a case...], kinks away from zero)
FUNCTIONS = {
    "elu": (F.elu, [{}, {"alpha": 0.3}]),
    "gelu": (F.gelu, [{}, {"approximate": "tanh"}]),
    "hardsigmoid": (F.hardsigmoid, [{}]),
    "hardswish": (F.hardswish, [{}]),
    "identity": (lambda x: x * 1, [{}]),
    "leaky_relu": (F.leaky_relu, [{}, {"negative_slope": 0.25}]),
    "mish": (F.mish, [{}]),
    "relu": (F.relu, [{}]),
    "relu6": (F.relu6, [{}]),
    "sigmoid": (F.sigmoid, [{}]),
    "softplus": (F.softplus, [{}, {"beta": 2.5}]),
    "swish": (F.silu, [{}]),
    "tanh": (F.tanh, [{}]),
}
SHAPES = {"a picture": [2, 16, 3, 5], "17 channels": [1, 17, 3, 3], "features": [4, 33], "a series": [2, 3, 7]}


def activation(layer, name, function, shape, params, scale, training=True):
    options = {key: value for key, value in params.items() if key != "fn"}
    return case(name, layer, params, [source(shape, scale=scale)], lambda src, w: function(src[0], **options), kink=0.03,
                training=training)


for name, (function, variants) in FUNCTIONS.items():
    cases = []
    for params in variants:
        text = " ".join(f"{key} {value}" for key, value in params.items())
        cases += [activation(name, f"{shape_name} {text}".strip(), function, shape, params, 8.0) for shape_name, shape in SHAPES.items()]
    cases.append(activation(name, "far from zero", function, [3, 40], {}, 60.0))
    cases.append(activation(name, "evaluation", function, [2, 17, 3, 3], variants[-1], 4.0, training=False))
    write(name, cases)
write("activation", [activation("activation", name, function, [2, 17, 3, 3], {"fn": name, **params}, 4.0)
                     for name, (function, variants) in FUNCTIONS.items() for params in variants])
