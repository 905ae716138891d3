"""Texts that compete with labels: whether any label is in a picture at all.

    evidence = log mean exp(logits of the labels) − log mean exp(logits of the other texts)
    probability that a label is there = sigmoid(slope · evidence + offset)

As in NegLabel (Jiang et al., Negative Label Guided OOD Detection, ICLR 2024, arXiv 2403.20078), a
picture that other texts fit better shows none of the labels. Slope and offset are the model's
calibration. Texts that say the same as a label do not compete with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.classify.few_shot import Floats
from mmembed.types import Embeddings

SAME = 0.9
"""Cosine with a label from which a text is taken for the same."""
STEPS, ENOUGH = 50, 1e-10
"""Steps of a fit at the most, and the gain of a step from which on it goes on."""
RIDGE = 1e-4
ROWS = 256
"""Pictures, or labels, that are compared at once; bounds the memory."""


@dataclass(frozen=True)
class LogisticRule:
    """How evidence becomes a probability."""

    slope: float
    offset: float

    def chances(self, evidence: Floats) -> Floats:
        """float64 of any shape → probabilities of the same shape."""
        return np.asarray(np.exp(-np.logaddexp(0, -(self.slope * evidence + self.offset))))


@dataclass(frozen=True, eq=False)
class Rivals:
    """The texts that compete with some labels."""

    texts: NDArray[np.float32]
    """float32 (m, dim): embeddings times the sharpness."""

    @classmethod
    def of(cls, texts: Embeddings, labels: Embeddings, sharpness: float) -> Rivals:
        """Those of the texts that say something else than every label. texts: float32 (m, dim);
        labels: float32 (n, dim), unit-norm or zero."""
        differ = np.ones(len(texts), bool)
        for start in range(0, len(labels), ROWS):
            differ &= (texts @ labels[start : start + ROWS].T).max(axis=1) < SAME
        chosen = texts[differ] if differ.any() else texts
        return cls(np.asarray(sharpness * chosen, np.float32))

    def level(self, rows: Embeddings) -> Floats:
        """The logarithm of the mean exponential of the texts' logits, float64 (n,)."""
        parts = [self._level(rows[i : i + ROWS]) for i in range(0, len(rows), ROWS)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _level(self, rows: Embeddings) -> Floats:
        logits = rows @ self.texts.T
        highest = logits.max(axis=1)
        means = np.exp(logits - highest[:, None]).mean(axis=1, dtype=np.float64)
        return np.asarray(highest + np.log(means), np.float64)


def together(logits: Floats) -> Floats:
    """The logarithm of the mean exponential of each row: (n, labels) → (n,). With the sum, the rule
    would depend on the number of labels."""
    highest = logits.max(axis=1)
    means = np.exp(logits - highest[:, None]).mean(axis=1)
    return np.asarray(highest + np.log(means), np.float64)


def fit_presence(evidence: Floats, there: NDArray[np.bool_], weights: Floats) -> LogisticRule:
    """The slope and offset that make it likeliest which pictures show a label. evidence: float64
    (n,); there: bool (n,), some True and some False; weights: float64 (n,), of each picture.

    Newton's method with halved steps. A slight penalty on the slope gives separable cases a
    solution."""
    middle, spread = float(evidence.mean()), float(evidence.std()) or 1.0
    design = np.stack([(evidence - middle) / spread, np.ones(len(evidence))], axis=1)
    found, loss = np.zeros(2), np.inf
    for _ in range(STEPS):
        step = _newton_step(design, there, weights, found)
        for share in 0.5 ** np.arange(10):
            after = _loss(design, there, weights, found - share * step)
            if after < loss:
                break
        if not after < loss - ENOUGH:
            break
        found, loss = found - share * step, after
    slope = float(found[0]) / spread
    return LogisticRule(slope, float(found[1]) - slope * middle)


def _newton_step(design: Floats, there: NDArray[np.bool_], weights: Floats, now: Floats) -> Floats:
    chances = np.exp(-np.logaddexp(0, -(design @ now)))
    slope = design.T @ (weights * (chances - there)) / weights.sum() + RIDGE * now
    shares = weights * chances * (1 - chances) / weights.sum()
    curvature = (design * shares[:, None]).T @ design + RIDGE * np.eye(2)
    return np.asarray(np.linalg.solve(curvature, slope), np.float64)


def _loss(design: Floats, there: NDArray[np.bool_], weights: Floats, now: Floats) -> float:
    signed = np.where(there, 1.0, -1.0) * (design @ now)
    return float(weights @ np.logaddexp(0, -signed) / weights.sum() + RIDGE * (now @ now) / 2)
