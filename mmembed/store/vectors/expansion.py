"""How many vectors must a search of a graph visit, so that it finds what was promised?

A graph finds more for queries that lie as its vectors do than for queries in words, which lie
beside all images. So the measured queries lead from the ones to the others, in steps. Ordered by
how like them the first results are, bands of them each get the least expansion that is enough.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.hnsw import LARGEST_EXPANSION, PORTION, Graph, check
from mmembed.store.vectors.reach import Reach
from mmembed.store.vectors.rescoring import POOL, Rows, chunks, rank
from mmembed.store.vectors.table import Table

log = logging.getLogger(__name__)

K = 10
"""Results of a query of which the share that is found is measured."""
TURNS = (0, 25, 40, 55, 70, 90)
"""Degrees by which vectors are turned towards directions beside all of them."""
QUERIES = 128
"""Queries of each turn."""
BAND = 96
"""Queries that get an expansion together; their share has a standard error of some 0.003."""
SAMPLE = 1024
"""Vectors whose spread the directions have."""
SEED = 11
SPARED = 0.5
"""Share of the permitted misses that is not used up, since other queries may miss more."""
EXPANSIONS = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, LARGEST_EXPANSION)
TIE = 1e-6
"""Cosines that differ by less are equal."""

Shares = NDArray[np.float64]

ROUNDING = 1e-9
"""Of means of shares."""
ABOVE_ALL = 2.0
"""More than any likeness."""


def choose_reach(
    graph: Graph, table: Table, promise: float, go_on: Callable[[], bool] = lambda: True
) -> None:
    """Set how far a graph is searched: for each query, no farther than it takes to find the
    promised share of the nearest ten vectors. Some misses are to spare, if any expansion is enough
    for that. Takes a minute or two for a million vectors. Raises StoreError once it may not go on.
    """
    if len(table) <= POOL:  # then every search finds all of them
        graph.reach = Reach(POOL, 1.0, promise)
        return
    turned = queries(table)
    found = measured(graph, table, np.concatenate(turned), go_on)
    graph.reach = found.reach(promise, len(turned[0]))
    if graph.reach.recall < promise:
        log.warning(
            "of the hardest queries, the graph finds %.3f of the nearest ten, less than %.3f",
            graph.reach.recall,
            promise,
        )


def queries(table: Table) -> list[Rows]:
    """For each turn, vectors from all over a table that are turned so far towards directions as
    wide as the vectors are spread: float32 (m, dim), unit-norm."""
    ids = table.ids
    sample = table.rows(ids[:: max(1, -(-len(ids) // SAMPLE))])
    own = sample[:: max(1, -(-len(sample) // QUERIES))]
    spread, random = sample - sample.mean(axis=0), np.random.default_rng(SEED)
    turned = []
    for turn in np.radians(TURNS):
        weights = random.normal(size=(len(own), len(sample))).astype(np.float32)
        directions = _unit(weights @ spread + np.float32(TIE))
        turned.append(_unit(np.cos(turn) * own + np.sin(turn) * directions))
    return turned


def _unit(rows: NDArray[Any]) -> Rows:
    scaled: Rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def measured(
    graph: Graph, table: Table, rows: Rows, go_on: Callable[[], bool] = lambda: True
) -> TrialSearches:
    """Search a graph for (m, dim) queries with each expansion. A query whose nearest are all found
    is not searched farther: it would find the same."""
    limits = nearest(table, rows, K, go_on)
    shares, likeness = np.zeros((2, len(EXPANSIONS), len(rows)))
    for level, expansion in enumerate(EXPANSIONS):
        graph.reach = Reach(expansion)
        for place in np.flatnonzero(shares[level] < 1):
            check(go_on)
            near = graph.near(rows[place], POOL)
            ids = near.ids[table.contains(near.ids)]
            scores = rank(ids, table.rows, rows[place], K, size=len(table)).scores
            shares[level:, place] = (scores >= limits[place] - TIE).sum() / K
            likeness[level:, place] = near.likeness
    return TrialSearches(shares, likeness)


def nearest(
    table: Table, rows: Rows, count: int, go_on: Callable[[], bool] = lambda: True
) -> NDArray[np.float32]:
    """The cosine of the `count`-th nearest vector to each of (m, dim) queries: float32 (m,)."""
    best = np.full((len(rows), count), -2, dtype=np.float32)
    for some in chunks(table.ids, PORTION):
        check(go_on)
        cosines = np.hstack([best, rows @ table.rows(some).T])
        best = np.partition(cosines, -count, axis=1)[:, -count:]
    least: NDArray[np.float32] = best.min(axis=1)
    return least


@dataclass(frozen=True)
class TrialSearches:
    """The results of searches with each expansion."""

    shares: Shares
    """(expansions, queries): the share of the nearest K."""
    likeness: NDArray[np.float64]
    """(expansions, queries): see hnsw.Near."""

    def reach(self, promise: float, usual: int) -> Reach:
        """The reach that keeps a promise, and with which the first `usual` queries visit the fewest
        vectors: those that lie as the vectors do. For others, the first search is a small part."""
        reaches = [self._after(first, promise) for first in range(len(EXPANSIONS))]
        visited = [
            np.mean([reach.visited(likeness) for likeness in self.likeness[first, :usual]])
            for first, reach in enumerate(reaches)
        ]
        return reaches[int(np.argmin(visited))]

    def _after(self, first: int, promise: float) -> Reach:
        """The reach after a first search with one of the expansions. Bands of queries, by falling
        likeness, get rising expansions."""
        likeness = self.likeness[first]
        order = np.argsort(-likeness, kind="stable")
        level, limit = first, ABOVE_ALL
        recalls: list[float] = []
        further: list[tuple[float, int]] = []
        for band in np.array_split(order, max(1, len(order) // BAND)):
            shares = self.shares[level:, band].mean(axis=1)
            together = (sum(recalls) + shares) / (len(recalls) + 1)
            farther = enough(shares, together, promise)
            recalls.append(float(shares[farther]))
            if farther:
                level += farther
                further.append((limit, EXPANSIONS[level]))
            limit = float(likeness[band[-1]])
        return Reach(EXPANSIONS[first], min(recalls), promise, tuple(further))


def enough(shares: Shares, together: Shares, promise: float) -> int:
    """The first place where (n,) shares of a band keep a promise, and with misses to spare together
    with the bands before; else where they keep it; else where they are largest."""
    kept = shares >= promise - ROUNDING
    spared = together >= promise + (1 - promise) * SPARED - ROUNDING
    for good in (kept & spared, kept):
        if good.any():
            return int(np.argmax(good))
    return int(np.argmax(shares))
