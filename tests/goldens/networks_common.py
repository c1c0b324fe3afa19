"""What the goldens of whole networks share: what PyTorch computes in float64 in 50 steps of SGD with momentum.

networks_*.py hold the networks, with the names that they have in PyTorch and torchvision, and the cases: a config of
configs/, what is set in it, and its twin. Relu is swish in most of them, since networks with relu are chaotic (DESIGN.md,
"Exactness"); above 20 layers that are this narrow swish is chaotic too (PyTorch's own f32 and f64 part by 1 % and more), and
elu stands in its place. The C++ side (tests/support/network_golden.h) reads config and settings from the JSON file and computes the
same weights and batches. Weight j, counted in the checkpoint's order (statistics count too), has salt 1000 + j:
* of two or more axes, and biases beside such a weight: formula / sqrt(fan_in), the range of PyTorch's own start;
* of one axis without a weight beside it (the biases of recurrent layers): formula;
* of a batch norm: weight 1 + 0.1 * formula, bias 0.1 * formula, running mean 0, running variance 1.
Batch b (of BATCHES that take turns) has pictures (of language models tokens) of salt 10 + 2b and labels (the tokens that follow)
of salt 11 + 2b. A network with reset() carries a state from step to step; evaluation begins without one.

Tensors are kept as [size, stride, largest magnitude, a value at each stride...]."""
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from formula import formula

HERE = pathlib.Path(__file__).parent
STEPS, BATCHES, CLASSES = 50, 4, 10
NOTHING = 1e-12            # the gradient of a bias before a batch norm, but for rounding
DEEP, VERY_DEEP = 50, 56   # above so many layers the rate is a tenth, and gradients are held to 1e-3


def conv(i, o, kernel, stride=1, bias=False):
    """A convolution that keeps the size of the picture, at stride 1."""
    return nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=bias)


def weights_of(net):
    return {name: t for name, t in net.state_dict().items() if not name.endswith("num_batches_tracked")}


def fill(net):
    weights = weights_of(net)
    for j, (name, tensor) in enumerate(weights.items()):
        owner, _, kind = name.rpartition(".")
        values = formula(1000 + j, tuple(tensor.shape))
        if f"{owner}.running_mean" in weights:
            values = {"weight": 1 + 0.1 * values, "bias": 0.1 * values, "running_mean": 0 * values, "running_var": 0 * values + 1}[kind]
        else:
            values = formula(1000 + j, tuple(tensor.shape), weights.get(f"{owner}.weight", tensor)[0].numel() ** -0.5)
        tensor.copy_(torch.tensor(values.astype("float32")))


def integers(salt, shape, below):
    return torch.tensor(((formula(salt, shape) + 1) / 2 * below).astype("int64"))


def batch_of(number, shape, vocabulary):
    if vocabulary:
        return integers(10 + 2 * number, shape, vocabulary), integers(11 + 2 * number, shape, vocabulary).flatten()
    return torch.tensor(formula(10 + 2 * number, shape), dtype=torch.float64), integers(11 + 2 * number, shape[:1], CLASSES)


def kept(tensor, most):
    flat = np.asarray(tensor.detach(), dtype=np.float64).ravel()
    stride = max(1, -(-flat.size // most))
    return [flat.size, stride, *(float(f"{v:.8g}") for v in [np.abs(flat).max(), *flat[::stride]])]


def freeze(net, frozen):
    """Layers, by the beginnings of their names, are not trained, and their batch norms behave as in evaluation."""
    of = lambda name: any(name == layer or name.startswith(layer + ".") for layer in frozen)
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(not of(name))
    for name, module in net.named_modules():
        if of(name) and isinstance(module, nn.BatchNorm2d):
            module.eval()


def evaluated(net, image, label, frozen):
    net.eval()
    carried = net.state if hasattr(net, "reset") else None
    if carried is not None:
        net.reset()
    with torch.no_grad():
        output = net(image)
    if carried is not None:
        net.state = carried
    net.train()
    freeze(net, frozen)
    return {"output": kept(output, 40), "loss": float(F.cross_entropy(output, label))}


def train(net, shape, lr, steps, vocabulary, frozen):
    """The golden's results. A network with auxiliary classifiers gives a list in training: its prediction, then theirs."""
    net = net.double()
    fill(net)
    freeze(net, frozen)
    parameters = dict(net.named_parameters())
    statistics = {name: t for name, t in weights_of(net).items() if "running_" in name}
    batches = [batch_of(b, shape, vocabulary) for b in range(BATCHES)]
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    golden = {"weights": len(weights_of(net)), "parameters": sum(p.numel() for p in parameters.values()), "losses": []}
    for step in range(steps):
        image, label = batches[step % BATCHES]
        optimizer.zero_grad()
        outputs = net(image)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        losses = [F.cross_entropy(output, label) for output in outputs]
        (losses[0] + 0.3 * sum(losses[1:])).backward()
        if step == 0:
            golden["output"] = kept(outputs[0], 160)
            values = max(3, min(12, 1200 // len(parameters)))
            golden["gradients"] = {name: kept(p.grad, values) for name, p in parameters.items()
                                   if p.requires_grad and p.grad.abs().max() > NOTHING}
        optimizer.step()
        golden["losses"].append([float(f"{loss.item():.8g}") for loss in losses])
        if step == 0:
            golden["evaluated_first"] = evaluated(net, *batches[0], frozen)
    golden["evaluated_last"] = evaluated(net, *batches[0], frozen)
    every = -(-len(statistics) // 30) if statistics else 1
    golden["statistics"] = {name: kept(t, 4) for name, t in list(statistics.items())[::every]}
    return golden


def write(name, config, sets, net, shape, layers, lr=None, steps=STEPS, vocabulary=None, frozen=()):
    """One golden: `net` is the twin of `config` with `sets`, trained on batches of `shape`; `layers` is its depth. With a
    `vocabulary` it is a language model, whose batches are (samples, tokens). `lr` and
    `steps` are for networks of which PyTorch's own f32 and f64 would part sooner. `frozen`: layers that are not trained."""
    torch.set_num_threads(1)
    lr = lr or (0.001 if layers > DEEP else 0.01)
    golden = {"config": config, "sets": sets, "batch": shape[0], "input": shape[1:], "lr": lr,
              "gradient_bound": 1e-3 if layers > VERY_DEEP else 1e-4}
    if vocabulary:
        golden["vocabulary"] = vocabulary
    if frozen:
        golden["frozen"] = frozen
    golden.update(train(net, shape, lr, steps, vocabulary, frozen))
    path = HERE / "networks" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    text = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    path.write_text("{\n" + text + "\n}\n")
    first, last = golden["losses"][0][0], golden["losses"][-1][0]
    print(f"{path.name}: {path.stat().st_size // 1024} KB, {golden['parameters']} parameters, losses {first:.4f} .. {last:.4f}, "
          f"evaluated {golden['evaluated_first']['loss']:.4g} and {golden['evaluated_last']['loss']:.4g}")
