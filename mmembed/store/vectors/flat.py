"""Vectors in memory by their ids, for exact search without a graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import StoreError
from mmembed.store.vectors.rescoring import Ids, Rows, unit

Vectors = NDArray[np.float16]
"""float16 (n, dim), as in the catalog."""

CAPACITY = 1024
"""Initial capacity in vectors; it doubles when needed."""


class Flat:
    """The distinct vectors of one view by their ids, one after the other."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._vectors: Vectors = np.empty((CAPACITY, dim), np.float16)
        self._ids: Ids = np.empty(CAPACITY, np.int64)
        self._places: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def ids(self) -> Ids:
        """The ids of all vectors, rising."""
        return np.sort(self._ids[: len(self)])

    def contains(self, ids: Sequence[int]) -> NDArray[np.bool_]:
        """bool (n,): whether there are vectors of these ids."""
        return np.array([int(vector_id) in self._places for vector_id in ids], dtype=bool)

    def rows(self, ids: Ids) -> Rows:
        """The vectors of n ids that are all there: float32 (n, dim), unit-norm."""
        return unit(self._vectors[[self._places[vector_id] for vector_id in ids.tolist()]])

    def add(self, ids: Sequence[int] | Ids, vectors: Vectors) -> None:
        """Add n new vectors. Raises StoreError, and adds nothing, if a vector is of another length,
        not finite or 0."""
        if not len(ids):
            return
        check_sound(len(ids), vectors, self.dim)
        start, stop = len(self), len(self) + len(ids)
        if stop > len(self._ids):
            self._grow(max(stop, 2 * len(self._ids)))
        self._vectors[start:stop] = vectors
        self._ids[start:stop] = ids
        self._places.update(zip(self._ids[start:stop].tolist(), range(start, stop), strict=True))

    def _grow(self, capacity: int) -> None:
        vectors = np.empty((capacity, self.dim), np.float16)
        numbers = np.empty(capacity, np.int64)
        vectors[: len(self)] = self._vectors[: len(self)]
        numbers[: len(self)] = self._ids[: len(self)]
        self._vectors, self._ids = vectors, numbers

    def remove(self, ids: Ids) -> None:
        """Remove vectors that are there; the last ones take their places."""
        for vector_id in ids.tolist():
            place, last = self._places.pop(vector_id), len(self)
            if place != last:
                self._vectors[place] = self._vectors[last]
                self._ids[place] = self._ids[last]
                self._places[int(self._ids[place])] = place


def check_sound(count: int, vectors: Vectors, dim: int) -> None:
    """Raises StoreError unless these are `count` vectors of `dim` finite numbers, none 0."""
    sound = vectors.shape == (count, dim) and np.isfinite(vectors).all()
    if not (sound and vectors.any(axis=1).all()):
        raise StoreError("a vector of the catalog is broken; restore a backup")
