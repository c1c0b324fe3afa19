"""Goldens of the losses of single numbers, against torch.nn.functional. The second result is what the mean is of."""
import torch
import torch.nn.functional as F

from layer_cases import case, source, write

FUNCTIONS = {
    "bce_with_logits": lambda x, t, p: F.binary_cross_entropy_with_logits(
        x, t, pos_weight=torch.tensor(p["pos_weight"]).double() if "pos_weight" in p else None, reduction="none"),
    "mse": lambda x, t, p: F.mse_loss(x, t, reduction="none"),
    "l1": lambda x, t, p: F.l1_loss(x, t, reduction="none"),
    "smooth_l1": lambda x, t, p: F.smooth_l1_loss(x, t, reduction="none", beta=p.get("beta", 1.0)),
}


def loss(name, layer, shape, target=None, mask=None, scale=2.0, below=None, **params):
    """`target` and `mask`: their shapes. A numeric gradient would step over l1's kinks."""
    def run(src, w):
        x, t = src[0], src[1].detach().double()
        losses = FUNCTIONS[layer](x, t.reshape(x.shape), params)
        weights = torch.ones_like(losses)
        if mask:
            weights = src[2].detach().reshape(*mask, *[1] * (len(shape) - len(mask))).expand(losses.shape)
        return [((losses * weights).sum() / weights.sum()).reshape(1), weights.sum().reshape(1)]

    share = layer == "bce_with_logits"   # its targets are 0..1
    sources = [source(shape, scale=scale),
               source(target or shape, below=below) if below else source(target or shape, scale=0.5 if share else 1.0, shift=0.5 if share else 0.0)]
    if mask:
        sources.append(source(mask, scale=0.5, shift=0.5))
    return case(name, layer, params, sources, run, kink=-1 if layer == "l1" else None)


for layer in FUNCTIONS:
    cases = [
        loss("features", layer, [8, 10]),
        loss("one number", layer, [1, 1]),
        loss("a target without the axis of 1", layer, [7, 1], target=[7]),
        loss("an axis less on both sides", layer, [7], target=[7]),
        loss("a picture", layer, [2, 17, 3, 5]),
        loss("a sequence", layer, [2, 5, 3]),
        loss("a mask", layer, [6, 10], mask=[6]),
        loss("a mask over a sequence", layer, [3, 5, 7], mask=[3, 5]),
        loss("a mask over pictures", layer, [3, 2, 4, 5], mask=[3]),
        loss("more rows than one thread takes", layer, [400, 130]),
        loss("far off", layer, [4, 33], scale=50.0),
    ]
    if layer == "smooth_l1":
        cases += [loss("beta", layer, [5, 9], beta=0.3), loss("a large beta", layer, [5, 9], beta=4.0)]
    if layer == "bce_with_logits":
        cases += [loss("a weight", layer, [5, 9], pos_weight=[3.0]), loss("weights", layer, [5, 3], pos_weight=[0.5, 1.0, 4.0]),
                  loss("weights and a mask over a sequence", layer, [2, 4, 3], pos_weight=[0.5, 1.0, 4.0], mask=[2, 4]),
                  loss("labels", layer, [9, 1], target=[9], below=2), loss("labels of many outputs", layer, [4, 6], below=2)]
    write(layer, cases)
