"""Labels that look wrong: confident learning (Northcutt et al., 2021, arXiv 1911.00068).

A label is confident of a row where its probability is at least as high as it is, on average, in the
rows that have it. A row whose likeliest confident label is another than its own is doubtful. The
probabilities must be out of fold: else each row would vote for its own label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LEAST_DOUBT = 0.2
"""Of a label that competes with others: where a model tells labels badly apart, smaller doubts are
wrong four times in five."""


@dataclass(frozen=True)
class DoubtfulLabel:
    """A label that a row should not have, or a label that it lacks, or both."""

    row: int
    wrong: int | None
    """The position of the label that the row has."""
    better: int | None
    """That of the label that it should have."""
    doubt: float
    """From 0 to 1: how much likelier it is that the label is wrong than that it is right."""


def errors_of_one(chances: Floats, given: NDArray[np.int64]) -> list[DoubtfulLabel]:
    """Doubtful rows by falling doubt, where each row has exactly one label.

    chances: float32 (n, labels), each row sums to 1. given: int64 (n,), its label.
    """
    places = np.arange(len(given))
    own = chances[places, given]
    sums = np.bincount(given, weights=own, minlength=chances.shape[1])
    counts = np.bincount(given, minlength=chances.shape[1])
    usual = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(chances >= usual, chances, -1.0)
    best = confident.argmax(axis=1)
    doubtful = np.flatnonzero((confident[places, best] > 0) & (best != given))
    doubts = chances[doubtful, best[doubtful]] - own[doubtful]
    found = [
        DoubtfulLabel(int(row), int(given[row]), int(best[row]), float(doubt))
        for row, doubt in zip(doubtful, doubts, strict=True)
        if doubt >= LEAST_DOUBT
    ]
    return sorted(found, key=lambda one: (-one.doubt, one.row))


def errors_of_each(chances: Floats, given: NDArray[np.bool_]) -> list[DoubtfulLabel]:
    """Doubtful pairs of row and label by falling doubt, where each label is for itself.

    chances: float32 (n, labels). given: bool (n, labels).
    """
    found = []
    for label in range(given.shape[1]):
        has, chance = given[:, label], chances[:, label]
        if not has.any() or has.all():
            continue
        with_it, without = float(chance[has].mean()), float((1 - chance[~has]).mean())
        wrong = has & (1 - chance >= max(without, 0.5))
        lacking = ~has & (chance >= max(with_it, 0.5))
        found += [
            DoubtfulLabel(int(row), label, None, float(1 - 2 * chance[row]))
            for row in np.flatnonzero(wrong)
        ]
        found += [
            DoubtfulLabel(int(row), None, label, float(2 * chance[row] - 1))
            for row in np.flatnonzero(lacking)
        ]
    return sorted(found, key=lambda one: (-one.doubt, one.row))
