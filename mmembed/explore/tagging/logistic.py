"""Logistic regression out of fold: each row's probabilities come from a fit without its fold.

    logits = x · weights + bias

The weights are shrunk towards zero. The strength is the one whose probabilities are likeliest, out
of fold, too. Pure NumPy: accelerated gradient steps along the axes of the rows, each as long as the
curvature allows (Böhning, Multinomial logistic regression algorithm, 1992).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller
from mmembed.types import Embeddings

Floats = NDArray[np.float32]

FOLDS = 5
PENALTIES = (10.0, 3.0, 1.0)
"""Of half the squared weights, beside the summed loss of the rows; by falling strength."""
STEPS = 50
CLOSE = 1e-3
"""Change of a step, relative to the whole, at which a fit ends."""
TINY = 1e-12


def out_of_fold(
    rows: Embeddings, given: NDArray[np.bool_], folds: NDArray[np.int64], *, competing: bool
) -> Floats:
    """The probability of each label for each row: float32 (n, labels).

    rows: float32 (n, dim), unit-norm. given: bool (n, labels). folds: int64 (n,), below FOLDS.
    competing: whether each row has exactly one label; otherwise each label is for itself. Raises
    Abandoned if the caller leaves.
    """
    design = np.hstack([rows, np.ones((len(rows), 1), np.float32)])
    scale, axes = np.linalg.eigh(design.T @ design.astype(np.float64))
    turned = np.asarray(design @ axes, np.float32)
    curvature = np.asarray(np.maximum(scale, 0) * (0.5 if competing else 0.25), np.float32)
    truth = given.astype(np.float32)
    chances = {penalty: np.full(truth.shape, np.nan, np.float32) for penalty in PENALTIES}
    for fold in np.unique(folds).tolist():
        held = folds == fold
        if held.all():
            continue
        weights = np.zeros((turned.shape[1], truth.shape[1]), np.float32)
        for penalty in PENALTIES:
            fit = _Fit(turned[~held], truth[~held], curvature, competing)
            weights = fit.descended(weights, penalty)
            chances[penalty][held] = chances_of(turned[held] @ weights, competing)
    return max(chances.values(), key=lambda some: _likelihood(some, given, competing))


def chances_of(logits: Floats, competing: bool) -> Floats:
    """Logits (n, labels) → probabilities."""
    if competing:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
    return np.asarray(np.exp(-np.logaddexp(0, -logits)), np.float32)


def _likelihood(chances: Floats, given: NDArray[np.bool_], competing: bool) -> float:
    """The mean logarithm of the chances of what is given; of unfitted rows nothing counts."""
    right = np.log(np.maximum(chances, TINY))[given]
    if competing:
        return float(np.nansum(right))
    return float(np.nansum(right) + np.nansum(np.log(np.maximum(1 - chances, TINY))[~given]))


class _Fit:
    """The fit of some rows, in the axes in which the rows were turned."""

    def __init__(self, turned: Floats, truth: Floats, curvature: Floats, competing: bool) -> None:
        self._rows = turned
        self._truth = truth
        self._curvature = curvature
        self._competing = competing

    def descended(self, now: Floats, penalty: float) -> Floats:
        """The weights of a penalty, from others on. The momentum restarts where it leads uphill."""
        step = np.float32(1.0) / (self._curvature + np.float32(penalty))[:, None]
        ahead, before, pace = now, now, 1.0
        for _ in range(STEPS):
            current_caller().check()
            errors = chances_of(self._rows @ ahead, self._competing) - self._truth
            now = ahead - step * (self._rows.T @ errors + np.float32(penalty) * ahead)
            if np.vdot(ahead - now, now - before) > 0:
                pace = 1.0
            faster = (1 + (1 + 4 * pace**2) ** 0.5) / 2
            moved = now - before
            ahead = now + np.float32((pace - 1) / faster) * moved
            before, pace = now, faster
            if np.abs(moved).max() <= CLOSE * max(float(np.abs(now).max()), CLOSE):
                break
        return now
