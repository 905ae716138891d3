"""k-means over int8 codes: where the centroids of cells lie."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from mmembed.errors import StoreError
from mmembed.store.vectors.centroids import Centroids, Owners
from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.rescoring import chunks
from mmembed.store.vectors.rotation import codes_of, squared_length
from mmembed.store.vectors.table import Table

log = logging.getLogger(__name__)

PORTION = 2_000
"""Vectors that are encoded and assigned at a time."""
CELLS_PER_ROOT = 4
"""Cells for each unit of the square root of the number of vectors: with more, finding the nearest
centroids takes longer than is saved by reading smaller cells."""
LEAST_IN_CELL = 16
"""Vectors of a cell, on average, where there are few."""
MOST_CELLS = 16_384
SAMPLED = 32
"""Vectors for each cell that k-means looks at."""
ROUNDS = 6
SEED = 5


def cell_count(vectors: int) -> int:
    """The number of cells for so many vectors."""
    wanted = min(int(CELLS_PER_ROOT * vectors**0.5), vectors // LEAST_IN_CELL, MOST_CELLS)
    return max(wanted, 1)


def centroids_of(table: Table, go_on: Callable[[], bool]) -> Centroids:
    """Centroids of the vectors of a table, the same at every run. Raises StoreError once the work
    may not go on."""
    count, random = cell_count(len(table)), np.random.default_rng(SEED)
    size = min(len(table), SAMPLED * count)
    ids = table.ids[np.sort(random.choice(len(table), size, replace=False))]
    parts = []
    for some in chunks(ids, PORTION):
        check(go_on)
        parts.append(codes_of(table.rows(some)))
    sample = np.concatenate([np.empty((0, table.dim), np.int8), *parts])
    centroids = Centroids.of(_distinct(sample[random.choice(size, min(count, size), False)]))
    for turn in range(ROUNDS):
        log.info("cells: k-means over %d vectors, %d of %d", size, turn + 1, ROUNDS)
        owners = owners_of(centroids, sample, go_on)
        centroids = Centroids.of(_distinct(_means(sample, owners)))
    return centroids


def owners_of(centroids: Centroids, codes: Codes, go_on: Callable[[], bool]) -> Owners:
    """The nearest centroid of each vector: int8 (n, dim) → int32 (n,)."""
    owners, searcher = np.zeros(len(codes), np.int32), centroids.searcher()
    for start in range(0, len(codes), PORTION):
        check(go_on)
        some = slice(start, start + PORTION)
        owners[some] = centroids.owners(searcher, codes[some])
    return owners


def check(go_on: Callable[[], bool]) -> None:
    """Raises StoreError if the work at cells may not go on."""
    if not go_on():
        raise StoreError("the cells are no longer wanted")


def _means(codes: Codes, owners: Owners) -> Codes:
    """The mean direction of each cell that has vectors: int8 (cells, dim)."""
    order = np.argsort(owners, kind="stable")
    _, starts = np.unique(owners[order], return_index=True)
    if not len(starts):
        return codes
    sums = np.add.reduceat(codes[order], starts, axis=0, dtype=np.float32)
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1)
    sums *= squared_length(codes.shape[1]) ** 0.5 / lengths
    return np.rint(sums).clip(-127, 127).astype(np.int8)


def _distinct(codes: Codes) -> Codes:
    """Equal ones once: they would spoil the graph."""
    return np.unique(codes, axis=0) if len(codes) else codes
