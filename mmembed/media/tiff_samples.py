"""The samples of a TIFF: its strips or tiles, decompressed, as numbers."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmembed.media.tiff_layout import (
    BY_PILLOW,
    DEFLATED,
    FLOAT,
    RAW,
    SIGNED,
    UNSIGNED,
    Layout,
)


def parts(data: bytes, layout: Layout) -> Iterator[tuple[int, int, int, NDArray[Any]]]:
    """Left, top and first sample of every segment, and its samples: (rows, columns, samples).
    Segments come one at a time, which takes little memory."""
    planes, samples = (layout.samples, 1) if layout.planar else (1, layout.samples)
    wide, high = layout.segment
    across, down = math.ceil(layout.width / wide), math.ceil(layout.height / high)
    for index, (left, top, plane) in enumerate(_places(layout, planes, across, down)):
        rows = high if wide != layout.width else min(high, layout.height - top)
        part = _samples(_segment(data, layout, index, rows, samples), layout, rows, samples)
        yield left, top, plane, part[: layout.height - top, : layout.width - left]


def _places(layout: Layout, planes: int, across: int, down: int) -> Iterator[tuple[int, int, int]]:
    """Left, top and first sample of every segment, in the order of the file."""
    wide, high = layout.segment
    if len(layout.offsets) < planes * across * down:
        raise ValueError("a strip or tile is missing")
    for plane in range(planes):
        for row in range(down):
            for column in range(across):
                yield column * wide, row * high, plane


def _row_bytes(layout: Layout, samples: int) -> int:
    return math.ceil(layout.segment[0] * samples * layout.bits / 8)


def _segment(data: bytes, layout: Layout, index: int, rows: int, samples: int) -> NDArray[np.uint8]:
    """uint8 (rows, bytes of a row), decompressed."""
    size = rows * _row_bytes(layout, samples)
    start = layout.offsets[index]
    stored = data[start : start + layout.counts[index]]
    if layout.compression in DEFLATED:
        stored = zlib.decompressobj().decompress(stored, size)
    elif layout.compression in BY_PILLOW:
        stored = _unpacked(stored, layout.compression, size // rows, rows)
    if len(stored) < size:
        raise ValueError("a strip or tile is cut short")
    rows_of_bytes = np.frombuffer(stored, np.uint8, size).reshape(rows, -1)
    if layout.reversed_bits and layout.compression in RAW:
        rows_of_bytes = np.packbits(np.unpackbits(rows_of_bytes, axis=1, bitorder="little"), axis=1)
    return rows_of_bytes


def _unpacked(stored: bytes, compression: int, wide: int, high: int) -> bytes:
    """A segment decompressed by libtiff: a grey picture whose pixels are the bytes."""
    entries = {
        256: wide, 257: high, 258: 8, 259: compression, 262: 1, 273: 8,
        277: 1, 278: high, 279: len(stored),
    }  # fmt: skip
    directory = b"".join(struct.pack("<HHLL", tag, 4, 1, n) for tag, n in entries.items())
    padding = b"\0" * (len(stored) % 2)
    where = 8 + len(stored) + len(padding)
    head = b"II*\0" + struct.pack("<L", where) + stored + padding
    file = head + struct.pack("<H", len(entries)) + directory + bytes(4)
    with Image.open(io.BytesIO(file), formats=("TIFF",)) as image:
        unpacked: bytes = image.tobytes()
    return unpacked


def _samples(rows: NDArray[np.uint8], layout: Layout, high: int, samples: int) -> NDArray[Any]:
    """(rows, width, samples) of the numbers that a segment's bytes stand for."""
    shape = (high, layout.segment[0], samples)
    if layout.predictor == 3:
        return _float_predicted(rows, layout, shape)
    if layout.bits not in (8, 16, 32, 64):
        return _of_bits(rows, layout.bits, shape)
    order = ">" if layout.big_endian else "<"
    letter = {UNSIGNED: "u", SIGNED: "i", FLOAT: "f"}[layout.kind]
    size = layout.bits // 8
    stored = np.ascontiguousarray(rows)
    if layout.predictor == 2:
        steps = stored.view(f"{order}u{size}").reshape(shape).astype(f"=u{size}")
        whole = np.cumsum(steps, axis=1, dtype=steps.dtype)
        return whole.view(f"={letter}{size}")
    return stored.view(f"{order}{letter}{size}").reshape(shape)


def _of_bits(rows: NDArray[np.uint8], bits: int, shape: tuple[int, int, int]) -> NDArray[np.uint32]:
    """Samples of any number of bits, the most significant first; rows start at whole bytes."""
    count = shape[1] * shape[2]
    numbers = np.empty((shape[0], count), np.uint32)
    weights = (1 << np.arange(bits - 1, -1, -1, dtype=np.uint64)).astype(np.uint64)
    for index, row in enumerate(rows):  # bits take eight times the room
        numbers[index] = np.unpackbits(row)[: count * bits].reshape(count, bits) @ weights
    return numbers.reshape(shape)


def _float_predicted(
    rows: NDArray[np.uint8], layout: Layout, shape: tuple[int, int, int]
) -> NDArray[Any]:
    """Differences of bytes, of which the most significant of all samples come first."""
    size, count = layout.bits // 8, shape[1] * shape[2]
    steps = rows.reshape(shape[0], -1, shape[2])
    whole = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(shape[0], size, count)
    stored = np.ascontiguousarray(whole.transpose(0, 2, 1))
    return stored.view(f">f{size}").reshape(shape)
