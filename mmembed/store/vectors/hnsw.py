"""An HNSW graph over int8 codes. It never changes, so searches run side by side. Owns usearch.

USearch crashes if it is read during an addition, and lets one thread at a time search an index. So
a graph is built apart, and then viewed by one index for each processor.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

if sys.platform == "linux":
    # USearch's wheel contains and exports a C++ library of its own. A library that loads the
    # system's later gets parts of both, and torch then compiles for ever.
    with suppress(OSError):
        ctypes.CDLL("libstdc++.so.6", ctypes.RTLD_GLOBAL)

from usearch.index import Index

from mmembed.errors import StoreError
from mmembed.files import Part
from mmembed.store.vectors.coalesce import Together, Worker
from mmembed.store.vectors.rescoring import POOL, Ids, chunks
from mmembed.store.vectors.rotation import codes_of
from mmembed.store.vectors.table import Table

log = logging.getLogger(__name__)

CONNECTIVITY = 16
EXPANSION_ADD = 128
LARGEST_EXPANSION = 2048
"""More than this finds hardly more, and takes as long as an exact search."""
SINGLE_THREAD_BELOW = 10_000
"""Vectors below which one thread builds: several threads lose recall on small graphs."""
PORTION = 2_000
"""Vectors that are encoded and added at a time."""
MOST_LANES = 16
"""Indexes that view one graph; each takes 16 bytes a vector."""
TOGETHER = 8
"""Queries that one index answers in one call while others wait."""


@dataclass(frozen=True)
class Pool:
    """A query that asks for candidates."""

    code: NDArray[np.int8]
    """int8 (dim,)."""
    count: int
    """How many of the nearest."""


@dataclass(frozen=True)
class Reach:
    """The results that a graph finds, and at what cost."""

    expansion: int
    """The number of vectors that a search visits."""
    recall: float = 0.0
    """The share of the nearest ten that it found when it was measured."""
    promise: float = 0.0
    """The share that it was to find."""


class Graph:
    """A graph over the vectors with ids up to `covers`; any thread may search it."""

    def __init__(self, content: Part, *, dim: int, nodes: int, covers: int) -> None:
        """content: verified bytes, read in place. Raises StoreError if they hold something
        else."""
        self.content = content
        self.dim = dim
        self.nodes = nodes
        """The number of vectors, including those that were removed since."""
        self.covers = covers
        self._lanes = [self._view() for _ in range(min(os.cpu_count() or 1, MOST_LANES))]
        self.reach = Reach(POOL)
        self._together = Together(*map(_searcher, self._lanes), most=TOGETHER)

    def _view(self) -> Index:
        index = _index(self.dim)
        try:
            index.view(self.content)
        except Exception as error:  # USearch raises any error of its C++ core
            raise StoreError(f"cannot be loaded ({error})") from error
        if (index.ndim, len(index), index.dtype) != (self.dim, self.nodes, _index(1).dtype):
            raise StoreError("holds something else than its stamp says")
        return index

    @classmethod
    def built(
        cls, table: Table, former: Graph | None = None, go_on: Callable[[], bool] = lambda: True
    ) -> Graph:
        """A graph over all vectors of a table, which grows from a former graph of it, if there is
        one. Takes minutes for a million vectors, and twice the graph's memory. Raises StoreError
        once it may not go on."""
        ids = table.ids if former is None else table.ids_after(former.covers)
        if former is not None and not len(ids):
            return cls(former.content, dim=table.dim, nodes=former.nodes, covers=former.covers)
        index = _index(table.dim)
        if former is not None:
            index.load(former.content)
        threads = 1 if len(table) < SINGLE_THREAD_BELOW else os.cpu_count() or 1
        for done, some in enumerate(chunks(ids, PORTION)):
            if done and done % 50 == 0:
                log.info("graph: %d of %d vectors added", done * PORTION, len(ids))
            if not go_on():
                raise StoreError("the graph is no longer wanted")
            index.add(some.astype(np.uint64), codes_of(table.rows(some)), threads=threads)
        content: bytearray = index.save()
        covers = int(ids[-1]) if len(ids) else 0
        return cls(content, dim=table.dim, nodes=len(index), covers=covers)

    @property
    def reach(self) -> Reach:
        """The share that it finds. Setting it sets the expansion, for all searches."""
        return self._reach

    @reach.setter
    def reach(self, value: Reach) -> None:
        self._reach = value
        for lane in self._lanes:
            lane.expansion_search = value.expansion

    def pool(self, query: NDArray[np.float32], count: int) -> Ids:
        """The ids that HNSW finds nearest to a float32 (dim,) query, `count` or all; of removed
        vectors, too."""
        if not self.nodes:
            return np.empty(0, np.int64)
        [code] = codes_of(query[None])
        return self._together(Pool(code, min(count, self.nodes)))


def _searcher(lane: Index) -> Worker[Pool, Ids]:
    def search(pools: Sequence[Pool]) -> list[Ids]:
        found: dict[int, Ids] = {}
        for count in {pool.count for pool in pools}:  # apart: the count affects what is found
            places = [place for place, pool in enumerate(pools) if pool.count == count]
            codes = np.stack([pools[place].code for place in places])
            keys = np.atleast_2d(lane.search(codes, count, threads=1).keys).astype(np.int64)
            found.update(zip(places, keys, strict=True))
        return [found[place] for place in range(len(pools))]

    return search


def _index(dim: int) -> Index:
    return Index(
        ndim=dim,
        metric="ip",
        dtype="i8",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        enable_key_lookups=False,
    )
