"""How much of what exact search finds does the HNSW graph find, and how fast are both?"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.config.settings import CATALOG_FILE, Settings
from mmembed.errors import InputError
from mmembed.eval import metrics
from mmembed.eval.bootstrap import SEED, Figure, bootstrap
from mmembed.eval.report import Table, shown
from mmembed.store.index_sync import Views
from mmembed.store.sqlite import Catalog
from mmembed.store.vectors import VectorView, unit
from mmembed.types import KINDS, Embeddings, Kind, Ranked


@dataclass(frozen=True)
class Latency:
    """Of one search, in milliseconds."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class IndexResult:
    """One view, asked by vectors of one kind."""

    searched: Kind
    vectors: int
    queries_are: Kind
    queries: int
    k: int
    recall: Figure
    exact: Latency
    hnsw: Latency
    in_use: str
    """exact or hnsw: how the collection answers such a query today."""


@dataclass(frozen=True)
class IndexReport:
    """What was measured of a collection's views."""

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
            "exact p50", "p95 ms", "HNSW p50", "p95 ms", "in use",
        )  # fmt: skip
        return [(heads, [_row(one) for one in self.results])]


def measure_index(settings: Settings, *, k: int = 10, queries: int = 200) -> IndexReport:
    """Recall at k of the HNSW graphs against exact search over the same vectors, by stored
    vectors as queries. The graphs are those that the collection has, whether it uses them
    today or not; one that is missing is built in memory.

    Raises InputError for a folder without a collection, and for too few vectors.
    """
    if k < 1 or queries < 1:
        raise InputError(f"-k {k} and --queries {queries}: expected at least 1")
    if not (settings.data / CATALOG_FILE).is_file():
        raise InputError(f"{settings.data}: holds no collection; fill it with `mmembed index`")
    catalog = Catalog(settings.data)
    try:
        there = _filled(Views(catalog, exact_limit=settings.exact_limit))
        in_use = {kind: _in_use(view) for kind, view in there.items()}
        for kind, view in there.items():
            if not view.has_graph:
                view.rebuild(catalog.all_embeddings(kind), view.seq, graph=True)
        results = [
            _measure(view, asked, _sample(catalog, there[asked], queries), k, in_use[view.kind])
            for view in there.values()
            for asked in KINDS
            if asked in there and len(view) > k
        ]
    finally:
        catalog.close()
    if not results:
        sizes = ", ".join(f"{len(view)} {kind}s" for kind, view in there.items()) or "nothing"
        raise InputError(
            f"{settings.data}: holds {sizes}, too few for recall@{k}; "
            "choose a smaller -k, or index more"
        )
    notes = tuple(
        f"only {len(view)} {kind} vectors, too few for recall@{k}: not measured"
        for kind, view in there.items()
        if len(view) <= k
    )
    return IndexReport(str(settings.data), settings.exact_limit, tuple(results), notes)


def _filled(views: Views) -> dict[Kind, VectorView]:
    """The views that hold anything."""
    found = {kind: views.view(kind) for kind in KINDS}
    return {kind: view for kind, view in found.items() if view is not None and len(view)}


def _in_use(view: VectorView) -> str:
    return "hnsw" if view.has_graph and len(view) > view.exact_limit else "exact"


def _sample(catalog: Catalog, view: VectorView, count: int) -> tuple[NDArray[np.int64], Embeddings]:
    """Stored vectors, the same at every run: ids and float32 (n, dim), unit-norm."""
    ids = view.ids()
    chosen = np.random.default_rng(SEED).permutation(ids)[:count]
    known, vectors = catalog.embeddings([int(one) for one in chosen])
    return np.asarray(known, dtype=np.int64), unit(vectors)


def _measure(
    view: VectorView,
    asked: Kind,
    sample: tuple[NDArray[np.int64], Embeddings],
    k: int,
    in_use: str,
) -> IndexResult:
    ids, rows = sample
    # A query that is in the index itself would always find itself: it is left out.
    itself = ids if asked == view.kind else np.full(len(ids), -1)
    truth, exact = _search(view, rows, itself, k, exact_limit=len(view))
    graph, hnsw = _search(view, rows, itself, k, exact_limit=0)
    recalls = np.array([overlap(a, b) for a, b in zip(graph, truth, strict=True)])
    recall = bootstrap({"recall": partial(_mean, recalls)}, len(recalls))["recall"]
    return IndexResult(view.kind, len(view), asked, len(ids), k, recall, exact, hnsw, in_use)


def _search(
    view: VectorView, rows: Embeddings, itself: NDArray[np.int64], k: int, *, exact_limit: int
) -> tuple[list[NDArray[np.float64]], Latency]:
    """The scores of the k nearest to each query, without itself, and how long it took."""
    view.exact_limit = exact_limit
    view.search(rows[0], k + 1)  # what is read at first use is not timed
    found, seconds = [], []
    for row, own in zip(rows, itself, strict=True):
        started = time.perf_counter()
        ranked = view.search(row, k + 1)
        seconds.append(time.perf_counter() - started)
        found.append(_scores(ranked, int(own), k))
    p50, p95 = np.percentile(np.array(seconds) * 1000, (50, 95))
    return found, Latency(float(p50), float(p95))


def _scores(ranked: Ranked, own: int, k: int) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = ranked.scores[ranked.ids != own][:k]
    return scores


def overlap(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Recall@k by score, as ann-benchmarks counts it: the share of what was found that is no
    farther than the k-th of exact search, so that equally near vectors are equally good.
    float64 (≤ k,) and (k,), falling."""
    return float((found >= truth[-1] - metrics.TIE).sum()) / len(truth)


def _mean(recalls: NDArray[np.float64], weights: metrics.Weights) -> float:
    return float(np.average(recalls, weights=weights))


def _row(one: IndexResult) -> tuple[str, ...]:
    times = (one.exact.p50_ms, one.exact.p95_ms, one.hnsw.p50_ms, one.hnsw.p95_ms)
    return (
        f"{one.searched}s",
        str(one.vectors),
        f"{one.queries} {one.queries_are} vectors",
        *shown(f"recall_at_{one.k}", one.recall),
        *(f"{time:.2f}" for time in times),
        one.in_use,
    )
