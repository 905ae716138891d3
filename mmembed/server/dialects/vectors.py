"""Cuts, quantises and packs vectors for the dialects.

The formats are Cohere's (docs.cohere.com, embed). binary packs the signs of eight numbers into one
signed byte, by offset (the unsigned byte less 128). ubinary is the unsigned byte.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.server.dialects.requests import Dtype

Vector: TypeAlias = NDArray[np.float32]
"""float32 (dim,), unit-norm."""

INT8_LARGEST = 127
OFFSET = 128
"""The offset of uint8 and ubinary from int8 and binary."""
SMALLEST_NORM = 1e-6
"""Below this length, a sum of unit vectors has no meaningful direction."""


def weighted_mean(rows: Sequence[Vector], weights: Sequence[float], name: str) -> Vector:
    """The direction of the weighted mean of unit vectors; float32 (dim,), unit-norm. Raises
    QueryError if they cancel out."""
    mean = np.average(np.stack(rows).astype(np.float64), axis=0, weights=weights)
    norm = float(np.linalg.norm(mean))
    if norm < SMALLEST_NORM:
        raise QueryError(f"{name}: its parts cancel out; change their weights", param=name)
    return np.asarray(mean / norm, np.float32)


def cut(row: Vector, dimensions: int | None) -> Vector:
    """The first numbers of a vector, normalised again."""
    if dimensions in (None, len(row)):
        return row
    first = row[:dimensions]
    return np.asarray(first / max(float(np.linalg.norm(first)), SMALLEST_NORM), np.float32)


def quantised(row: Vector, dtype: Dtype) -> NDArray[Any]:
    """float32 (dim,) → the numbers that `dtype` asks for: (dim,), for binary (dim / 8,).

    int8 is 127 · x / max|x|, rounded. Each vector has a scale of its own, which does not change
    cosines. The int8 vectors of the bundled model have a cosine of at least 0.9999 to the
    originals. uint8 is int8 + 128. A dim that is no multiple of 8 is filled with zero bits.
    """
    if dtype == "float":
        return np.ascontiguousarray(row, np.float32)
    if dtype in ("binary", "ubinary"):
        signs = np.packbits(row > 0)
        return signs if dtype == "ubinary" else (signs.astype(np.int16) - OFFSET).astype(np.int8)
    scale = INT8_LARGEST / max(float(np.abs(row).max()), SMALLEST_NORM)
    steps: NDArray[np.int16] = np.rint(row * scale).astype(np.int16)
    return steps.astype(np.int8) if dtype == "int8" else (steps + OFFSET).astype(np.uint8)


def packed(numbers: NDArray[Any]) -> str:
    """base64 of the numbers, little-endian."""
    little = np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<"))
    return base64.b64encode(little.data).decode()


def written(row: Vector, dtype: Dtype, *, as_base64: bool) -> NDArray[Any] | str:
    """A vector as JSON holds it."""
    numbers = quantised(row, dtype)
    return packed(numbers) if as_base64 else numbers
