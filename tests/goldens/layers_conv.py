"""Goldens of conv, against torch.nn.functional.conv1d and conv2d."""
import torch.nn.functional as F

from layer_cases import case, source, weight, write


def conv(name, src, out_channels, kernel, bias=True, groups=1, **params):
    rank = len(src) - 2
    kernel_dims = kernel if isinstance(kernel, list) else [kernel] * rank
    weights = {"weight": weight([out_channels, src[1] // groups, *kernel_dims])}
    if bias:
        weights["bias"] = weight([out_channels])
    run = F.conv2d if rank == 2 else F.conv1d
    config = {"out_channels": out_channels, "kernel_size": kernel, **params}
    if not bias:
        config["bias"] = False
    if groups > 1:
        config["groups"] = groups
    return case(name, "conv", config, [source(src)],
                lambda s, w: run(s[0], w["weight"], w.get("bias"), groups=groups, **params), weights)


write("conv", [
    conv("3x3, one sample, one channel", [1, 1, 5, 5], 1, 3),
    conv("3x3 of a colour picture", [2, 3, 9, 11], 16, 3, padding=1, bias=False),
    conv("odd channels", [3, 17, 8, 7], 5, 3, padding=1),
    conv("whole blocks of channels", [2, 32, 6, 6], 16, 3, padding=1),
    conv("1x1", [2, 20, 5, 6], 33, 1),
    conv("1x1 with stride 2", [2, 16, 8, 7], 32, 1, stride=2, bias=False),
    conv("7x7 with stride 2", [1, 3, 17, 19], 8, 7, stride=2, padding=3),
    conv("unequal window, stride and padding", [2, 4, 11, 8], 6, [3, 5], stride=[2, 1], padding=[0, 2]),
    conv("dilation", [2, 5, 12, 13], 7, 3, dilation=2, padding=2),
    conv("unequal dilation", [1, 3, 14, 9], 4, [3, 2], dilation=[3, 1]),
    conv("two groups", [2, 6, 7, 7], 10, 3, groups=2, padding=1),
    conv("groups of 16 channels", [2, 32, 7, 6], 32, 3, groups=2, padding=1),
    conv("depthwise", [2, 17, 8, 8], 17, 3, groups=17, padding=1, stride=2, bias=False),
    conv("depthwise, two of each", [1, 16, 6, 6], 32, 3, groups=16),
    conv("same, with an even window", [2, 3, 7, 8], 4, [2, 4], padding="same"),
    conv("same, with dilation", [1, 4, 9, 9], 4, 3, padding="same", dilation=2),
    conv("more padding than window", [1, 2, 3, 3], 3, 2, padding=3),
    conv("window as large as the source", [4, 3, 5, 5], 9, 5),
    conv("series", [2, 5, 13], 6, 3, padding=1),
    conv("series, stride and dilation", [3, 1, 20], 17, 4, stride=3, dilation=2, padding=2),
    conv("series, groups", [2, 32, 9], 32, 3, groups=4, bias=False),
])
