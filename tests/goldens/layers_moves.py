"""Goldens of the layers that move numbers about: concat, slice, pad, reshape, permute; and of softmax and mul."""
import torch
import torch.nn.functional as F

from layer_cases import case, source, write


def concat(name, shapes, axis=None):
    return case(name, "concat", {} if axis is None else {"axis": axis}, [source(shape) for shape in shapes],
                lambda src, w: torch.cat(src, dim=axis or 1))


write("concat", [
    concat("blocks of 16", [[2, 16, 3, 4], [2, 32, 3, 4]]),
    concat("blocks and a rest", [[2, 16, 3, 4], [2, 17, 3, 4]]),
    concat("split blocks", [[2, 12, 3, 3], [2, 3, 3, 3], [2, 1, 3, 3]]),
    concat("four branches", [[1, 64, 2, 2], [1, 128, 2, 2], [1, 32, 2, 2], [1, 32, 2, 2]]),
    concat("one channel", [[1, 1, 1, 1], [1, 1, 1, 1]]),
    concat("series", [[2, 16, 5], [2, 5, 5]]),
    concat("features", [[4, 20], [4, 3]]),
    concat("rows of pictures", [[2, 17, 3, 4], [2, 17, 2, 4]], axis=2),
    concat("places of a sequence", [[2, 3, 6], [2, 4, 6]], axis=1),
    concat("features of a sequence", [[2, 3, 6], [2, 3, 5]], axis=2),
])


def cut(name, shape, axis=None, start=None, stop=None, step=None):
    given = {"axis": axis, "start": start, "stop": stop, "step": step}
    params = {key: value for key, value in given.items() if value is not None}
    index = [slice(None)] * len(shape)
    index[1 if axis is None else axis] = slice(start, stop, step)
    return case(name, "slice", params, [source(shape)], lambda src, w: src[0][tuple(index)])


write("slice", [
    cut("a block of channels", [2, 48, 3, 4], start=16, stop=32),
    cut("the last channels", [2, 40, 3, 4], start=32),
    cut("split blocks", [2, 32, 3, 4], start=5, stop=23),
    cut("from the end", [1, 17, 3, 3], start=-4, stop=-1),
    cut("one channel", [2, 3, 5, 5], start=1, stop=2),
    cut("everything", [2, 17, 3, 3]),
    cut("rows", [2, 17, 5, 4], axis=2, start=1, stop=-1),
    cut("columns", [2, 16, 5, 4], axis=3, stop=2),
    cut("a series", [2, 20, 7], axis=2, start=2),
    cut("features", [4, 20], start=3, stop=11),
    cut("the last place of a sequence", [3, 5, 6], start=-1),
    cut("every other channel", [2, 33, 3, 4], step=2),
    cut("every third row, from the second on", [2, 16, 8, 5], axis=2, start=1, step=3),
    cut("every other column, and not the last", [2, 17, 4, 7], axis=3, stop=-1, step=2),
    cut("every fourth step of a sequence", [3, 11, 6], axis=1, start=2, stop=10, step=4),
    cut("every fifth feature", [4, 23], step=5),
    cut("one place, since the step is long", [2, 16, 5, 4], axis=2, start=3, step=9),
])


def pad(name, shape, padding=None, channels=None, value=None):
    params = {key: v for key, v in {"padding": padding, "channels": channels, "value": value}.items() if v is not None}
    sides = (padding or [0] * 2 * (len(shape) - 2)) + (channels or [])
    return case(name, "pad", params, [source(shape)], lambda src, w: F.pad(src[0], sides, value=value or 0.0))


write("pad", [
    pad("channels by blocks", [2, 16, 3, 4], channels=[16, 16]),
    pad("channels that split blocks", [2, 16, 3, 4], channels=[8, 8]),
    pad("channels of 17", [2, 17, 3, 3], channels=[1, 2]),
    pad("channels behind", [2, 16, 3, 4], channels=[0, 16]),
    pad("four sides", [2, 17, 3, 4], padding=[1, 2, 3, 0]),
    pad("four sides and channels", [1, 16, 3, 4], padding=[1, 1, 1, 1], channels=[4, 0]),
    pad("a value", [2, 17, 3, 4], padding=[1, 2, 0, 1], value=-1.5),
    pad("a series", [2, 16, 7], padding=[2, 1]),
    pad("features", [4, 10], channels=[3, 2], value=0.5),
    pad("nothing", [2, 3, 3, 3]),
])


def reshape(name, shape, to):
    return case(name, "reshape", {"shape": to}, [source(shape)], lambda src, w: src[0].reshape(shape[0], *to))


write("reshape", [
    reshape("features into a picture", [3, 48], [3, 4, 4]),
    reshape("a picture into rows", [2, 16, 3, 4], [3, 64]),
    reshape("one size open", [2, 17, 3, 3], [3, -1]),
    reshape("to one number", [5, 1], []),
    reshape("the same", [2, 16, 3, 4], [16, 3, 4]),
])


def permute(name, shape, dims):
    return case(name, "permute", {"dims": dims}, [source(shape)], lambda src, w: src[0].permute(dims))


write("permute", [
    permute("a series to channels first", [2, 11, 17], [0, 2, 1]),
    permute("a series of one dimension", [3, 9, 1], [0, 2, 1]),
    permute("an image with its channels last", [2, 3, 5, 4], [0, 2, 3, 1]),
    permute("an image with its channels first", [2, 5, 4, 16], [0, 3, 1, 2]),
    permute("height and width", [2, 16, 5, 7], [0, 1, 3, 2]),
    permute("all axes of an image", [2, 17, 5, 4], [0, 3, 2, 1]),
    permute("axes counted from the end", [2, 5, 4, 6], [0, -1, -3, -2]),
    permute("a shuffle of channels", [2, 4, 8, 3, 5], [0, 2, 1, 3, 4]),
    permute("six axes", [2, 2, 3, 4, 2, 3], [0, 3, 5, 1, 2, 4]),
    permute("the same", [2, 16, 3, 4], [0, 1, 2, 3]),
    permute("features", [4, 10], [0, 1]),
])


def softmax(name, shape, log=None, scale=3.0):
    function = F.log_softmax if log else F.softmax
    return case(name, "softmax", {} if log is None else {"log": log}, [source(shape, scale=scale)], lambda src, w: function(src[0], dim=-1))


write("softmax", [softmax(f"{name}{' log' if log else ''}", shape, log, scale) for log in (None, True) for name, shape, scale in [
    ("digits", [8, 10], 3.0), ("one class", [3, 1], 3.0), ("a sequence", [2, 5, 17], 3.0), ("many classes", [2, 1000], 3.0),
    ("large scores", [4, 33], 80.0), ("a picture's last axis", [2, 16, 3, 5], 3.0)]])


def product(src, w):
    result = src[0]
    for other in src[1:]:
        result = result * other
    return result


def mul(name, *shapes):
    return case(name, "mul", {}, [source(shape) for shape in shapes], product)


write("mul", [
    mul("pictures", [2, 32, 5, 4], [2, 32, 5, 4]),
    mul("17 channels", [3, 17, 3, 3], [3, 17, 3, 3]),
    mul("features", [4, 20], [4, 20]),
    mul("three", [2, 16, 3, 3], [2, 16, 3, 3], [2, 16, 3, 3]),
    mul("a gate", [2, 32, 5, 4], [2, 32, 1, 1]),
    mul("a gate on 17 channels", [2, 17, 3, 5], [2, 17, 1, 1]),
    mul("a gate on one channel", [1, 1, 4, 4], [1, 1, 1, 1]),
    mul("a gate on a series", [2, 20, 7], [2, 20, 1]),
    mul("two gates and a picture", [2, 16, 3, 4], [2, 16, 1, 1], [2, 16, 3, 4], [2, 16, 1, 1]),
])
