"""Goldens of residual networks, for small pictures and for ImageNet (see networks_common.py)."""
import torch.nn.functional as F
from torch import nn

from networks_common import CLASSES, conv, write


class PadShortcut(nn.Module):
    """Option A: every second pixel, and zeros on both sides of the channels."""

    def forward(self, x):
        pad = x.shape[1] // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, pad, pad))


class Block(nn.Module):
    """A residual block; `shortcut` is A, B or none. What it has in common: the shortcut, which follows the convolutions
    in the order of the weights."""
    expansion, preact = 1, False

    def add_shortcut(self, i, o, stride, shortcut, norm=True):
        self.changes, self.shortcut = stride != 1 or i != o, shortcut
        if self.changes and shortcut == "A":
            self.downsample = PadShortcut()
        elif self.changes and shortcut == "B":
            self.downsample = nn.Sequential(conv(i, o, 1, stride), *([nn.BatchNorm2d(o)] if norm else []))
        else:
            self.downsample = nn.Identity()

    def plus(self, y, x):
        return y if self.shortcut == "none" else y + self.downsample(x)


class Basic(Block):
    """He et al. 2015, figure 5 left."""

    def __init__(self, i, o, stride, act, shortcut, stride_in_1x1=False):
        super().__init__()
        self.act = act
        self.conv1, self.bn1 = conv(i, o, 3, stride), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = conv(o, o, 3), nn.BatchNorm2d(o)
        self.add_shortcut(i, o, stride, shortcut)

    def forward(self, x):
        y = self.act(self.bn1(self.conv1(x)))
        return self.act(self.plus(self.bn2(self.conv2(y)), x))


class Bottleneck(Block):
    """He et al. 2015, figure 5 right."""
    expansion = 4

    def __init__(self, i, o, stride, act, shortcut, stride_in_1x1=False):
        super().__init__()
        self.act = act
        self.conv1, self.bn1 = conv(i, o, 1, stride if stride_in_1x1 else 1), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = conv(o, o, 3, 1 if stride_in_1x1 else stride), nn.BatchNorm2d(o)
        self.conv3, self.bn3 = conv(o, 4 * o, 1), nn.BatchNorm2d(4 * o)
        self.add_shortcut(i, 4 * o, stride, shortcut)

    def forward(self, x):
        y = self.act(self.bn1(self.conv1(x)))
        y = self.act(self.bn2(self.conv2(y)))
        return self.act(self.plus(self.bn3(self.conv3(y)), x))


class PreactBasic(Block):
    """He et al. 2016, figure 1(b)."""
    preact = True

    def __init__(self, i, o, stride, act, shortcut, stride_in_1x1=False):
        super().__init__()
        self.act = act
        self.bn1, self.conv1 = nn.BatchNorm2d(i), conv(i, o, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(o), conv(o, o, 3)
        self.add_shortcut(i, o, stride, shortcut, norm=False)

    def forward(self, x):
        h = self.act(self.bn1(x))
        return self.plus(self.conv2(self.act(self.bn2(self.conv1(h)))), h if self.changes else x)


class PreactBottleneck(Block):
    """He et al. 2016, section 4.1."""
    expansion, preact = 4, True

    def __init__(self, i, o, stride, act, shortcut, stride_in_1x1=False):
        super().__init__()
        self.act = act
        self.bn1, self.conv1 = nn.BatchNorm2d(i), conv(i, o, 1, stride if stride_in_1x1 else 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(o), conv(o, o, 3, 1 if stride_in_1x1 else stride)
        self.bn3, self.conv3 = nn.BatchNorm2d(o), conv(o, 4 * o, 1)
        self.add_shortcut(i, 4 * o, stride, shortcut, norm=False)

    def forward(self, x):
        h = self.act(self.bn1(x))
        y = self.conv2(self.act(self.bn2(self.conv1(h))))
        return self.plus(self.conv3(self.act(self.bn3(y))), h if self.changes else x)


class ResNet(nn.Module):
    """Stages of counts[0], counts[1], ... blocks, each twice as wide as the one before it. With the stem of ImageNet, names
    are torchvision's; `head` is the classifier's."""

    def __init__(self, block, counts, width, act=F.relu, shortcut="B", stride_in_1x1=False, imagenet=False, channels=3,
                 classes=CLASSES, head="fc"):
        super().__init__()
        self.act, self.imagenet, self.preact, self.head = act, imagenet, block.preact, head
        self.conv1 = conv(channels, width, 7, 2) if imagenet else conv(channels, width, 3)
        if not block.preact:
            self.bn1 = nn.BatchNorm2d(width)
        i = width
        for stage, count in enumerate(counts):
            blocks = []
            for b in range(count):
                o = width * 2**stage
                blocks.append(block(i, o, 2 if stage and not b else 1, act, shortcut, stride_in_1x1))
                i = o * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(counts)
        if block.preact:
            self.bn = nn.BatchNorm2d(i)
        self.add_module(head, nn.Linear(i, classes))

    def forward(self, x):
        x = self.conv1(x)
        x = x if self.preact else self.act(self.bn1(x))
        x = F.max_pool2d(x, 3, 2, 1) if self.imagenet else x
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        x = self.act(self.bn(x)) if self.preact else x
        return getattr(self, self.head)(x.mean((2, 3)))


def acts(layers):
    """Swish while it is not chaotic at these widths, else elu: the var's value and the function."""
    return ("swish", F.silu) if layers <= 20 else ("elu", F.elu)


def small(name, config, block, n, width, shape, layers, lr=None, **more):
    word, act = acts(layers)
    write(name, config, [f"vars.act={word}", f"vars.width={width}"],
          ResNet(block, [n] * 3, width, act, channels=shape[1], **more), shape, layers, lr)


def imagenet(name, config, block, counts, layers, lr=None, sets=(), **more):
    word, act = acts(layers)
    write(name, f"imagenet/{config}.yaml", [f"vars.act={word}", "vars.width=8", *sets],
          ResNet(block, counts, 8, act, imagenet=True, **more), (4, 3, 64, 64), layers, lr)


def main():
    small("resnet20", "cifar/resnet20.yaml", Basic, 3, 16, (8, 3, 32, 32), 20)
    small("resnet20_option_a", "cifar/resnet20_option_a.yaml", Basic, 3, 8, (8, 3, 16, 16), 20, shortcut="A", head="linear")
    small("plain20", "cifar/plain20.yaml", Basic, 3, 8, (8, 3, 16, 16), 20, shortcut="none")
    small("fashion_resnet20", "fashion_mnist/resnet20.yaml", Basic, 3, 8, (8, 1, 28, 28), 20)
    small("resnet20_preact", "cifar/resnet20_preact.yaml", PreactBasic, 3, 8, (8, 3, 16, 16), 20)
    small("resnet56", "cifar/resnet56.yaml", Basic, 9, 8, (8, 3, 16, 16), 56)
    small("plain56", "cifar/plain56.yaml", Basic, 9, 8, (8, 3, 16, 16), 56, lr=0.0003, shortcut="none")
    small("resnet110", "cifar/resnet110.yaml", Basic, 18, 8, (8, 3, 16, 16), 110, lr=0.0003)
    small("resnet110_preact", "cifar/resnet110_preact.yaml", PreactBasic, 18, 8, (8, 3, 16, 16), 110)
    small("resnet164_preact", "cifar/resnet164_preact.yaml", PreactBottleneck, 18, 4, (8, 3, 16, 16), 164)
    imagenet("resnet18", "resnet18", Basic, [2, 2, 2, 2], 18)
    imagenet("resnet34", "resnet34", Basic, [3, 4, 6, 3], 34, lr=0.001)
    imagenet("resnet50", "resnet50", Bottleneck, [3, 4, 6, 3], 50, lr=0.001)
    imagenet("resnet50_stride_in_1x1", "resnet50", Bottleneck, [3, 4, 6, 3], 50, lr=0.001, sets=["vars.stride_in_1x1=true"],
             stride_in_1x1=True)
    imagenet("resnet101", "resnet101", Bottleneck, [3, 4, 23, 3], 101, lr=0.0003)
    imagenet("resnet152", "resnet152", Bottleneck, [3, 8, 36, 3], 152, lr=0.0001)
    imagenet("resnet152_preact", "resnet152_preact", PreactBottleneck, [3, 8, 36, 3], 152)


if __name__ == "__main__":
    main()
