"""Writes the goldens of whole networks: what PyTorch computes in float64 in 50 steps of SGD with momentum.

Weights and batches come from formula.py, and the C++ side (tests/train/networks_test.cpp) computes the same ones.
Weight j, counted in the checkpoint's order (statistics count too), has salt 1000 + j:
* of two or more axes, and biases beside such a weight: formula / sqrt(fan_in), the range of PyTorch's own start;
* of a batch norm: weight 1 + 0.1 * formula, bias 0.1 * formula, running mean 0, running variance 1.
Batch b (of BATCHES that take turns) has pictures of salt 10 + 2b and labels of salt 11 + 2b. Relu is swish here, since
networks with relu are chaotic (DESIGN.md, "Exactness")."""
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

from formula import formula, samples

HERE = pathlib.Path(__file__).parent
STEPS, BATCHES, CLASSES = 50, 4, 10


class Basic(nn.Module):
    """ResNet basic block (He et al. 2015, figure 2) with a projection where the shape changes; configs/blocks/resnet_basic.yaml."""

    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.downsample = nn.Sequential()
        if i != o:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = F.silu(self.bn1(self.conv1(x)))
        return F.silu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet(nn.Module):
    """configs/cifar/resnet20.yaml: 6n+2 layers."""

    def __init__(self, n=3):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        stage = lambda i, o: nn.Sequential(*[Basic(i if b == 0 else o, o, 2 if i != o and b == 0 else 1) for b in range(n)])
        self.layer1, self.layer2, self.layer3 = stage(16, 16), stage(16, 32), stage(32, 64)
        self.fc = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.silu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


class LeNet(nn.Module):
    """configs/mnist/lenet.yaml."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
        self.fc1, self.fc2 = nn.Linear(800, 500), nn.Linear(500, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.silu(self.conv1(x)), 2)
        x = F.max_pool2d(F.silu(self.conv2(x)), 2)
        return self.fc2(F.silu(self.fc1(x.flatten(1))))


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
            values = formula(1000 + j, tuple(tensor.shape), weights[f"{owner}.weight"][0].numel() ** -0.5)
        tensor.copy_(torch.tensor(values.astype("float32")))


def batch_of(number, shape):
    image = torch.tensor(formula(10 + 2 * number, shape), dtype=torch.float64)
    label = ((formula(11 + 2 * number, shape[:1]) + 1) / 2 * CLASSES).astype("int64")
    return image, torch.tensor(label)


def kept(tensor, most):
    golden = samples(tensor.detach().numpy(), most)
    golden["values"] = [float(f"{v:.9g}") for v in golden["values"]]
    return golden


def evaluated(net, image, label):
    net.eval()
    with torch.no_grad():
        output = net(image)
    net.train()
    return {"output": kept(output, 80), "loss": float(F.cross_entropy(output, label))}


def run(net, shape):
    net = net.double()
    fill(net)
    batches = [batch_of(b, shape) for b in range(BATCHES)]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    golden = {"batch": shape[0], "names": list(weights_of(net)), "parameters": sum(p.numel() for p in net.parameters()), "losses": []}
    for step in range(STEPS):
        image, label = batches[step % BATCHES]
        optimizer.zero_grad()
        output = net(image)
        loss = F.cross_entropy(output, label)
        loss.backward()
        if step == 0:
            golden["output"] = kept(output, 160)
            golden["gradients"] = {name: kept(p.grad, 12) for name, p in net.named_parameters()}
        optimizer.step()
        golden["losses"].append(float(loss.detach()))
        if step == 0:
            golden["evaluated_first"] = evaluated(net, *batches[0])
    golden["evaluated_last"] = evaluated(net, *batches[0])
    golden["statistics"] = {name: kept(t, 8) for name, t in weights_of(net).items() if "running_" in name}
    return golden


def main():
    (HERE / "networks").mkdir(exist_ok=True)
    for name, net, shape in [("resnet20", ResNet(), (8, 3, 32, 32)), ("lenet", LeNet(), (16, 1, 28, 28))]:
        golden = run(net, shape)
        path = HERE / "networks" / f"{name}.json"
        text = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
        path.write_text("{\n" + text + "\n}\n")
        print(f"{path.name}: {path.stat().st_size // 1024} KB, losses {golden['losses'][0]:.4f} .. {golden['losses'][-1]:.4f}")


if __name__ == "__main__":
    main()
