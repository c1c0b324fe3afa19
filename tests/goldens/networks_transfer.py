"""Goldens of fine-tuning: networks of which parts are frozen (see networks_common.py). The rate is that of fine-tuning."""
import torch.nn.functional as F

from networks_common import write
from networks_resnet import Basic, ResNet

SETS = ["vars.act=swish", "vars.width=8"]
LR = 0.001


def resnet20(name, frozen=()):
    write(f"transfer_{name}", "cifar/resnet20.yaml", SETS, ResNet(Basic, [3] * 3, 8, F.silu), (8, 3, 16, 16), 20, LR,
          frozen=list(frozen))


if __name__ == "__main__":
    resnet20("full")
    resnet20("head", ["conv1", "bn1", "layer1", "layer2", "layer3"])
    resnet20("upper_part", ["conv1", "bn1", "layer1"])
    resnet20("middle_frozen", ["layer2"])
    resnet20("norms_frozen", ["bn1", "layer1.0.bn1", "layer1.0.bn2", "layer2.1.bn2", "layer3.2.bn2"])
