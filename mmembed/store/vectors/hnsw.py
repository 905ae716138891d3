"""USearch's HNSW graph and the float16 vectors in it. Owns usearch.

USearch crashes if it is saved, measured or read during an addition: the caller holds a lock.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

if sys.platform == "linux":
    # USearch's wheel contains and exports a C++ library of its own. A library that loads the
    # system's later gets parts of both, and torch then compiles for ever.
    with suppress(OSError):
        ctypes.CDLL("libstdc++.so.6", ctypes.RTLD_GLOBAL)

from usearch.index import Index

from mmembed.errors import StoreError
from mmembed.store.vectors.flat import Vectors, check_sound
from mmembed.store.vectors.rescoring import POOL, Ids, Rows, unit

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 512
SINGLE_THREAD_BELOW = 10_000
"""Vectors below which one thread builds: several threads lose recall on small graphs."""
REBUILD_TOMBSTONES = 0.3


class Graph:
    """The distinct vectors of one view by their ids."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.removed = 0
        """The number of nodes that are tombstones."""
        self._index = self._empty()
        self._viewed: mmap.mmap | None = None
        """The memory of the graph, if it is not USearch's own."""

    def __len__(self) -> int:
        return len(self._index)

    def _empty(self) -> Index:
        return Index(
            ndim=self.dim,
            metric="cos",
            dtype="f16",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )

    @classmethod
    def opened(cls, content: bytes | mmap.mmap, *, dim: int, count: int, removed: int) -> Graph:
        """The graph in the verified bytes of a snapshot; an mmap is read in place. Raises
        StoreError if they hold something else."""
        graph = cls(dim)
        index, dtype = graph._index, graph._index.dtype
        try:
            if isinstance(content, mmap.mmap):
                index.view(content)
                graph._viewed = content
            else:
                index.load(content)
        except Exception as error:  # USearch raises any error of its C++ core
            raise StoreError(f"cannot be loaded ({error})") from error
        if (index.ndim, len(index), index.dtype) != (dim, count, dtype):
            raise StoreError("holds something else than its stamp says")
        index.expansion_search = EXPANSION_SEARCH
        graph.removed = removed
        return graph

    def bytes(self) -> bytearray:
        """The bytes for a snapshot."""
        content: bytearray = self._index.save()
        return content

    def ids(self) -> Ids:
        """The ids of all vectors, rising."""
        return np.sort(np.asarray(self._index.keys).astype(np.int64))

    def contains(self, ids: Sequence[int]) -> NDArray[np.bool_]:
        """bool (n,): whether there are vectors of these ids."""
        if not len(ids):
            return np.zeros(0, dtype=bool)
        return np.atleast_1d(self._index.contains(np.asarray(ids, dtype=np.uint64)))

    def rows(self, ids: Ids) -> Rows:
        """The vectors of n ids that are all there: float32 (n, dim), unit-norm."""
        if not len(ids):
            return np.empty((0, self.dim), dtype=np.float32)
        return unit(np.vstack(self._index.get(ids.astype(np.uint64))))

    def pool(self, query: NDArray[np.float32]) -> Ids:
        """The 64 vectors, or all, that HNSW finds nearest to a float32 (dim,) query."""
        found = self._index.search(query, min(POOL, len(self._index)))
        return np.asarray(found.keys).astype(np.int64)

    def add(self, ids: Sequence[int] | Ids, vectors: Vectors) -> None:
        """Add n new vectors. Raises StoreError, and adds nothing, if a vector is of another length,
        not finite or 0."""
        if not len(ids):
            return
        check_sound(len(ids), vectors, self.dim)
        self._own()
        small = len(self) + len(ids) < SINGLE_THREAD_BELOW
        self._index.add(
            np.asarray(ids, dtype=np.uint64),
            np.ascontiguousarray(vectors),
            threads=1 if small else os.cpu_count() or 1,
        )
        # USearch puts new vectors into the places of removed ones.
        self.removed = max(0, self.removed - len(ids))

    def remove(self, ids: Ids) -> None:
        """Remove vectors that are there."""
        self._own()
        # Without compact: that cuts edges without mending them, and ruins recall.
        self._index.remove(ids.astype(np.uint64))
        self.removed += len(ids)

    @property
    def wants_rebuild(self) -> bool:
        """Whether so many vectors were removed that searching has become slow."""
        return self.removed > max(100, REBUILD_TOMBSTONES * len(self))

    def _own(self) -> None:
        """Copy a graph that lies in a snapshot's bytes, because it cannot be changed there. That
        takes a second for a million vectors, once, and saves a second index for new vectors."""
        if self._viewed is not None:
            index = self._empty()
            index.load(self._viewed)
            index.expansion_search = EXPANSION_SEARCH
            self._index = index  # only then may the former graph's memory go
            self._viewed = None
