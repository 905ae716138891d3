"""Measures the recall of an approximate index against exact search, and the speed of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.collection.open_store import open_store
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.eval import metrics
from mmembed.eval.bootstrap import SEED, Figure, bootstrap
from mmembed.eval.report import Table, shown
from mmembed.store.protocol import Index, Store
from mmembed.types import KINDS, Embedding, Embeddings, Kind, Ranked

Sample: TypeAlias = tuple[NDArray[np.int64], Embeddings]
"""Ids of vectors, and the vectors: float32 (n, dim), unit-norm."""


@dataclass(frozen=True)
class Latency:
    """Times of one search, in milliseconds."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class IndexResult:
    """Figures of one view, for queries of one kind."""

    searched: Kind
    vectors: int
    queries_are: Kind
    queries: int
    k: int
    recall: Figure
    exact: Latency
    approximate: Latency
    in_use: str
    """exact, cells or hnsw: how the collection answers such a query today."""


@dataclass(frozen=True)
class IndexReport:
    """The figures of a collection's views."""

    folder: str
    exact_limit: int
    results: tuple[IndexResult, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {"task": "index", **asdict(self)}

    def tables(self) -> list[Table]:
        """A row per view and kind of query."""
        heads = (
            "searched", "vectors", "queries", "recall", "95 % interval",
            "exact p50", "p95 ms", "index p50", "p95 ms", "in use",
        )  # fmt: skip
        return [(heads, [_row(result) for result in self.results])]


def measure_index(settings: Settings, *, k: int = 10, queries: int = 200) -> IndexReport:
    """Recall at k of the indexes against exact search over the same vectors, by stored vectors as
    queries. The indexes are the collection's own, even if it does not use them today; a missing one
    is built in memory.

    Raises InputError for a folder without a collection, and for too few vectors.
    """
    if k < 1 or queries < 1:
        raise InputError(f"-k {k} and --queries {queries}: expected at least 1")
    if not settings.is_made:
        raise InputError(f"{settings.data}: holds no collection; fill it with `mmembed index`")
    with closing(open_store(settings)) as store:
        indexes = {kind: index for kind in KINDS if (index := store.index(kind)) is not None}
        samples = {kind: _sample(store, index, queries) for kind, index in indexes.items()}
        results = [
            _measure(index, query_kind, samples[query_kind], k)
            for index in indexes.values()
            for query_kind in samples
            if len(index) > k
        ]
    if not results:
        sizes = ", ".join(f"{len(index)} {kind}s" for kind, index in indexes.items()) or "nothing"
        raise InputError(
            f"{settings.place}: holds {sizes}, too few for recall@{k}; "
            "choose a smaller -k, or index more"
        )
    notes = tuple(
        f"only {len(index)} {kind} vectors, too few for recall@{k}: not measured"
        for kind, index in indexes.items()
        if len(index) <= k
    )
    return IndexReport(settings.place, settings.exact_limit, tuple(results), notes)


def _sample(store: Store, index: Index, count: int) -> Sample:
    """Stored vectors of an index, the same at every run."""
    chosen = np.random.default_rng(SEED).permutation(index.ids())[:count]
    ids, vectors = store.embeddings(chosen.tolist())
    rows = vectors.astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(ids, dtype=np.int64), rows


def _measure(index: Index, query_kind: Kind, sample: Sample, k: int) -> IndexResult:
    ids, rows = sample
    # A query that is in the index itself would always find itself, so it is left out.
    itself = ids if query_kind == index.kind else np.full(len(ids), -1)
    truth, exact = _search(index.exact, rows, itself, k)
    near, approximate = _search(index.approximate, rows, itself, k)
    recalls = np.array([overlap(a, b) for a, b in zip(near, truth, strict=True)])
    recall = bootstrap({"recall": partial(_mean, recalls)}, len(recalls))["recall"]
    return IndexResult(
        index.kind, len(index), query_kind, len(ids), k, recall, exact, approximate, index.in_use
    )


def _search(
    search: Callable[[Embedding, int], Ranked], rows: Embeddings, itself: NDArray[np.int64], k: int
) -> tuple[list[NDArray[np.float64]], Latency]:
    """The scores of the k nearest to each query, without itself, and how long it took."""
    search(rows[0], k + 1)  # warm up: the first use reads files
    scores, seconds = [], []
    for row, own in zip(rows, itself, strict=True):
        started = time.perf_counter()
        ranked = search(row, k + 1)
        seconds.append(time.perf_counter() - started)
        scores.append(_scores(ranked, int(own), k))
    p50, p95 = np.percentile(np.array(seconds) * 1000, (50, 95))
    return scores, Latency(float(p50), float(p95))


def _scores(ranked: Ranked, own: int, k: int) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = ranked.scores[ranked.ids != own][:k]
    return scores


def overlap(scores: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Recall@k by score, as in ann-benchmarks: the share of results that are no farther than the
    k-th of exact search. So equally near vectors are equally good. float64 (≤ k,) and (k,),
    falling."""
    return float((scores >= truth[-1] - metrics.TIE).sum()) / len(truth)


def _mean(recalls: NDArray[np.float64], weights: metrics.Weights) -> float:
    return float(np.average(recalls, weights=weights))


def _row(result: IndexResult) -> tuple[str, ...]:
    times = (
        result.exact.p50_ms,
        result.exact.p95_ms,
        result.approximate.p50_ms,
        result.approximate.p95_ms,
    )
    return (
        f"{result.searched}s",
        str(result.vectors),
        f"{result.queries} {result.queries_are} vectors",
        *shown(f"recall_at_{result.k}", result.recall),
        *(f"{time:.2f}" for time in times),
        result.in_use,
    )
