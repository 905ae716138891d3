"""Texts that compete with labels: whether any label is in a picture at all.

    evidence = log Σ exp(logits of the labels) − log mean exp(logits of the other texts)
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
ROWS = 256
"""Pictures that are compared at once; bounds the memory."""


@dataclass(frozen=True)
class Presence:
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
        differ = (texts @ labels.T).max(axis=1) < SAME
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
    """The logarithm of the summed exponentials of each row: (n, labels) → (n,)."""
    highest = logits.max(axis=1)
    sums = np.exp(logits - highest[:, None]).sum(axis=1)
    return np.asarray(highest + np.log(sums), np.float64)


def fit_presence(evidence: Floats, there: NDArray[np.bool_], steps: int = 50) -> Presence:
    """The slope and offset that make it likeliest which pictures show a label. evidence: float64
    (n,); there: bool (n,), some True and some False. Newton's method, with a slight penalty on
    the slope so that separable cases have a solution."""
    design = np.stack([evidence, np.ones(len(evidence))], axis=1)
    found = np.zeros(2)
    ridge = np.diag([1e-3, 1e-9])
    for _ in range(steps):
        chances = np.exp(-np.logaddexp(0, -(design @ found)))
        slope = design.T @ (chances - there) / len(there) + ridge @ found
        curvature = (design * (chances * (1 - chances))[:, None]).T @ design / len(there) + ridge
        step = np.linalg.solve(curvature, slope)
        found = found - step
        if np.abs(step).max() < 1e-8:
            break
    return Presence(float(found[0]), float(found[1]))
