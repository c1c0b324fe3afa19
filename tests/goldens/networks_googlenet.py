"""Goldens of GoogLeNet in its forms, with both auxiliary classifiers (see networks_common.py)."""
import torch
import torch.nn.functional as F
from torch import nn

from networks_common import CLASSES, conv, write

# Szegedy et al. 2014, table 1: 1x1, 3x3 reduced and 3x3, 5x5 reduced and 5x5, after the pooling.
TABLE = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}


class Form:
    """What the forms differ in. Without `norm` convolutions have biases. `size` is that of the pictures: a head's first dense
    layer needs to know it."""

    def __init__(self, act=F.relu, width=64, eps=1e-5, norm=True, lrn=False, large=5, ceil=False, last_pool=3, adaptive=False,
                 small=False, heads=True, naive=False, channels=3, size=224, classes=CLASSES):
        self.__dict__.update(locals())

    def halve(self, x, kernel=3):
        return F.max_pool2d(x, kernel, 2, 0 if self.ceil else kernel // 2, ceil_mode=self.ceil)

    def scaled(self, channels):
        return channels * self.width // 64

    def head_places(self):
        """What a head's pooling leaves of the fourth stage, which is a 16th of the picture (a half in the small form)."""
        return 16 if self.adaptive else ((self.size // (2 if self.small else 16) - 5) // 3 + 1) ** 2


class ConvAct(nn.Module):
    def __init__(self, form, i, channels, kernel, stride=1):
        super().__init__()
        self.act, o = form.act, form.scaled(channels)
        self.conv = conv(i, o, kernel, stride, bias=not form.norm)
        self.bn = nn.BatchNorm2d(o, eps=form.eps) if form.norm else nn.Identity()
        self.channels = o

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Figure 2(b), or 2(a) where the form is naive."""

    def __init__(self, form, i, c1, r3, c3, r5, c5, pool):
        super().__init__()
        unit = lambda *args: ConvAct(form, *args)
        self.branch1 = unit(i, c1, 1)
        if form.naive:
            self.branch2, self.branch3, self.branch4 = unit(i, c3, 3), unit(i, c5, form.large), nn.MaxPool2d(3, 1, 1)
            self.channels = i + sum(map(form.scaled, (c1, c3, c5)))
        else:
            self.branch2 = nn.Sequential(unit(i, r3, 1), unit(form.scaled(r3), c3, 3))
            self.branch3 = nn.Sequential(unit(i, r5, 1), unit(form.scaled(r5), c5, form.large))
            self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(i, pool, 1))
            self.channels = sum(map(form.scaled, (c1, c3, c5, pool)))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Head(nn.Module):
    """An auxiliary classifier (section 5), after the training's dropout of 0."""

    def __init__(self, form, i):
        super().__init__()
        self.form, self.conv = form, ConvAct(form, i, 128, 1)
        self.fc1 = nn.Linear(self.conv.channels * form.head_places(), form.scaled(1024))
        self.fc2 = nn.Linear(form.scaled(1024), form.classes)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(x, 4) if self.form.adaptive else F.avg_pool2d(x, 5, 3)
        return self.fc2(self.form.act(self.fc1(self.conv(x).flatten(1))))


class GoogLeNet(nn.Module):
    """Names are torchvision's. In training with heads: a list of the prediction and theirs."""

    def __init__(self, **options):
        super().__init__()
        self.form = form = Form(**options)
        i = form.channels
        if not form.small:
            self.conv1 = ConvAct(form, i, 64, 7, 2)
            self.conv2 = ConvAct(form, self.conv1.channels, 64, 1)
            i = self.conv2.channels
        self.conv3 = ConvAct(form, i, 192, 3)
        i = self.conv3.channels
        for name, row in TABLE.items():
            self.add_module(f"inception{name}", Inception(form, i, *row))
            i = getattr(self, f"inception{name}").channels
        if form.heads:
            self.aux1, self.aux2 = Head(form, self.inception4a.channels), Head(form, self.inception4d.channels)
        self.fc = nn.Linear(i, form.classes)

    def stem(self, x):
        form = self.form
        lrn = (lambda x: F.local_response_norm(x, 5)) if form.lrn else (lambda x: x)
        if form.small:
            return self.conv3(x)
        x = self.conv2(lrn(form.halve(self.conv1(x))))
        return form.halve(lrn(self.conv3(x)))

    def forward(self, x):
        form = self.form
        x = form.halve(self.inception3b(self.inception3a(self.stem(x))))
        a = self.inception4a(x)
        d = self.inception4d(self.inception4c(self.inception4b(a)))
        x = form.halve(self.inception4e(d), form.last_pool)
        x = self.fc(self.inception5b(self.inception5a(x)).mean((2, 3)))
        return [x, self.aux1(a), self.aux2(d)] if form.heads and self.training else x


TORCHVISION = {"eps": 1e-3, "large": 3, "ceil": True, "last_pool": 2, "adaptive": True}
LRN = {"norm": False, "lrn": True, "ceil": True}


def case(name, config, width, shape, lr, **options):
    """The maxima of the poolings jump from pixel to pixel, which makes training with batch norm chaotic even with elu: the
    rates are those at which PyTorch's own f32 and f64 agree over all steps."""
    sets = ["vars.act=elu", f"vars.width={width}", "vars.dropout=0", "vars.head_dropout=0"]
    write(name, config, sets, GoogLeNet(act=F.elu, width=width, channels=shape[1], size=shape[2], **options), shape, 22, lr)


def main():
    case("googlenet", "imagenet/googlenet.yaml", 8, (3, 3, 80, 80), 1e-6)
    case("googlenet_lrn", "imagenet/googlenet_lrn.yaml", 8, (2, 3, 80, 80), 1e-3, **LRN)
    case("googlenet_torchvision", "imagenet/googlenet_torchvision.yaml", 8, (2, 3, 80, 80), 3e-6, **TORCHVISION)
    for folder, shape in [("fashion_mnist", (5, 1, 28, 28)), ("cifar", (6, 3, 32, 32))]:
        prefix = "fashion_" if shape[1] == 1 else ""
        case(f"{prefix}googlenet_small", f"{folder}/googlenet_small.yaml", 8, shape, 3e-5, small=True)
        case(f"{prefix}googlenet_small_no_heads", f"{folder}/googlenet_small_no_heads.yaml", 8, shape, 3e-5, small=True, heads=False)
        case(f"{prefix}googlenet_small_naive", f"{folder}/googlenet_small_naive.yaml", 4, shape, 3e-6, small=True, naive=True)


if __name__ == "__main__":
    main()
