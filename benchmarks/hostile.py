"""Small files that are large once decoded, and bodies that are large once read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

WIDE = (6000, 6000)
"""36 megapixels, under the limit of 100."""


def _saved(mode: str, kind: str, size: tuple[int, int] = WIDE, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


def pictures() -> Iterator[tuple[str, bytes]]:
    """A name and a file each, of all formats and some modes."""
    yield "whole.jp2", huge_jpeg_2000(num_resolutions=1)
    yield "halved.jp2", huge_jpeg_2000()
    yield "small-blocks.jp2", huge_jpeg_2000(codeblock_size=(4, 4))
    yield "bits.png", _saved("1", "PNG")
    yield "palette.png", _saved("P", "PNG", transparency=0)
    yield "deep.png", _saved("I;16", "PNG", WIDE, compress_level=1)
    yield "alpha.png", _saved("RGBA", "PNG", compress_level=1)
    yield "row.png", _saved("RGBA", "PNG", (10_000_000, 1))
    yield "column.png", _saved("L", "PNG", (1, 10_000_000))
    yield "lossless.webp", _saved("RGB", "WEBP", lossless=True, quality=0, method=0)
    yield "small.webp", _saved("RGB", "WEBP", (4000, 4000), lossless=True, quality=0, method=0)
    yield "transparent.gif", _saved("P", "GIF", transparency=0)
    yield "strip.tif", _saved("L", "TIFF", compression="packbits", tiffinfo={278: WIDE[1]})
    yield "float.tif", _saved("F", "TIFF", (4000, 4000), compression="packbits")
    yield "tile.tif", with_a_large_tile()
    yield "runs.bmp", _run_length_bmp(*WIDE)
    yield "progressive.jpg", _saved("L", "JPEG", WIDE, progressive=True)
    yield "wide.avif", _saved("L", "AVIF", (2000, 2000), speed=10)
    yield "wide.heic", _saved("L", "HEIF", (1000, 1000), quality=1)


def huge_jpeg_2000(**options: Any) -> bytes:
    """A small one, said to be of 36 megapixels: what it lacks is black."""
    data = bytearray(_saved("RGB", "JPEG2000", (64, 64), **options))
    side = struct.pack(">I", WIDE[0])
    box, codestream = data.index(b"ihdr"), data.index(b"\xff\x4f\xff\x51")
    for place in (box + 4, box + 8, *(codestream + start for start in (8, 12, 24, 28))):
        data[place : place + 4] = side
    return bytes(data)


def _run_length_bmp(width: int, height: int) -> bytes:
    """All of one colour; Pillow reads it and cannot write it."""
    runs = b"\xff\x01" * (width // 255) + bytes([width % 255, 1]) + b"\0\0"
    pixels = runs * height + b"\0\1"
    start = 14 + 40 + 1024
    head = b"BM" + (start + len(pixels)).to_bytes(4, "little") + bytes(4)
    size = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    info = (40).to_bytes(4, "little") + size + b"\1\0\x08\0" + b"\1\0\0\0"
    rest = len(pixels).to_bytes(4, "little") + bytes(16)
    return head + start.to_bytes(4, "little") + info + rest + bytes(range(256)) * 4 + pixels


def with_a_large_tile() -> bytes:
    """A TIFF of 64 × 64 pixels, whose one tile is said to have 30,000 × 30,000."""
    pixels = zlib.compress(bytes(100_000))
    side, start = 30_000, 8
    tags = [(256, 64), (257, 64), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(322, side), (323, side), (324, start), (325, len(pixels))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    folder = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", start + len(pixels)) + pixels + folder


def bodies(size: int = 8_000_000) -> Iterator[tuple[str, str, bytes]]:
    """A name, a route and a JSON body of about so many bytes each."""
    yield "terms", "/v1/search", b'{"query":[' + _many(b'{"text":"a"}', size) + b"]}"
    yield "empty terms", "/v1/search", b'{"query":[' + _many(b"{}", size) + b"]}"
    yield "tags", "/v1/search", b'{"q":"a","filter":{"tags":[' + _many(b'"a"', size) + b"]}}"
    yield "labels", "/v1/classify", b'{"images":[""],"labels":[' + _many(b'"a"', size) + b"]}"
    yield "images", "/v1/classify", b'{"labels":["a"],"images":[' + _many(b"{}", size) + b"]}"
    yield "captions", "/v1/items", b'{"captions":[' + _many(b'"a"', size) + b"]}"
    for route in ("/v1/embeddings", "/v2/embed", "/v1/multimodalembeddings"):
        yield f"lists, {route}", route, b'{"inputs":[],"input":[' + _many(b"[]", size) + b"]}"
        yield (
            f"numbers, {route}",
            route,
            b'{"inputs":[],"input":[' + _many(b"7777777", size) + b"]}",
        )
    yield "nested", "/v1/embeddings", b'{"input":' + b"[" * size
    yield "nested a little", "/v1/embeddings", b'{"input":' + b"[" * 10_000
    yield "a number", "/v1/embeddings", b'{"input":' + b"1" * size + b"}"
    yield "a key", "/v1/search", b'{"' + b"k" * size + b'":1}'
    yield "keys", "/v1/search", b"{" + _many(b'"k":1', size) + b"}"
    yield "some keys", "/v1/search", b"{" + b",".join(b'"k%d":1' % n for n in range(40_000)) + b"}"
    yield "escapes", "/v1/search", b'{"q":"' + b"\\u0041" * (size // 6) + b'"}'
    yield "quotes", "/v1/search", b'{"q":"' + b'\\"' * (size // 2) + b'"}'
    yield "zeros", "/v1/search", bytes(size)
    yield "a model", "/v1/search", b'{"q":"a","model":"' + b"m" * size + b'"}'
    yield "a name", "/v1/items", b'{"image":"AAAA","name":"' + b"n" * size + b'"}'
    yield "a cursor", "/v1/search", b'{"q":"a","cursor":"' + b"c" * size + b'"}'


def _many(one: bytes, size: int) -> bytes:
    return b",".join([one] * (size // (len(one) + 1)))
