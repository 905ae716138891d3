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
from typing import Any, TypeVar

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
from mmembed.store.vectors.reach import Reach
from mmembed.store.vectors.rescoring import POOL, Ids, chunks
from mmembed.store.vectors.rotation import code_of, codes_of, squared_length
from mmembed.store.vectors.table import Table

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

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
TENTH = 10
"""The place among the results whose likeness says how hard a query is. An image that is asked for
finds itself first, so the first place says nothing."""


@dataclass(frozen=True)
class Pool:
    """A query that asks for candidates."""

    code: NDArray[np.int8]
    """int8 (dim,)."""
    count: int
    """How many of the nearest."""
    finish: Callable[[Near], Any]
    """Makes the answer of them."""


@dataclass(frozen=True)
class Near:
    """The result of one search of a graph."""

    ids: Ids
    """By falling inner product of the codes."""
    likeness: float
    """About the cosine of the query with the tenth of them, or with the last of fewer."""


NOTHING = Near(np.empty(0, np.int64), 1.0)


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
        """How far it is searched, and the share that it finds then."""
        self._together = Together(*map(self._searcher, self._lanes), most=TOGETHER)

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
            check(go_on)
            index.add(some.astype(np.uint64), codes_of(table.rows(some)), threads=threads)
        content: bytearray = index.save()
        covers = int(ids[-1]) if len(ids) else 0
        return cls(content, dim=table.dim, nodes=len(index), covers=covers)

    def near(self, query: NDArray[np.float32], count: int) -> Near:
        """The vectors that HNSW finds nearest to a float32 (dim,) query, `count` or all; removed
        ones, too. It is searched once more, and farther, where `reach` says so."""
        return self.answered(query, count, lambda near: near)

    def answered(
        self, query: NDArray[np.float32], count: int, finish: Callable[[Near], Answer]
    ) -> Answer:
        """The answer that `finish` makes of the nearest. The thread that searches calls it, for
        callers that wait, too. If all callers went on at once, they would wait for the
        interpreter, and so would the searching threads."""
        if not self.nodes:
            return finish(NOTHING)
        pool = Pool(code_of(query), min(count, self.nodes), finish)
        answer: Answer = self._together(pool)
        return answer

    def _searcher(self, lane: Index) -> Worker[Pool, Any]:
        def search(pools: Sequence[Pool]) -> list[Any]:
            reach = self.reach
            near = _near(lane, pools, [reach.expansion] * len(pools))
            wanted = [reach.expansion_for(one.likeness) for one in near]
            again = [
                place
                for place, expansion in enumerate(wanted)
                if expansion > max(reach.expansion, pools[place].count)
            ]
            farther = _near(lane, [pools[place] for place in again], [wanted[i] for i in again])
            for place, found in zip(again, farther, strict=True):
                near[place] = found
            return [pool.finish(found) for pool, found in zip(pools, near, strict=True)]

        return search


def check(go_on: Callable[[], bool]) -> None:
    """Raises StoreError if the work at a graph may not go on."""
    if not go_on():
        raise StoreError("the graph is no longer wanted")


def _near(lane: Index, pools: Sequence[Pool], expansions: Sequence[int]) -> list[Near]:
    """The answers to some queries, which are to visit so many vectors."""
    ways = [(pool.count, expansion) for pool, expansion in zip(pools, expansions, strict=True)]
    found: dict[int, Near] = {}
    for way in dict.fromkeys(ways):  # apart: the count affects what is found
        count, lane.expansion_search = way
        places = [place for place, other in enumerate(ways) if other == way]
        codes = np.stack([pools[place].code for place in places])
        matches = lane.search(codes, count, threads=1)
        keys = np.atleast_2d(matches.keys).astype(np.int64)
        likeness = _likeness(np.atleast_2d(matches.distances), codes.shape[1])
        found.update(zip(places, map(Near, keys, likeness), strict=True))
    return [found[place] for place in range(len(pools))]


def _likeness(distances: NDArray[np.float32], dim: int) -> list[float]:
    """About the cosine with the tenth of the nearest, of each row of distances of codes."""
    tenth = distances[:, min(TENTH, distances.shape[1]) - 1]
    likeness: list[float] = ((1 - tenth) / squared_length(dim)).tolist()
    return likeness


def _index(dim: int) -> Index:
    return Index(
        ndim=dim,
        metric="ip",
        dtype="i8",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        enable_key_lookups=False,
    )
