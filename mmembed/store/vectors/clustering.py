"""k-means over int8 codes: where the centroids of cells lie."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from mmembed.errors import StoreError
from mmembed.store.vectors.centroids import Centroids, Owners
from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.rescoring import chunks
from mmembed.store.vectors.rotation import Rotation
from mmembed.store.vectors.table import Table

log = logging.getLogger(__name__)

PORTION = 2_000
"""Vectors that are encoded and assigned at a time."""
CELLS_PER_ROOT = 2
"""Cells for each unit of the square root of the number of vectors: with more, reaching each cell
takes longer than is saved by reading smaller ones."""
AT_ONCE = 16_384
"""Encoded vectors that are assigned at a time."""
LEAST_IN_CELL = 16
"""Vectors of a cell, on average, where there are few."""
MOST_CELLS = 4_096
"""A query is compared with all centroids, which takes 50 microseconds for so many."""
SAMPLED = 32
"""Vectors for each cell that k-means looks at."""
FITTED = 20_000
"""Vectors that the rotation is fitted to."""
ROUNDS = 6
SEED = 5


def cell_count(vectors: int) -> int:
    """The number of cells for so many vectors."""
    wanted = min(int(CELLS_PER_ROOT * vectors**0.5), vectors // LEAST_IN_CELL, MOST_CELLS)
    return max(wanted, 1)


def rotation_of(table: Table) -> Rotation:
    """A rotation that suits the vectors of a table, the same at every run."""
    return Rotation.of(table.rows(table.ids[:: max(1, -(-len(table) // FITTED))]))


def centroids_of(table: Table, rotation: Rotation, go_on: Callable[[], bool]) -> Centroids:
    """Centroids of the vectors of a table, the same at every run. Raises StoreError once the work
    may not go on."""
    count, random = cell_count(len(table)), np.random.default_rng(SEED)
    size = min(len(table), SAMPLED * count)
    ids = table.ids[np.sort(random.choice(len(table), size, replace=False))]
    parts = []
    for some in chunks(ids, PORTION):
        check(go_on)
        parts.append(rotation.codes_of(table.rows(some)))
    sample = np.concatenate([np.empty((0, table.dim), np.int8), *parts])
    centroids = Centroids(_distinct(sample[random.choice(size, min(count, size), False)]))
    length = rotation.squared_length**0.5
    for turn in range(ROUNDS):
        log.info("cells: k-means over %d vectors, %d of %d", size, turn + 1, ROUNDS)
        owners = [np.empty(0, np.int32)]
        for start in range(0, size, AT_ONCE):
            check(go_on)
            owners.append(centroids.owners(sample[start : start + AT_ONCE]))
        centroids = Centroids(_distinct(_means(sample, np.concatenate(owners), length)))
    return centroids


def check(go_on: Callable[[], bool]) -> None:
    """Raises StoreError if the work at cells may not go on."""
    if not go_on():
        raise StoreError("the cells are no longer wanted")


def _means(codes: Codes, owners: Owners, length: float) -> Codes:
    """The mean direction of each cell that has vectors: int8 (cells, dim), of the given length."""
    order = np.argsort(owners, kind="stable")
    _, starts = np.unique(owners[order], return_index=True)
    if not len(starts):
        return codes
    sums = np.add.reduceat(codes[order], starts, axis=0, dtype=np.float32)
    sums *= length / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1)
    return np.rint(sums).clip(-127, 127).astype(np.int8)


def _distinct(codes: Codes) -> Codes:
    """Equal ones once: only one of them would own vectors."""
    return np.unique(codes, axis=0) if len(codes) else codes
