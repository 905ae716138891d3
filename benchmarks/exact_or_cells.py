"""From how many vectors on are cells faster than exact search, and what do they miss?

All ways answer the same queries over the same clustered unit vectors, in turns, in one run:

    python -m benchmarks.exact_or_cells --dim 512 --sizes 10000 100000 1000000 --json out.json

Prints a table and, with --json, writes the same figures to a file: seconds to build, memory and
file in MB, median and 99th percentile of a search for the best ten in milliseconds, and recall@10
against exact search. A million vectors of 512 dimensions take about 4 GB. `exact_limit` in
mmembed/config/settings.py is chosen from it. --promises of recall are compared. Beside other
projects: `python -m benchmarks search`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.index_job import BATCH
from benchmarks.vectors import DIM, Vectors, clustered
from mmembed.store.vectors import VectorView
from mmembed.store.vectors.int8_scan import CodeScan
from mmembed.store.vectors.margins import choose_reach
from mmembed.store.vectors.reach import Reach

K = 10
MB = 2**20

Search = Callable[[NDArray[np.float32]], NDArray[np.int64]]


@dataclass
class Way:
    """One way to search, and what it cost to get there."""

    vectors: int
    name: str
    build_s: float
    memory_mb: float
    file_mb: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    recall: float = 0.0


def progress(text: str) -> None:
    """Say on standard error what is being done."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def batches(vectors: Vectors) -> Iterator[tuple[range, Vectors]]:
    """Portions with their ids, which count from 0; every hundred thousand are reported."""
    for start in range(0, len(vectors), BATCH):
        if start % (10 * BATCH) == 0:
            progress(f"{start:,} of {len(vectors):,} vectors added")
        part = vectors[start : start + BATCH]
        yield range(start, start + len(part)), part


def our_ways(vectors: Vectors, promises: list[float]) -> Iterator[tuple[Way, Search]]:
    """Exact search first, by which the others are judged; then cells with rescoring."""
    size, dim = vectors.shape
    view = VectorView(Path("unused"), kind="image", dim=dim, exact_limit=size)
    started = time.perf_counter()
    view.rebuild(batches(vectors), seq=1, cells=True)
    build_s = time.perf_counter() - started
    started = time.perf_counter()
    scan: CodeScan = view._scanned()[1]
    scan_s = time.perf_counter() - started
    codes = sum(block.nbytes for block in scan.blocks) + scan.columns.nbytes + scan.ids.nbytes
    cells = view._now.cells
    assert cells is not None
    memory = (cells.vectors.codes.nbytes + 2 * vectors.size) / MB

    def search(query: NDArray[np.float32], limit: int, reach: Reach) -> NDArray[np.int64]:
        view.exact_limit, cells.reach = limit, reach
        return view.search(query, K).ids

    yield Way(size, "exact", scan_s, codes / MB, 0.0), lambda q: search(q, size, Reach())
    for promise in promises:
        choose_reach(cells, view._now.table, promise)
        way = Way(size, f"{len(cells.centroids)} cells, {promise}", build_s, memory, memory)
        yield way, partial(search, limit=0, reach=cells.reach)


def compare(size: int, dim: int, queries: int, promises: list[float]) -> list[Way]:
    """Every way over `size` vectors, asked in turns; recall is the share of exact search's
    best ten that a way found."""
    vectors = clustered(size, dim, seed=1)
    ways = list(our_ways(vectors, promises))
    asked = clustered(queries, dim, seed=2).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    times = np.zeros((len(ways), queries))
    found = np.zeros((len(ways), queries))
    for _, search in ways:
        search(asked[0])
    progress(f"{queries} queries over {size:,} vectors")
    for number, query in enumerate(asked):
        best: set[int] = set()
        for place, (_, search) in enumerate(ways):
            started = time.perf_counter()
            ids = set(search(query).tolist())
            times[place, number] = (time.perf_counter() - started) * 1000
            best = best or ids
            found[place, number] = len(ids & best) / K
    for (way, _), spent, share in zip(ways, times, found, strict=True):
        way.p50_ms, way.p99_ms = (float(one) for one in np.percentile(spent, (50, 99)))
        way.recall = float(share.mean())
    return [way for way, _ in ways]


def main() -> None:
    """Print a table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--dim", type=int, default=DIM)
    parser.add_argument("--sizes", nargs="+", default=["10000,50000,100000"], help="also a,b,c")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--promises", type=float, nargs="+", default=[0.95, 0.99])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    sizes = [int(one) for some in asked.sizes for one in some.split(",")]
    print("| vectors | way | build, s | memory, MB | file, MB | p50, ms | p99, ms | recall@10 |")
    print("|---|---|---|---|---|---|---|---|")
    ways: list[Way] = []
    for size in sizes:
        for way in compare(size, asked.dim, asked.queries, asked.promises):
            ways.append(way)
            print(
                f"| {way.vectors:,} | {way.name} | {way.build_s:.1f} | {way.memory_mb:.0f} "
                f"| {way.file_mb:.0f} | {way.p50_ms:.2f} | {way.p99_ms:.2f} | {way.recall:.4f} |",
                flush=True,
            )
        if asked.json:
            asked.json.write_text(json.dumps([asdict(one) for one in ways], indent=1))


if __name__ == "__main__":
    main()
