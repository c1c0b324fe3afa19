"""Goldens of densely connected networks, for small pictures and for ImageNet (see networks_common.py)."""
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from networks_common import CLASSES, conv, write


class DenseLayer(nn.Module):
    def __init__(self, i, growth, bottleneck, act):
        super().__init__()
        self.act, self.bottleneck = act, bottleneck
        self.norm1 = nn.BatchNorm2d(i)
        self.conv1 = conv(i, 4 * growth, 1) if bottleneck else conv(i, growth, 3)
        if bottleneck:
            self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), conv(4 * growth, growth, 3)

    def forward(self, x):
        y = self.conv1(self.act(self.norm1(x)))
        y = self.conv2(self.act(self.norm2(y))) if self.bottleneck else y
        return torch.cat([x, y], 1)


class Transition(nn.Module):
    def __init__(self, i, o, act):
        super().__init__()
        self.act, self.norm, self.conv = act, nn.BatchNorm2d(i), conv(i, o, 1)

    def forward(self, x):
        return F.avg_pool2d(self.conv(self.act(self.norm(x))), 2)


class Act(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.act = act

    def forward(self, x):
        return self.act(x)


class DenseNet(nn.Module):
    """Dense blocks of counts[0], counts[1], ... layers. With the stem of ImageNet, names are torchvision's."""

    def __init__(self, counts, growth, stem, compression=2, bottleneck=True, act=F.relu, imagenet=False, classes=CLASSES):
        super().__init__()
        parts = OrderedDict(conv0=conv(3, stem, 7, 2) if imagenet else conv(3, stem, 3))
        if imagenet:
            parts.update(norm0=nn.BatchNorm2d(stem), relu0=Act(act), pool0=nn.MaxPool2d(3, 2, 1))
        i = stem
        for b, count in enumerate(counts):
            layers = OrderedDict()
            for j in range(count):
                layers[f"denselayer{j + 1}"] = DenseLayer(i, growth, bottleneck, act)
                i += growth
            parts[f"denseblock{b + 1}"] = nn.Sequential(layers)
            if b + 1 < len(counts):
                parts[f"transition{b + 1}"] = Transition(i, i // compression, act)
                i //= compression
        parts["norm5" if imagenet else "norm"] = nn.BatchNorm2d(i)
        self.features, self.act, self.classifier = nn.Sequential(parts), act, nn.Linear(i, classes)

    def forward(self, x):
        return self.classifier(self.act(self.features(x)).mean((2, 3)))


def main():
    small = lambda growth, stem: ["vars.act=swish", f"vars.growth={growth}", f"vars.stem={stem}"]
    write("densenet_40_12", "cifar/densenet_40_12.yaml", small(4, 8), DenseNet([12] * 3, 4, 8, 1, False, F.silu), (4, 3, 16, 16), 40)
    write("densenet_bc_40_12", "cifar/densenet_bc_40_12.yaml", small(4, 8), DenseNet([6] * 3, 4, 8, act=F.silu), (4, 3, 16, 16), 40)
    write("densenet_bc_100_12", "cifar/densenet_bc_100_12.yaml", small(12, 24), DenseNet([16] * 3, 12, 24, act=F.silu), (4, 3, 16, 16), 100)
    write("densenet121", "imagenet/densenet121.yaml", ["vars.act=swish", "vars.growth=8"],
          DenseNet([6, 12, 24, 16], 8, 16, act=F.silu, imagenet=True), (4, 3, 64, 64), 121)


if __name__ == "__main__":
    main()
