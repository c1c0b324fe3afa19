"""Writes exif.json: JPEG and PNG files whose EXIF says how they lie, with the bytes that Pillow's
ImageOps.exif_transpose makes of them.

Files and bytes stand in hex. The pixels are those of pictures.py, few of them."""
import io
import json
import pathlib
import struct

import numpy as np
from PIL import Image, ImageOps

from pictures import HERE, chunk, noise, png

HEIGHT, WIDTH = 3, 5
BYTE, SHORT, LONG, SIGNED_SHORT = 1, 3, 4, 8


def tiff(value, kind=SHORT, order="<", count=1, more=()):
    """A list of entries, with Orientation among them."""
    size = {BYTE: "B", SHORT: "H", LONG: "I", SIGNED_SHORT: "h"}[kind]
    entries = [(0x0112, kind, count, struct.pack(order + size * min(count, 2), *[value] * min(count, 2)))]
    entries = sorted(entries + list(more))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    body = b"".join(struct.pack(order + "HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries)
    return head + body + bytes(4)


def jpeg(exif, mode="RGB", before=b""):
    """`before`: segments before that of EXIF."""
    data = noise(5, (HEIGHT, WIDTH, len(mode)))
    out = io.BytesIO()
    Image.fromarray(data[:, :, 0] if mode == "L" else data, mode).save(out, "JPEG", quality=90)
    plain = out.getvalue()
    return plain[:2] + before + segment(0xE1, b"Exif\0\0" + exif) + plain[2:]


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def png_with(exif, channels=3):
    samples = noise(6, (HEIGHT, WIDTH, channels)).astype(np.uint32)
    return png(2 if channels == 3 else 0, 8, samples, chunk(b"eXIf", exif))


def files():
    for value in range(10):
        yield f"jpeg {value}", jpeg(tiff(value))
    for value in range(1, 9):
        yield f"png {value}", png_with(tiff(value))
    yield "jpeg, big-endian", jpeg(tiff(6, order=">"))
    yield "jpeg, grey", jpeg(tiff(8), "L")
    yield "png, grey", png_with(tiff(5), 1)
    yield "jpeg, inks", jpeg(tiff(6), "CMYK")
    yield "jpeg, a byte", jpeg(tiff(6, BYTE))
    yield "jpeg, a long", jpeg(tiff(8, LONG))
    yield "jpeg, a long, big-endian", jpeg(tiff(8, LONG, ">"))
    yield "jpeg, signed", jpeg(tiff(3, SIGNED_SHORT))
    yield "jpeg, two values", jpeg(tiff(6, count=2))
    other = [(0x0100, LONG, 1, struct.pack("<I", 7)), (0x011A, 5, 1, struct.pack("<I", 8)), (0x0132, 2, 2, b"x\0")]
    yield "jpeg, among others", jpeg(tiff(6, more=other))
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>")
    yield "jpeg, behind other segments", jpeg(tiff(6), before=xmp + segment(0xFE, b"a comment"))
    yield "jpeg, behind filling bytes", jpeg(tiff(6), before=segment(0xFE, b"a") + b"\xFF\xFF")
    yield "jpeg, another byte order", jpeg(b"XX" + tiff(6)[2:])
    yield "jpeg, EXIF that ends early", jpeg(tiff(6)[:15])
    yield "jpeg, EXIF of nothing", jpeg(b"")


def turned(name, data):
    picture = Image.open(io.BytesIO(data))
    upright = ImageOps.exif_transpose(picture).convert("RGB")
    return {"name": name, "file": data.hex(), "height": upright.height, "width": upright.width,
            "rgb": upright.tobytes().hex(), "stored": picture.convert("RGB").tobytes().hex()}


def main():
    rows = [turned(name, data) for name, data in files()]
    (HERE / "exif.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
