"""Cells of vectors that lie near each other, so that a million need not be compared each with all.

Each vector is in the NEAREST_CELLS cells whose centres are nearest to it. Two vectors that are
alike have at least one of them in common, nearly always: docs/duplicates.md has the measured share.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float16]
Places = NDArray[np.int64]

CELL = 1000
"""Vectors for each cell."""
NEAREST_CELLS = 3
LARGEST = 20_000
"""Vectors of a cell that are compared with each other; a larger cell is cut."""
SAMPLED = 50
"""Vectors for each centre, of which the centres are the means."""
ROUNDS = 5
CHUNK = 8192
SEED = 0
SMALLEST = 1e-9


def members_of_cells(rows: Rows, present: Places) -> tuple[Iterator[Places], int]:
    """The rising places of the vectors in each cell, cell after cell, and the number of comparisons
    within all of them. present: the places that are looked at, rising."""
    centres = _centres(rows, present)
    cells = _nearest_cells(rows, present, centres)
    order = np.argsort(cells.ravel(), kind="stable")
    places = np.repeat(present, cells.shape[1])[order]
    sizes = np.bincount(cells.ravel(), minlength=len(centres))
    ends = np.cumsum(sizes)
    bounds = [
        (start, min(start + LARGEST, end))
        for first, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True)
        for start in range(first, end, LARGEST)
    ]
    comparisons = sum((end - start) ** 2 // 2 for start, end in bounds)
    return (places[start:end] for start, end in bounds), comparisons


def _centres(rows: Rows, present: Places) -> NDArray[np.float32]:
    """float32 (cells, dim), unit-norm: the means of a sample's vectors, by k-means."""
    random = np.random.default_rng(SEED)
    count = max(2, len(present) // CELL)
    chosen = random.choice(present, min(len(present), SAMPLED * count), replace=False)
    sample = rows[np.sort(chosen)].astype(np.float32)
    centres = sample[random.choice(len(sample), count, replace=False)]
    for _ in range(ROUNDS):
        nearest = np.concatenate([
            (sample[start : start + CHUNK] @ centres.T).argmax(axis=1)
            for start in range(0, len(sample), CHUNK)
        ])  # fmt: skip
        order = np.argsort(nearest, kind="stable")
        filled, starts = np.unique(nearest[order], return_index=True)
        sums = np.add.reduceat(sample[order], starts)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres[filled] = sums / np.maximum(lengths, SMALLEST)
    return np.asarray(centres)


def _nearest_cells(rows: Rows, present: Places, centres: NDArray[np.float32]) -> NDArray[np.int32]:
    """int32 (n, NEAREST_CELLS)"""
    most = min(NEAREST_CELLS, len(centres))
    cells = np.empty((len(present), most), np.int32)
    for start in range(0, len(present), CHUNK):
        near = rows[present[start : start + CHUNK]].astype(np.float32) @ centres.T
        cells[start : start + CHUNK] = np.argpartition(-near, most - 1, axis=1)[:, :most]
    return cells
