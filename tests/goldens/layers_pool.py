"""Goldens of max_pool, avg_pool, adaptive_avg_pool and global_avg_pool, against torch.nn.functional."""
import torch.nn.functional as F

from layer_cases import case, source, write


def max_pool(name, src, **params):
    run = F.max_pool2d if len(src) == 4 else F.max_pool1d
    # Numeric gradients would move values past each other.
    return case(name, "max_pool", params, [source(src)], lambda s, w: run(s[0], **params), kink=-1)


def avg_pool(name, src, **params):
    run = F.avg_pool2d if len(src) == 4 else F.avg_pool1d
    return case(name, "avg_pool", params, [source(src)], lambda s, w: run(s[0], **params))


def adaptive_avg_pool(name, src, output_size):
    run = F.adaptive_avg_pool2d if len(src) == 4 else F.adaptive_avg_pool1d
    return case(name, "adaptive_avg_pool", {"output_size": output_size}, [source(src)], lambda s, w: run(s[0], output_size))


def global_avg_pool(name, src):
    axes = tuple(range(2, len(src)))
    return case(name, "global_avg_pool", {}, [source(src)], lambda s, w: s[0].mean(axes, keepdim=True))


write("max_pool", [
    max_pool("2x2", [2, 17, 6, 8], kernel_size=2),
    max_pool("2x2 that leaves a rest", [1, 3, 7, 5], kernel_size=2),
    max_pool("2x2, the rest counts", [1, 3, 7, 5], kernel_size=2, ceil_mode=True),
    max_pool("3x3 stride 2 with padding", [2, 16, 9, 8], kernel_size=3, stride=2, padding=1),
    max_pool("3x3 stride 2, the rest counts", [2, 16, 10, 9], kernel_size=3, stride=2, padding=1, ceil_mode=True),
    max_pool("a last window that starts in the padding", [1, 2, 3, 3], kernel_size=2, stride=2, padding=1,
             ceil_mode=True),
    max_pool("overlapping, same size", [1, 32, 5, 5], kernel_size=3, stride=1, padding=1),
    max_pool("unequal", [2, 5, 7, 10], kernel_size=[3, 2], stride=[1, 3], padding=[1, 0]),
    max_pool("dilation", [2, 4, 11, 9], kernel_size=[3, 2], stride=2, dilation=[2, 3], padding=1),
    max_pool("one channel", [3, 1, 4, 4], kernel_size=4),
    max_pool("series", [2, 17, 11], kernel_size=3, stride=2, padding=1),
    max_pool("series, the rest counts", [1, 3, 8], kernel_size=3, ceil_mode=True),
    max_pool("a last window that would start behind the source", [2, 3, 4], kernel_size=2, stride=3, padding=1,
             ceil_mode=True),
    max_pool("a window larger than the source, the rest counts", [2, 16, 2, 3], kernel_size=3, stride=2, ceil_mode=True),
    max_pool("a series shorter than the window, the rest counts", [2, 3, 4], kernel_size=6, stride=4, ceil_mode=True),
])
write("avg_pool", [
    avg_pool("2x2", [2, 17, 6, 8], kernel_size=2),
    avg_pool("3x3 with padding that counts", [2, 16, 7, 7], kernel_size=3, stride=2, padding=1),
    avg_pool("3x3 with padding that does not count", [2, 16, 7, 7], kernel_size=3, stride=2, padding=1,
             count_include_pad=False),
    avg_pool("the rest counts", [1, 3, 7, 5], kernel_size=2, ceil_mode=True),
    avg_pool("the rest and the padding count", [2, 17, 10, 8], kernel_size=3, stride=2, padding=1, ceil_mode=True),
    avg_pool("the rest counts along one axis", [2, 5, 9, 8], kernel_size=3, stride=2, padding=1, ceil_mode=True),
    avg_pool("the rest counts, the padding does not", [2, 4, 10, 8], kernel_size=3, stride=2, padding=1,
             ceil_mode=True, count_include_pad=False),
    avg_pool("a window far over the edge", [1, 16, 6, 6], kernel_size=5, stride=4, padding=2, ceil_mode=True),
    avg_pool("unequal", [1, 3, 8, 9], kernel_size=[2, 4], stride=[3, 1], padding=[0, 2]),
    avg_pool("series", [2, 17, 10], kernel_size=3, stride=2, padding=1),
    avg_pool("series, the rest counts", [2, 3, 10], kernel_size=4, stride=3, padding=1, ceil_mode=True),
    avg_pool("a last window that would start behind the source", [2, 3, 4], kernel_size=2, stride=3, padding=1,
             ceil_mode=True),
    avg_pool("a window larger than the source, the rest counts", [2, 16, 2, 3], kernel_size=3, stride=2, ceil_mode=True),
    avg_pool("a series shorter than the window, its padding does not count", [2, 3, 4], kernel_size=7, stride=4, padding=1,
             ceil_mode=True, count_include_pad=False),
])
write("adaptive_avg_pool", [
    adaptive_avg_pool("windows side by side", [2, 17, 8, 6], [4, 2]),
    adaptive_avg_pool("14x14 to 4x4, as before a head of GoogLeNet", [3, 5, 14, 14], 4),
    adaptive_avg_pool("no multiple, unequal", [2, 32, 7, 10], [3, 4]),
    adaptive_avg_pool("larger than the source", [1, 3, 3, 4], [5, 4]),
    adaptive_avg_pool("one window", [2, 16, 5, 3], 1),
    adaptive_avg_pool("one row", [2, 3, 1, 9], [1, 4]),
    adaptive_avg_pool("series", [2, 17, 11], 4),
])
write("global_avg_pool", [
    global_avg_pool("picture", [3, 17, 5, 6]),
    global_avg_pool("whole blocks", [2, 64, 8, 8]),
    global_avg_pool("one value", [1, 3, 1, 1]),
    global_avg_pool("one channel", [1, 1, 7, 4]),
    global_avg_pool("series", [2, 20, 9]),
])
