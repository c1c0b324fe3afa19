"""Goldens of the networks of configs/mnist (see networks_common.py)."""
import torch.nn.functional as F
from torch import nn

from networks_common import CLASSES, write


class LeNet(nn.Module):
    def __init__(self, act=F.relu):
        super().__init__()
        self.act = act
        self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
        self.fc1, self.fc2 = nn.Linear(800, 500), nn.Linear(500, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(self.act(self.conv1(x)), 2)
        x = F.max_pool2d(self.act(self.conv2(x)), 2)
        return self.fc2(self.act(self.fc1(x.flatten(1))))


class Hidden(nn.Module):
    def __init__(self, i, o, batch_norm):
        super().__init__()
        self.fc = nn.Linear(i, o, bias=not batch_norm)
        self.bn = nn.BatchNorm1d(o) if batch_norm else nn.Identity()

    def forward(self, x):
        return self.bn(self.fc(x)).sigmoid()


class Sigmoid(nn.Module):
    """Ioffe and Szegedy 2015, figure 1(a)."""

    def __init__(self, batch_norm, units=100):
        super().__init__()
        self.hidden1, self.hidden2, self.hidden3 = (Hidden(i, units, batch_norm) for i in (784, units, units))
        self.fc = nn.Linear(units, CLASSES)

    def forward(self, x):
        return self.fc(self.hidden3(self.hidden2(self.hidden1(x.flatten(1)))))


def main():
    write("lenet", "mnist/lenet.yaml", ["vars.act=swish"], LeNet(F.silu), (16, 1, 28, 28), layers=4)
    write("bn_sigmoid", "mnist/bn_sigmoid.yaml", [], Sigmoid(True), (60, 1, 28, 28), layers=4)
    write("sigmoid", "mnist/sigmoid.yaml", [], Sigmoid(False), (60, 1, 28, 28), layers=4)


if __name__ == "__main__":
    main()
