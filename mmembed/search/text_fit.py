"""How well words fit pictures: at each picture, against the texts of a bank.

fits      the share of the bank's texts that fit the picture less than the words do
strength  the words' cosine above that of the bank at the picture (the soft maximum of its texts'
          cosines), in deviations of such cosines

Both compare texts at one picture, so neither depends on the size of the collection, and a picture
that is near every text gains nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.search.bank.bank import Bank
from mmembed.types import Embedding, Embeddings

Floats = NDArray[np.float64]

COMPARED = 1024
"""Texts of the bank that are compared: with three times as many, nothing is told better apart."""
SHARPNESS = 2.0
"""Of the soft maximum, per deviation: 0 gives the mean of the cosines, infinity the largest."""
SAME = 0.99
"""Cosine with the words from which a text of the bank is taken for the same words."""
SAMPLE = 128
"""Pictures whose cosines with the bank give its deviation."""
SMALLEST = 1e-4
"""Of a deviation: below it a model tells no text from another."""


@dataclass(frozen=True)
class Fit:
    """How well words fit some pictures."""

    fits: Floats
    """(n,), 0 to 1."""
    strengths: Floats
    """Of the first pictures, in deviations."""


class TextFit:
    """Compares words with the texts of a bank."""

    def __init__(self, bank: Bank, pictures: Embeddings) -> None:
        """pictures: a sample of the collection, float32 (n, dim), unit-norm."""
        self._texts = bank.embeddings[:: -(-len(bank.texts) // COMPARED)]
        self._deviation = max(SMALLEST, _deviation(bank, pictures[:: len(pictures) // SAMPLE or 1]))

    def of(self, words: Embedding, pictures: Embeddings, *, strengths: int) -> Fit:
        """words: float32 (dim,), unit-norm; pictures: float32 (n, dim), unit-norm. strengths: of
        how many of the pictures the strength is wanted, which costs more than the rest."""
        texts = self._texts[self._texts @ words < SAME]
        cosines = pictures @ words
        if not len(texts):
            return Fit(np.ones(len(cosines)), np.zeros(len(cosines[:strengths])))
        others = pictures @ texts.T
        less = np.count_nonzero(others < cosines[:, None], axis=1)
        usual = _soft_maximum(others[:strengths] / self._deviation)
        first = cosines[:strengths].astype(np.float64) / self._deviation
        return Fit(np.asarray(less / len(texts), np.float64), first - usual)


def _deviation(bank: Bank, pictures: Embeddings) -> float:
    """The mean deviation of the bank's cosines at a picture."""
    if not len(pictures):
        return 0.0
    squares = ((pictures @ bank.second_moment) * pictures).sum(axis=1)
    variances = squares - (pictures @ bank.mean) ** 2
    return float(np.sqrt(np.maximum(variances, 0)).mean())


def _soft_maximum(values: NDArray[np.float32]) -> Floats:
    """float32 (n, m) → (n,), between the mean and the maximum of each row."""
    largest = values.max(axis=1)
    powers = np.exp(SHARPNESS * (values - largest[:, None])).mean(axis=1, dtype=np.float64)
    return np.asarray(largest + np.log(powers) / SHARPNESS, np.float64)
