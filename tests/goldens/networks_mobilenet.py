"""The golden of MobileNetV2 (see networks_common.py), at full width: its narrow ends are what makes it."""
import torch.nn.functional as F
from torch import nn

from networks_common import CLASSES, write


class Activation(nn.Module):
    def forward(self, x):
        return F.silu(x)


def conv_bn(i, o, kernel=1, stride=1, groups=1):
    return nn.Sequential(nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(o), Activation())


class InvertedResidual(nn.Module):
    """Sandler et al. 2018, figure 4(d), with torchvision's names."""

    def __init__(self, i, o, stride=1, expansion=6):
        super().__init__()
        self.adds = stride == 1 and i == o
        wide = i * expansion
        expand = [conv_bn(i, wide)] if expansion > 1 else []
        self.conv = nn.Sequential(*expand, conv_bn(wide, wide, 3, stride, wide), nn.Conv2d(wide, o, 1, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, classes=CLASSES):
        super().__init__()
        layers, i = [conv_bn(3, 32, 3, 2), InvertedResidual(32, 16, expansion=1)], 16
        for o, count, stride in ((24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)):
            for n in range(count):
                layers.append(InvertedResidual(i, o, 1 if n else stride))
                i = o
        self.features = nn.Sequential(*layers, conv_bn(i, 1280))
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(1280, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


if __name__ == "__main__":
    write("mobilenet_v2", "imagenet/mobilenet_v2.yaml", ["vars.act=swish", "vars.dropout=0"], MobileNetV2(), (4, 3, 64, 64), 53)
