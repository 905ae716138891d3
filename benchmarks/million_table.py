"""The tables of million.py: ways of searching asked in turns, and what each visits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import Test, Where
from mmembed.store.folder_store import FolderStore
from mmembed.store.vectors.cell_search import CellSearch
from mmembed.store.vectors.subset import Subset

K = 10
CALLERS = 32
PORTION = 50_000
TIE = 1e-6

Vectors = NDArray[np.float32]
Ask = Callable[[Vectors], Sequence[int]]


class Judge:
    """The exact answers, by NumPy, over the vectors as they are stored."""

    def __init__(self, ids: NDArray[np.int64], vectors: Vectors) -> None:
        self.ids, self.vectors = ids, vectors

    def search(self, query: Vectors, passing: NDArray[np.bool_] | None = None) -> list[int]:
        """The ids of the nearest K that pass."""
        cosines = self.vectors @ query
        if passing is not None:
            cosines = np.where(passing, cosines, -2)
        best = np.argpartition(-cosines, K)[:K]
        return [int(i) for i in self.ids[best[np.argsort(-cosines[best])]]]

    def recall(self, query: Vectors, answer: Sequence[int], right: Sequence[int]) -> float:
        """The share of the right answers, or of equally near ones."""
        if not right:
            return 1.0
        least = min(self.vectors[np.searchsorted(self.ids, right)] @ query)
        return self.share(query, answer, least)

    def least(self, queries: Vectors, passing: NDArray[np.bool_] | None = None) -> Vectors:
        """The cosines of the K-th nearest that pass with (n, dim) queries: float32 (n,)."""
        best = np.full((len(queries), K), -2, np.float32)
        for start in range(0, len(self.vectors), PORTION):
            cosines = queries @ self.vectors[start : start + PORTION].T
            if passing is not None:
                cosines[:, ~passing[start : start + PORTION]] = -2
            best = np.partition(np.hstack([best, cosines]), -K, axis=1)[:, -K:]
        least: Vectors = best.min(axis=1)
        return least

    def share(self, query: Vectors, answer: Sequence[int], least: float) -> float:
        """The share of the K nearest, all of whose cosines reach `least`."""
        near = self.vectors[np.searchsorted(self.ids, list(answer)[:K])] @ query
        return float((near >= least - TIE).sum()) / K


@dataclass(frozen=True)
class Way:
    """A way to search."""

    name: str
    ask: Ask
    visited: Callable[[], float] | None = None
    """The vectors whose distances were computed since the last call of it."""
    batch: Callable[[Vectors], object] | None = None
    """Answers many queries at once; None if 32 callers ask."""


HEADS = ("way", "p50, ms", "p99, ms", "recall@10", "distances", "searches/s, 32 callers", "CPU ms")


def rows(ways: Sequence[Way], queries: Vectors, judge: Judge, least: Vectors) -> list[list[str]]:
    """One line of the table for each way. Each query is asked of all ways in turns, so that other
    work of the machine troubles all alike. Then each way answers 32 callers."""
    times = np.zeros((len(ways), len(queries)))
    recalls = np.zeros((len(ways), len(queries)))
    for way in ways:
        way.ask(queries[0])
    for place, query in enumerate(queries):
        for line, way in enumerate(ways):
            started = time.perf_counter()
            answer = way.ask(query)
            times[line, place] = 1000 * (time.perf_counter() - started)
            recalls[line, place] = judge.share(query, answer, least[place])
    lines = []
    for way, took, shares in zip(ways, times, recalls, strict=True):
        visited = f"{_visited(way, queries):,.0f}" if way.visited else "–"
        rate, cpu = _by_many(way, queries)
        p50, p99 = np.percentile(took, (50, 99))
        figures = (f"{p50:.2f}", f"{p99:.2f}", f"{shares.mean():.4f}", visited)
        lines.append([way.name, *figures, f"{rate:,.0f}", f"{cpu:.2f}"])
    return lines


def _visited(way: Way, queries: Vectors) -> float:
    assert way.visited is not None
    way.visited()
    for query in queries:
        way.ask(query)
    return way.visited() / len(queries)


def _by_many(way: Way, queries: Vectors) -> tuple[float, float]:
    """Searches a second, and ms of the processor for each."""
    many = np.tile(queries, (5, 1))
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(way.ask, queries[:CALLERS]))
        cpu, started = time.process_time(), time.perf_counter()
        if way.batch is None:
            list(pool.map(way.ask, many))
        else:
            for start in range(0, len(many), CALLERS):
                way.batch(many[start : start + CALLERS])
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    return len(many) / wall, 1000 * cpu / len(many)


# -- ways ------------------------------------------------------------------------------


def ours(ask: Ask) -> Way:
    """mmembed, with the vectors that it reads."""
    read = CellSearch._read
    counted = [0]

    def counting(search: CellSearch, cells: NDArray[np.int64]) -> None:
        read(search, cells)
        counted[0] += len(search._scores[-1])

    def visited() -> float:
        # The first call begins to count, and the second one ends it.
        reads = read if CellSearch._read is counting else counting
        CellSearch._read = reads  # type: ignore[method-assign, assignment]
        seen, counted[0] = counted[0], 0
        return seen

    return Way("mmembed", ask, visited)


def faiss_ways(path: Path, folder: Path, judge: Judge, efforts: Sequence[int]) -> Iterator[Way]:
    """faiss's HNSW at growing effort, in process; with one core for each search."""
    sys.path.insert(0, str(path))
    import faiss

    kept = folder / "faiss.index"
    if kept.exists():
        index = faiss.read_index(str(kept))
    else:
        index = faiss.IndexHNSWFlat(judge.vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 128
        index.add(judge.vectors)
        faiss.write_index(index, str(kept))
    faiss.omp_set_num_threads(1)
    stats = faiss.cvar.hnsw_stats

    def visited() -> float:
        seen = float(stats.ndis)
        stats.reset()
        return seen

    def batch(queries: Vectors, settings: Any) -> None:
        faiss.omp_set_num_threads(2)
        index.search(queries, K, params=settings)
        faiss.omp_set_num_threads(1)

    for effort in efforts:
        settings = faiss.SearchParametersHNSW(efSearch=effort)

        def ask(query: Vectors, settings: Any = settings) -> list[int]:
            found = index.search(query[None], K, params=settings)[1][0]
            return [int(i) for i in judge.ids[found]]

        def at_once(queries: Vectors, settings: Any = settings) -> None:
            batch(queries, settings)

        yield Way(f"faiss HNSW 32/128/{effort}", ask, visited)
        yield Way(f"the same, {CALLERS} in a call", ask, None, at_once)


# -- filters ---------------------------------------------------------------------------


def filters(themes: int) -> dict[str, Where]:
    """The filters by their names: a random share, or folders of whole themes."""
    shares: dict[str, Where] = {
        f"{share / 10:g} %, anywhere": Test("width", "<=", share) for share in (1, 10, 100, 500)
    }
    for count in (1, themes // 100, themes // 10, themes // 2):
        folders = tuple(f"/pictures/{theme:03}" for theme in range(count))
        shares[f"folders of {count} of {themes} themes"] = Test("folder", "in", folders)
    return shares


def filtered(store: FolderStore, judge: Judge, queries: Vectors, themes: int) -> list[list[str]]:
    """The table of filtered searches: the first call apart."""
    view = store._views.view("image")
    assert view is not None
    lines = []
    for name, where in filters(themes).items():
        matching = store.vectors_matching("image", where)
        passing = np.isin(judge.ids, matching)
        started = time.perf_counter()
        store.search(queries[0], K, where, kind="image")
        first = 1000 * (time.perf_counter() - started)
        among = Subset(np.array(matching, dtype=np.int64))

        def ask(query: Vectors, among: Any = among) -> list[int]:
            return [int(i) for i in view.search_among(query, among, K).ids]

        [line] = rows([Way(name, ask)], queries, judge, judge.least(queries, passing))
        lines.append([name, f"{passing.mean():.4f}", f"{first:.0f}", *line[1:]])
    return lines


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    every = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in every)
