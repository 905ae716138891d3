"""Vectors in separate groups, as pictures of several subjects have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.picture_vectors import PictureVectors


def grouped(sizes: list[int], dim: int = 16, noise: float = 0.05) -> NDArray[np.float16]:
    """Group after group, float16 (sum of sizes, dim): each around an axis of its own."""
    random = np.random.default_rng(1)
    rows = random.normal(0, noise, (sum(sizes), dim))
    rows[np.arange(len(rows)), np.repeat(np.arange(len(sizes)), sizes)] += 1
    return rows.astype(np.float16)


def pictures_of(rows: NDArray[np.float16]) -> PictureVectors:
    """Pictures with the ids 10, 20, 30 …"""
    return PictureVectors(np.arange(1, len(rows) + 1) * 10, rows)
