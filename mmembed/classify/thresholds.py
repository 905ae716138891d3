"""Which labels are given where several may apply: thresholds by a target precision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mmembed.classify.label_scorer import LabelScorer
from mmembed.classify.question import Question
from mmembed.errors import QueryError
from mmembed.types import Embeddings

FEWEST = 200
"""Pictures by which thresholds are chosen; with fewer, each given label is likely enough itself."""
ROUNDING = 1e-6


def threshold_for(chances: NDArray[np.float32], precision: float) -> float:
    """The lowest probability from which on those of `chances` mean at least `precision`: so many of
    them are right if they mean what they say. chances: float32 (n,), one label's probabilities for
    many pictures. Above 1 if not even the highest does."""
    falling = -np.sort(-chances.astype(np.float64))
    means = np.cumsum(falling) / np.arange(1, len(falling) + 1)
    enough = np.flatnonzero(means >= precision - ROUNDING)
    return float(falling[enough[-1]]) if len(enough) else 2.0


def thresholds(
    scorer: LabelScorer, question: Question, sample: Callable[[], Embeddings]
) -> NDArray[np.float32]:
    """The lowest probability with which each label is given, float32 (labels,); 0 gives it always.
    sample: gives embeddings of the collection's pictures. Raises QueryError for a precision that is
    none, or where labels are not each for itself."""
    precision = question.precision
    if precision is not None:
        _check(precision, scorer)
    if scorer.mode != "multi":
        return np.zeros(len(scorer.labels), np.float32)
    lowest = np.full(len(scorer.labels), precision or 0.0, np.float32)
    rows = sample() if precision else np.zeros((0, 0), np.float32)
    if precision and len(rows) >= FEWEST:
        likely = scorer.scores(rows).likely
        lowest = np.array([threshold_for(column, precision) for column in likely.T], np.float32)
    for place, label in enumerate(scorer.labels):
        lowest[place] = question.thresholds.get(label, lowest[place])
    return lowest


def _check(precision: float, scorer: LabelScorer) -> None:
    if scorer.mode != "multi":
        raise QueryError(
            "precision: is for the mode multi, in which several labels may apply",
            param="precision",
        )
    if not 0 < precision < 1:
        raise QueryError(
            f"precision {precision}: expected more than 0 and less than 1", param="precision"
        )
