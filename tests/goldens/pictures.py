"""Writes pictures.json: small JPEG and PNG files with the bytes that Pillow decodes them to, pictures that Pillow has
resized, and the sizes and places that torchvision's Resize and CenterCrop come to.

Files and bytes stand in hex. Pictures to resize are made by a formula (`noise`, test_pixel() in tests/support)."""
import io
import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
HEIGHT, WIDTH = 13, 21


def noise(sample, shape):
    index = np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(sample * 7919)
    mixed = index * np.uint64(2654435761) % np.uint64(2**32)
    return (mixed >> np.uint64(24)).astype(np.uint8).reshape(shape)


def soft(channels):
    """Waves with some noise: a picture that JPEG can hold."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [127 + 90 * np.sin(0.5 * x + 0.3 * c) * np.cos(0.4 * y + c) for c in range(channels)]
    values = np.stack(waves, 2) + noise(1, (HEIGHT, WIDTH, channels)) % 32
    return np.clip(values, 0, 255).astype(np.uint8)


def jpeg(mode, **options):
    data = soft(len(mode))
    out = io.BytesIO()
    Image.fromarray(data[:, :, 0] if mode == "L" else data, mode).save(out, "JPEG", **options)
    return out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(row, depth):
    """Samples of a row as PNG packs them."""
    bits = "".join(format(int(value), f"0{depth}b") for value in row)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


# Adam7: the first row and column of each pass, and the steps.
PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(color_type, depth, samples, extra=b"", interlaced=False):
    """`samples`: rows x pixels x samples of a pixel. Written by hand, as Pillow writes few of PNG's forms."""
    height, width, per_pixel = samples.shape
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in PASSES] if interlaced else [samples]
    rows = [b"\0" + packed(row.reshape(-1), depth) for part in parts if part.size for row in part]
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(b"".join(rows)))
            + chunk(b"IEND", b""))


def values(channels, depth):
    return noise(2, (HEIGHT, WIDTH, channels, 2)).astype(np.uint32).dot([256, 1]) >> (16 - depth)


def palette(count):
    return chunk(b"PLTE", noise(3, (count, 3)).tobytes())


def files():
    yield "jpeg 4:4:4", jpeg("RGB", quality=90, subsampling=0)
    yield "jpeg 4:2:2", jpeg("RGB", quality=80, subsampling=1)
    yield "jpeg 4:2:0", jpeg("RGB", quality=75, subsampling=2)
    yield "jpeg of low quality", jpeg("RGB", quality=8)
    yield "jpeg progressive", jpeg("RGB", quality=75, progressive=True)
    yield "jpeg with restarts", jpeg("RGB", quality=75, restart_marker_blocks=1)
    yield "jpeg kept as RGB", jpeg("RGB", quality=85, keep_rgb=True)
    yield "jpeg grey", jpeg("L", quality=75)
    yield "jpeg of inks", jpeg("CMYK", quality=85)
    rotated = Image.Exif()
    rotated[0x0112] = 6  # to be turned, which neither Pillow nor torchvision does by itself
    yield "jpeg with orientation", jpeg("RGB", quality=60, exif=rotated)
    for depth in (1, 2, 4, 8, 16):
        yield f"png grey {depth}", png(0, depth, values(1, depth))
    for depth in (1, 2, 4, 8):
        yield f"png palette {depth}", png(3, depth, values(1, depth), palette(2**depth))
    yield "png palette with alpha", png(3, 4, values(1, 4), palette(16) + chunk(b"tRNS", bytes([0, 9, 200])))
    yield "png colour 8", png(2, 8, values(3, 8))
    yield "png colour 16", png(2, 16, values(3, 16))
    yield "png grey and alpha 8", png(4, 8, values(2, 8))
    yield "png grey and alpha 16", png(4, 16, values(2, 16))
    yield "png colour and alpha 8", png(6, 8, values(4, 8))
    yield "png colour and alpha 16", png(6, 16, values(4, 16))
    key = struct.pack(">HHH", *(int(v) for v in values(3, 8)[0, 0]))
    yield "png with a transparent colour", png(2, 8, values(3, 8), chunk(b"tRNS", key))
    yield "png grey with a transparent value", png(0, 8, values(1, 8), chunk(b"tRNS", b"\0\x11"))
    yield "png with gamma and text", png(2, 8, values(3, 8), chunk(b"gAMA", struct.pack(">I", 22000))
                                         + chunk(b"tEXt", b"Title\0a title") + chunk(b"sBIT", b"\5\5\5"))
    yield "png interlaced", png(2, 8, values(3, 8), interlaced=True)
    yield "png interlaced palette 4", png(3, 4, values(1, 4), palette(16), interlaced=True)


def decoded(name, data):
    picture = Image.open(io.BytesIO(data))
    if picture.mode.startswith("I;16"):
        # Pillow cuts off at 255. The upper byte is what it takes of colour with 16 bits.
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return {"name": name, "file": data.hex(), "height": HEIGHT, "width": WIDTH,
            "rgb": picture.convert("RGB").tobytes().hex(), "grey": picture.convert("L").tobytes().hex()}


RESIZES = [  # height, width, channels -> height, width
    ((64, 48, 3), (7, 5)), ((64, 48, 1), (7, 5)), ((13, 9, 3), (31, 22)), ((13, 9, 1), (31, 22)),
    ((33, 47, 3), (32, 46)), ((17, 12, 3), (18, 13)), ((100, 1, 3), (3, 5)), ((1, 100, 1), (2, 9)),
    ((5, 200, 3), (5, 20)), ((200, 5, 1), (20, 5)), ((3, 3, 3), (1, 1)), ((300, 200, 1), (2, 1)),
    ((1, 1, 3), (4, 3)), ((11, 7, 3), (11, 7)), ((255, 257, 1), (16, 15)), ((28, 28, 1), (32, 32)),
]


def resized(shape, size):
    data = noise(sum(shape), shape)
    picture = Image.fromarray(data[:, :, 0] if shape[2] == 1 else data)
    result = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return {"from": shape, "to": size, "bytes": result.tobytes().hex()}


def resized_size(height, width, size):
    """torchvision.transforms.functional._compute_resized_output_size for one int."""
    short, long = (width, height) if width <= height else (height, width)
    new_long = int(size * long / short)
    return (new_long, size) if width <= height else (size, new_long)


def cropped(height, width, crop_height, crop_width):
    """torchvision.transforms.functional.center_crop on a picture, by its formulas."""
    picture = Image.fromarray(noise(4, (height, width, 3)))
    pad_x, pad_y = max(crop_width - width, 0), max(crop_height - height, 0)
    padded = Image.new("RGB", (width + pad_x, height + pad_y))
    padded.paste(picture, (pad_x // 2, pad_y // 2))
    top = int(round((padded.height - crop_height) / 2.0))
    left = int(round((padded.width - crop_width) / 2.0))
    result = padded.crop((left, top, left + crop_width, top + crop_height))
    return {"from": [height, width], "to": [crop_height, crop_width], "bytes": result.tobytes().hex()}


def main():
    sizes = [(h, w, s) for h, w in ((500, 375), (375, 500), (333, 1000), (7, 7), (13, 21), (1, 9)) for s in (5, 8, 256)]
    crops = [(6, 7, 5, 4), (9, 8, 4, 3), (7, 5, 4, 2), (10, 11, 5, 4), (9, 9, 4, 4), (4, 9, 6, 6), (3, 4, 6, 7)]
    golden = {
        "decode": [decoded(name, data) for name, data in files()],
        "resize": [resized(*case) for case in RESIZES],
        "resized_sizes": [{"from": [h, w], "size": s, "to": resized_size(h, w, s)} for h, w, s in sizes],
        "center_crop": [cropped(*case) for case in crops],
    }
    lines = ",\n".join(f'"{key}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "]" for key, rows in golden.items())
    (HERE / "pictures.json").write_text("{" + lines + "}\n")


if __name__ == "__main__":
    main()
