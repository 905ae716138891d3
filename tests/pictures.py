"""Small image files, made in code."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

GALLERY = Path(__file__).parent.parent / "fixtures" / "gallery"
ODD = Path(__file__).parent.parent / "fixtures" / "odd"
UNDO = (None, 0, 3, 1, 5, 2, 6, 4)
"""For EXIF orientation 1 to 8: Pillow's transposition that makes such a file of an upright one."""


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def quarters(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Red, green, blue and yellow quarters: every turn of it looks different."""
    small = Image.new("RGB", (2, 2))
    small.putdata([(220, 30, 30), (30, 160, 30), (30, 30, 220), (230, 230, 30)])
    return small.resize(size, Image.Resampling.NEAREST)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *more: bytes) -> bytes:
    """A PNG written by hand, for what Pillow does not write. Each row starts with filter 0."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    extra = b"".join(chunk(c[:4], c[4:]) for c in more)
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + body


def swapped_profile() -> bytes:
    """An sRGB profile whose red and blue primaries are exchanged, under another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    tags = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, blue = (slice(tags[name] + 4, tags[name] + 12) for name in (b"rXYZ", b"bXYZ"))
    data[red], data[blue] = data[blue], data[red]
    return bytes(data).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
