"""Vectors as dialects write them: quantised, packed.

The formats are Cohere's (docs.cohere.com, embed). binary packs the signs of eight numbers into one
signed byte, by offset (the unsigned byte less 128). ubinary is the unsigned byte.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.server.dialects.input_shapes import Dtype
from mmembed.types import Embedding

INT8_LARGEST = 127
OFFSET = 128
"""The offset of uint8 and ubinary from int8 and binary."""
SMALLEST_NUMBER = 1e-6
"""Of a vector's numbers the largest is taken for this much at least."""


def quantised(row: Embedding, dtype: Dtype) -> NDArray[Any]:
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
    scale = INT8_LARGEST / max(float(np.abs(row).max()), SMALLEST_NUMBER)
    steps: NDArray[np.int16] = np.rint(row * scale).astype(np.int16)
    return steps.astype(np.int8) if dtype == "int8" else (steps + OFFSET).astype(np.uint8)


def packed(numbers: NDArray[Any]) -> str:
    """base64 of the numbers, little-endian."""
    little = np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<"))
    return base64.b64encode(little.data).decode()


def written(row: Embedding, dtype: Dtype, *, as_base64: bool) -> NDArray[Any] | str:
    """A vector as JSON holds it."""
    numbers = quantised(row, dtype)
    return packed(numbers) if as_base64 else numbers
