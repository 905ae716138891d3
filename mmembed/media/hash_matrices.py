"""Matrices that make perceptual hashes of grey pixels: means of cells, and waves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FREQUENCIES = 8
STEPS = 8, 8
"""Rows of cells, and differences in a row."""
DEAD_ZONE = 1.0
"""Grey levels, of 255, by which cells must differ: noise on a white ground is no structure."""

Matrix = NDArray[np.float32]


def waves(count: int) -> Matrix:
    """float32 (8, count): the low waves of the cosine transform of so many pixels."""
    places = (2 * np.arange(count) + 1) * np.pi / (2 * count)
    return np.asarray(np.cos(np.arange(FREQUENCIES)[:, None] * places), np.float32)


def cells(count: int, size: int, start: float = 0, end: float | None = None) -> Matrix:
    """float32 (count, size): the means of `count` cells of equal width between two places in a row
    of `size` pixels; neighbours share pixels."""
    edges = np.linspace(start, size if end is None else end, count + 1)
    pixels = np.arange(size)
    starts, ends = edges[:-1, None], edges[1:, None]
    shares = np.clip(np.minimum(ends, pixels + 1) - np.maximum(starts, pixels), 0, None)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)
