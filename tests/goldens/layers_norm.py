"""Goldens of lrn, layer_norm and group_norm, against torch.nn.functional."""
import torch.nn.functional as F

from layer_cases import case, source, weight, write


def lrn(name, src, scale=1.0, **params):
    alpha, beta, k = params.get("alpha", 1e-4), params.get("beta", 0.75), params.get("k", 1.0)
    return case(name, "lrn", params, [source(src, scale)],
                lambda s, w: F.local_response_norm(s[0], params.get("size", 5), alpha, beta, k))


def affine_weights(shape):
    return {"weight": weight(shape, 0.5, 1.0), "bias": weight(shape)}


def layer_norm(name, src, axes=1, affine=True, eps=1e-5, shift=0.0, training=True):
    shape = src[-axes:]
    params = {"axes": axes} if axes != 1 else {}
    params |= {"eps": eps} if eps != 1e-5 else {}
    params |= {} if affine else {"affine": False}
    return case(name, "layer_norm", params, [source(src, shift=shift)],
                lambda s, w: F.layer_norm(s[0], shape, w.get("weight"), w.get("bias"), eps),
                affine_weights(shape) if affine else {}, training=training)


def group_norm(name, src, groups, affine=True, eps=1e-5, shift=0.0, training=True):
    params = {"num_groups": groups}
    params |= {"eps": eps} if eps != 1e-5 else {}
    params |= {} if affine else {"affine": False}
    return case(name, "group_norm", params, [source(src, shift=shift)],
                lambda s, w: F.group_norm(s[0], groups, w.get("weight"), w.get("bias"), eps),
                affine_weights([src[1]]) if affine else {}, training=training)


write("lrn", [
    lrn("AlexNet's", [2, 32, 5, 6], scale=3.0, size=5, alpha=1e-4, beta=0.75, k=2),
    lrn("as it comes", [2, 16, 4, 4], scale=10.0),
    lrn("strong, odd channels", [1, 17, 3, 5], scale=2.0, alpha=0.5),
    lrn("three channels around", [2, 8, 4, 3], size=3, alpha=1.0, beta=0.5),
    lrn("one channel", [3, 1, 4, 4], alpha=1.0, k=0.5),
    lrn("more channels than a tile", [1, 300, 2, 2], scale=2.0, size=9, alpha=1.0, beta=0.6),
    lrn("series", [2, 20, 7], scale=2.0, alpha=1.0),
    lrn("wider than the channels", [1, 3, 2, 2], size=7, alpha=2.0),
])
write("layer_norm", [
    layer_norm("features", [5, 17]),
    layer_norm("one sample", [1, 64]),
    layer_norm("a sequence", [3, 7, 20]),
    layer_norm("far from zero", [4, 33], shift=3.0),
    layer_norm("other eps", [4, 16], eps=1e-2),
    layer_norm("without scale and offset", [4, 16], affine=False),
    layer_norm("rows of a picture", [2, 3, 4, 9]),
    layer_norm("a whole picture", [3, 17, 4, 5], axes=3),
    layer_norm("planes of a picture", [2, 3, 5, 4], axes=2),
    layer_norm("evaluation", [3, 2, 8], training=False),
])
write("group_norm", [
    group_norm("two groups", [3, 6, 5, 4], 2),
    group_norm("one group", [2, 17, 3, 3], 1),
    group_norm("a channel each", [2, 5, 4, 5], 5),
    group_norm("whole blocks", [2, 32, 6, 7], 4),
    group_norm("far from zero", [2, 8, 4, 4], 4, shift=3.0),
    group_norm("one sample, other eps", [1, 4, 5, 5], 2, eps=1e-3),
    group_norm("without scale and offset", [2, 6, 3, 3], 3, affine=False),
    group_norm("series", [2, 12, 19], 3),
    group_norm("features", [4, 24], 4),
    group_norm("evaluation", [2, 6, 3, 3], 3, training=False),
])
