"""Clustered vectors, and views of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.store.entries import ImageEntry
from mmembed.store.vectors import VectorView

Entry = Callable[..., ImageEntry]
Vectors = NDArray[np.float32]
DIM = 32


def clustered(count: int, *, seed: int = 0, dim: int = DIM) -> Vectors:
    """float32 (count, dim), unit-norm, in about a hundred clusters."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(100, dim))
    rows = centres[random.integers(0, 100, count)] + 0.4 * random.normal(size=(count, dim))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def view_of(
    vectors: Vectors, *, exact_limit: int = 100_000, path: str = "v", cells: bool | None = None
) -> VectorView:
    """With cells where it is larger than its limit, unless it is said."""
    view = VectorView(Path(path), kind="image", dim=vectors.shape[1], exact_limit=exact_limit)
    ids = list(range(1, len(vectors) + 1))
    if cells is None:
        cells = len(vectors) > exact_limit
    view.rebuild([(ids, vectors.astype(np.float16))], seq=len(vectors), cells=cells)
    return view
