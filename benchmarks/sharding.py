"""A simulation of search over many shards: whether merging loses results, and what the slowest of
the shards costs.

    python -m benchmarks.sharding

Vectors lie as embeddings do, and are spread over the shards by a hash of their number. Each shard
gives its nearest ten, and the nearest ten of all are taken. Latencies are drawn from measured
searches of one shard; see MEASURED_MS. It takes some seconds. docs/scale.md has its output.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from benchmarks.vectors import clustered

COUNT, DIM, QUERIES, K = 8_000, 64, 100, 10
SHARDS = (1, 2, 4, 16, 64)
TAILS = (1, 2, 14, 136)
DRAWS = 20_000
HEDGE = 0.95
"""A shard's standby is asked, too, once this share of searches would have been answered."""
CONNECTIVITY, EXPANSION = 6, 10
"""Small, so that the graph of a shard misses some."""

MEASURED_MS = (
    *(22, 44, 54, 60, 64, 69, 73, 77, 81, 85, 89, 93, 97, 102, 106),
    *(110, 113, 118, 122, 126, 131, 135, 140, 144, 148, 152, 154, 159, 161, 165),
    *(168, 171, 175, 178, 181, 185, 189, 192, 196, 200, 204, 209, 213, 216, 222),
    *(229, 236, 249, 260, 299, 320, 336, 396, 404),
)
"""Quantiles 0, 2, … 98, 99, 99.5, 99.9 and 100 % of 1,000 searches for ten of 20,000 vectors of 512
numbers, by a graph in PostgreSQL 18, on two cores with other work (load 13 to 19)."""
_AT = (*range(0, 100, 2), 99, 99.5, 99.9, 100)

Rows = NDArray[np.float32]


def unit(rows: NDArray[np.float16]) -> Rows:
    """float32, unit-norm."""
    exact = rows.astype(np.float32)
    normed: Rows = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    return normed


def shard_of(count: int, shards: int) -> NDArray[np.int64]:
    """The shard of each vector: as a content's hash, it has nothing to do with what it shows."""
    numbers = np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    placed: NDArray[np.int64] = ((numbers >> np.uint64(32)) % np.uint64(shards)).astype(np.int64)
    return placed


def exact(rows: Rows, queries: Rows) -> NDArray[np.int64]:
    """The nearest K, int64 (n, K)."""
    found: NDArray[np.int64] = np.argsort(-(queries @ rows.T), axis=1, kind="stable")[:, :K]
    return found


def by_graph(rows: Rows, queries: Rows) -> NDArray[np.int64]:
    """The K that a small search of an HNSW graph finds, -1 where it finds fewer."""
    graph = Index(
        ndim=rows.shape[1],
        metric="ip",
        dtype="f32",
        connectivity=CONNECTIVITY,
        expansion_add=4 * EXPANSION,
        expansion_search=EXPANSION,
    )
    graph.add(np.arange(len(rows)), rows, threads=1)
    matches = graph.search(queries, min(K, len(rows)), threads=1)
    found = np.full((len(queries), K), -1)
    found[:, : matches.keys.shape[1]] = matches.keys
    return found


def merged(rows: Rows, queries: Rows, shards: int, *, graph: bool) -> NDArray[np.int64]:
    """The nearest K of what all shards give."""
    placed = shard_of(len(rows), shards)
    parts = []
    for shard in range(shards):
        numbers = np.flatnonzero(placed == shard)
        found = (by_graph if graph else exact)(rows[numbers], queries)
        parts.append(np.where(found >= 0, numbers[found], -1))
    offered = np.concatenate(parts, axis=1)
    cosines = np.einsum("qd,qkd->qk", queries, rows[offered])
    cosines[offered < 0] = -np.inf
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :K]
    return np.take_along_axis(offered, order, axis=1)


def recall(found: NDArray[np.int64], wanted: NDArray[np.int64]) -> float:
    """The share of the wanted ones that was found."""
    hits = [len(set(a) & set(b)) for a, b in zip(found.tolist(), wanted.tolist(), strict=True)]
    return sum(hits) / wanted.size


def latencies(shards: int, *, hedged: bool, seed: int = 0) -> NDArray[np.float64]:
    """Milliseconds of the slowest of the shards, DRAWS times."""
    random = np.random.default_rng(seed)

    def drawn() -> NDArray[np.float64]:
        return np.interp(100 * random.random((DRAWS, shards)), _AT, MEASURED_MS)

    times = drawn()
    if hedged:
        wait = float(np.interp(100 * HEDGE, _AT, MEASURED_MS))
        times = np.minimum(times, wait + drawn())
    slowest: NDArray[np.float64] = times.max(axis=1)
    return slowest


def recalls() -> list[str]:
    """The rows of the table of recall."""
    rows, queries = unit(clustered(COUNT, DIM, 1)), unit(clustered(QUERIES, DIM, 2))
    wanted = exact(rows, queries)
    lines = []
    for shards in SHARDS:
        shown = [
            f"{recall(merged(rows, queries, shards, graph=graph), wanted):.3f}"
            for graph in (False, True)
        ]
        lines.append(f"| {shards} | {' | '.join(shown)} |")
    return lines


def tails() -> list[str]:
    """The rows of the table of latency."""
    lines = []
    for shards in TAILS:
        cells = [str(shards)]
        for hedged in (False, True):
            times = latencies(shards, hedged=hedged)
            cells += [f"{np.percentile(times, at):.0f} ms" for at in (50, 99)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Print the rows of both tables."""
    sys.stdout.write("\n".join([*recalls(), "", *tails(), ""]))


if __name__ == "__main__":
    main()
