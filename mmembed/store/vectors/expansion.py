"""How many vectors must a search of a graph visit, so that it finds what was promised?"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.hnsw import LARGEST_EXPANSION, PORTION, Graph, Reach
from mmembed.store.vectors.rescoring import POOL, Rows, chunks, rank
from mmembed.store.vectors.table import Table

log = logging.getLogger(__name__)

K = 10
"""Results of a query of which the share that is found is measured."""
QUERIES = 192
"""Queries of each sort."""
SAMPLE = 1024
"""Vectors whose spread the queries in no vector's place have."""
SEED = 11
SPARED = 0.5
"""Share of the permitted misses that is not used up, since other queries may miss more."""
EXPANSIONS = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, LARGEST_EXPANSION)
TIE = 1e-6
"""Cosines that differ by less are equal."""


def choose_expansion(graph: Graph, table: Table, promise: float) -> None:
    """Set the least expansion with which the graph finds the promised share of the nearest ten
    vectors. Some misses are to spare, if any expansion is enough for that.

    Half of the queries are vectors of the table. The others have random directions, as wide as the
    vectors are spread: queries in words lie beside all images, where a graph finds less, and these
    need the same expansion as captions do. The share must reach the promise in both halves.
    """
    if len(table) <= POOL:  # then every search finds all of them
        graph.reach = Reach(POOL, 1.0, promise)
        return
    halves = [(rows, nearest(table, rows, K)) for rows in queries(table)]
    enough: Reach | None = None
    for expansion in EXPANSIONS:
        graph.reach = Reach(expansion)
        recall = min(share(graph, table, rows, least) for rows, least in halves)
        graph.reach = Reach(expansion, recall, promise)
        if recall >= promise + (1 - promise) * SPARED:
            return
        enough = enough or (graph.reach if recall >= promise else None)
    if enough is None:
        log.warning("the graph finds %.3f of the nearest ten, less than %.3f", recall, promise)
    else:
        graph.reach = enough  # further expansions cost much, and spare no half of the misses


def queries(table: Table) -> tuple[Rows, Rows]:
    """Vectors from all over a table, and random directions: each float32 (m, dim), unit-norm."""
    ids = table.ids
    sample = table.rows(ids[:: max(1, -(-len(ids) // SAMPLE))])
    weights = np.random.default_rng(SEED).normal(size=(QUERIES, len(sample))).astype(np.float32)
    directions = weights @ (sample - sample.mean(axis=0)) + TIE
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return sample[:: max(1, -(-len(sample) // QUERIES))], directions


def nearest(table: Table, rows: Rows, count: int) -> NDArray[np.float32]:
    """The cosine of the `count`-th nearest vector to each of (m, dim) queries: float32 (m,)."""
    best = np.full((len(rows), count), -2, dtype=np.float32)
    for some in chunks(table.ids, PORTION):
        cosines = np.hstack([best, rows @ table.rows(some).T])
        best = np.partition(cosines, -count, axis=1)[:, -count:]
    least: NDArray[np.float32] = best.min(axis=1)
    return least


def share(graph: Graph, table: Table, rows: Rows, least: NDArray[np.float32]) -> float:
    """The share of the nearest vectors, all of whose cosines reach `least`, that a graph finds."""
    hits = 0
    for query, limit in zip(rows, least, strict=True):
        ids = graph.pool(query, POOL)
        ids = ids[table.contains(ids)]
        scores = rank(ids, table.rows, query, K, size=len(table)).scores
        hits += int((scores >= limit - TIE).sum())
    return hits / (len(rows) * K)
