"""Writes augment.json: what color_jitter, random_resized_crop, random_erasing, mixup and cutmix must make of given draws.

Pillow makes the pictures, as it does for torchvision (ImageEnhance for brightness, contrast and saturation, HSV for hue,
crop and resize for RandomResizedCrop); sizes of boxes and mixed batches are written out as torchvision and timm define
them. Pictures are made by a formula (`noise`, test_pixel() in tests/support)."""
import json
import math
import pathlib
import zlib

import numpy as np
import torch
from PIL import Image, ImageEnhance

HERE = pathlib.Path(__file__).parent


def noise(sample, shape):
    index = np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(sample * 7919)
    mixed = index * np.uint64(2654435761) % np.uint64(2**32)
    return (mixed >> np.uint64(24)).astype(np.uint8).reshape(shape)


def picture_of(data):
    return Image.fromarray(data[:, :, 0] if data.shape[2] == 1 else data)


def adjust_hue(picture, shift):
    if picture.mode == "L":
        return picture
    hue, saturation, value = picture.convert("HSV").split()
    turned = np.array(hue, dtype=np.uint8) + np.array(int(shift * 255)).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")


ADJUST = [lambda picture, factor: ImageEnhance.Brightness(picture).enhance(factor),
          lambda picture, factor: ImageEnhance.Contrast(picture).enhance(factor),
          lambda picture, factor: ImageEnhance.Color(picture).enhance(factor), adjust_hue]
FACTORS = [0.0, 0.3, 0.61803398, 0.9999, 1.0, 1.25, 1.7, 3.5, 40.0]
SHIFTS = [-0.5, -0.37, -0.1, -0.003, 0.0, 0.0039, 0.05, 0.25, 0.4999, 0.5]
HEIGHT, WIDTH = 7, 9


def f32(value):
    """Draws are of single precision."""
    return float(np.float32(value))


def adjustments():
    for which, adjust in enumerate(ADJUST):
        for factor in map(f32, SHIFTS if which == 3 else FACTORS):
            for channels in (1, 3):
                source = noise(which + channels, (HEIGHT, WIDTH, channels))
                yield {"which": which, "factor": factor, "channels": channels,
                       "bytes": adjust(picture_of(source), factor).tobytes().hex()}


def jitters():
    """Four adjustments one after the other."""
    rows = [([0, 1, 2, 3], [1.3, 0.7, 1.9, 0.1]), ([3, 2, 1, 0], [0.8, 1.4, 0.2, -0.2]),
            ([2, 0, 3, 1], [1.1, None, 0.5, None]), ([1, 3, 0, 2], [None, 1.2, None, 0.45])]
    for order, factors in rows:
        picture = picture_of(noise(11, (HEIGHT, WIDTH, 3)))
        for which in order:
            if factors[which] is not None:
                picture = ADJUST[which](picture, f32(factors[which]))
        yield {"order": order, "factor": [None if f is None else f32(f) for f in factors],
               "bytes": picture.tobytes().hex()}


def all_colours():
    """A checksum over every third value of each channel, of each way to change colours."""
    grid = np.mgrid[0:256:3, 0:256:3, 0:256:3].astype(np.uint8)
    picture = picture_of(np.stack([channel.reshape(-1) for channel in grid], 1).reshape(1, -1, 3))
    rows = [(2, 0.4), (2, 1.6), (3, 0.0), (3, 0.13), (3, -0.31), (3, 0.5)]
    for which, factor in rows:
        changed = ADJUST[which](picture, f32(factor))
        yield {"which": which, "factor": f32(factor), "crc32": zlib.crc32(changed.tobytes())}


def crops():
    """Pictures of one size, boxes in them, and what the box is scaled to."""
    rows = [((13, 17, 3), (2, 3, 8, 9), (6, 6)), ((13, 17, 1), (0, 0, 13, 17), (5, 8)),
            ((13, 17, 3), (12, 16, 1, 1), (4, 4)), ((40, 30, 3), (1, 2, 37, 20), (12, 10)),
            ((40, 30, 1), (5, 5, 7, 7), (7, 7)), ((9, 9, 3), (4, 0, 5, 9), (10, 18))]
    for shape, (top, left, height, width), (to_height, to_width) in rows:
        picture = picture_of(noise(sum(shape), shape)).crop((left, top, left + width, top + height))
        # Across and then down, as Pillow always did before its version 13, which begins with some tall pictures' height.
        across = picture.resize((to_width, height), Image.Resampling.BILINEAR)
        resized = across.resize((to_width, to_height), Image.Resampling.BILINEAR)
        yield {"from": shape, "box": [top, left, height, width], "to": [to_height, to_width],
               "bytes": resized.tobytes().hex()}


def sides():
    for area in (1.0, 6.25, 12.5, 100.0, 777.7, 50176.0):
        for ratio in (0.3, 0.75, 1.0, 4 / 3, 3.3):
            yield {"area": area, "ratio": ratio,
                   "sides": [int(round(math.sqrt(area * ratio))), int(round(math.sqrt(area / ratio)))]}


def middles():
    """The fallback of RandomResizedCrop.get_params."""
    for height, width in ((10, 10), (100, 20), (20, 100), (7, 3), (3, 7), (33, 47), (1, 5), (5, 6)):
        for low, high in ((3 / 4, 4 / 3), (0.5, 0.6), (2.0, 2.5)):
            own = width / height
            box_height, box_width = height, width
            if own < low:
                box_height = int(round(width / low))
            elif own > high:
                box_width = int(round(height * high))
            yield {"from": [height, width], "ratio": [low, high],
                   "box": [(height - box_height) // 2, (width - box_width) // 2, box_height, box_width]}


def mixups():
    """timm's Mixup in its mode `batch`."""
    for samples in (1, 2, 3, 4):
        for share in (0.0, 0.25, 0.61803398, 0.999, 1.0):
            x = torch.tensor(noise(samples, (samples, 5)).astype(np.float32) / 50)
            flipped = x.flip(0).mul_(1.0 - share)
            yield {"samples": samples, "share": share, "values": x.mul_(share).add_(flipped).flatten().tolist()}


def boxes():
    """timm's rand_bbox with a given middle, and the share that is left."""
    for height, width in ((8, 8), (7, 12), (224, 160), (1, 30)):
        for share in (0.0, 0.3, 0.55, 0.9, 1.0):
            for y, x in ((0, 0), (height // 2, width // 3), (height - 1, width - 1)):
                ratio = np.sqrt(1 - share)
                cut_h, cut_w = int(height * ratio), int(width * ratio)
                top, bottom = np.clip([y - cut_h // 2, y + cut_h // 2], 0, height)
                left, right = np.clip([x - cut_w // 2, x + cut_w // 2], 0, width)
                left_over = 1.0 - (bottom - top) * (right - left) / float(height * width)
                yield {"size": [height, width], "share": share, "middle": [y, x],
                       "box": [int(top), int(left), int(bottom - top), int(right - left)], "left": float(left_over)}


if __name__ == "__main__":
    parts = {"adjustments": adjustments, "jitters": jitters, "all_colours": all_colours, "crops": crops, "sides": sides,
             "middles": middles, "mixups": mixups, "boxes": boxes}
    lines = ",\n".join(f'"{key}": [\n' + ",\n".join(json.dumps(row) for row in rows()) + "]" for key, rows in parts.items())
    (HERE / "augment.json").write_text("{" + lines + "}\n")
