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
