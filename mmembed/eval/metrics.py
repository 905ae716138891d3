"""Computes ranks, recall, accuracy and calibration. Pure NumPy, no model.

Ties count against the model: an item whose score equals the right answer's, within TIE, is ranked
before it. So a model that gives everything the same score finds nothing.

Some functions take `weights`, float64 (n,): the number of times that each row of the data counts. A
bootstrap resample is such weights. None counts every row once.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

TIE = 1e-6
"""Cosines nearer to each other than this are equal: float32 computes them no better."""
ECE_BINS = 15

Ranks: TypeAlias = NDArray[np.int64]
"""int64 (n,), from 1: the place of the right answer."""
Weights: TypeAlias = NDArray[np.float64]
"""float64 (n,), how often each row counts."""
Mask: TypeAlias = NDArray[np.bool_]


def best_ranks(scores: NDArray[np.float32], right: Mask) -> Ranks:
    """The rank of the best right candidate of each query: 1 + the wrong ones that score as
    high or higher, within TIE.

    scores: float32 (n_queries, n_candidates); right: bool, same shape, at least one True in
    each row. Other right candidates never push the best one down.
    """
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    ranks: Ranks = 1 + ((scores >= best - TIE) & ~right).sum(axis=1)
    return ranks


def share(hits: NDArray[np.bool_], weights: Weights | None = None) -> float:
    """The weighted share of True. hits: bool (n,)."""
    return float(np.average(hits, weights=weights))


def recall_at_k(ranks: Ranks, k: int, weights: Weights | None = None) -> float:
    """The share of queries whose best right answer is among the first k.

    This is CLIP_benchmark's definition: text → image looks for the one image of each caption, image
    → text for any caption of each image. A query has one or several right answers, and finding one
    is enough.
    """
    return share(ranks <= k, weights)


def one_hot(columns: NDArray[np.int64], width: int) -> Mask:
    """int64 (n,) → bool (n, width), True at each row's column."""
    mask: Mask = columns[:, None] == np.arange(width)
    return mask


def median_rank(ranks: Ranks, weights: Weights | None = None) -> float:
    """The median of the ranks: half are no greater. Of an even number, the mean of the middle
    two, as np.median has it."""
    if weights is None:
        weights = np.ones(len(ranks))
    order = np.argsort(ranks, kind="stable")
    counted = np.cumsum(weights[order])
    half = counted[-1] / 2
    lower, upper = (np.searchsorted(counted, half, side=side) for side in ("left", "right"))
    return float(ranks[order[lower]] + ranks[order[min(upper, len(ranks) - 1)]]) / 2


def mean_class_accuracy(
    correct: NDArray[np.bool_], classes: NDArray[np.int64], weights: Weights | None = None
) -> float:
    """Each class's accuracy, averaged over the classes: a large class counts no more than a
    small one. correct: bool (n,); classes: int64 (n,) from 0. A class without weight is left
    out."""
    if weights is None:
        weights = np.ones(len(correct))
    sizes = np.bincount(classes, weights=weights)
    hits = np.bincount(classes, weights=weights * correct)
    there = sizes > 0
    return float((hits[there] / sizes[there]).mean())


def expected_calibration_error(
    confidence: NDArray[np.float32],
    correct: NDArray[np.bool_],
    *,
    bins: int = ECE_BINS,
    weights: Weights | None = None,
) -> float:
    """Expected calibration error: Σ over bins of share × |accuracy − confidence|.

    It is 0 if 80 % of the answers with confidence 0.8 are right, and so on; at most 1. Equal-width
    bins (0, 1/bins], …, as Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    confidence: float32 (n,), the probability of the chosen label; correct: bool (n,).
    """
    if weights is None:
        weights = np.ones(len(correct))
    bin_of = np.clip(np.ceil(confidence.astype(np.float64) * bins).astype(np.int64) - 1, 0, None)
    gaps = np.bincount(bin_of, weights=weights * (correct - confidence.astype(np.float64)))
    return float(np.abs(gaps).sum() / weights.sum())
