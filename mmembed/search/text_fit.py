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
ROWS = 16
"""Pictures that are compared at once."""
MOST_PRODUCTS = 2**18
"""Multiplications in one matrix product: BLAS shares larger ones among threads, which wait for each
other. That takes a hundred times as long while other requests have the processor."""
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
        step = -(-len(bank.texts) // COMPARED)
        self._texts = np.ascontiguousarray(bank.embeddings[::step])
        self._deviation = max(SMALLEST, _deviation(bank, pictures[:: len(pictures) // SAMPLE or 1]))

    def of(self, words: Embedding, pictures: Embeddings, *, strengths: int) -> Fit:
        """words: float32 (dim,), unit-norm; pictures: float32 (n, dim), unit-norm. strengths: of
        how many of the pictures the strength is wanted, which costs more than the rest."""
        differ = self._texts @ words < SAME
        texts = self._texts if differ.all() else self._texts[differ]
        cosines = pictures @ words
        if not len(texts):
            return Fit(np.ones(len(cosines)), np.zeros(len(cosines[:strengths])))
        others = products(pictures, texts)
        less = np.count_nonzero(others < cosines[:, None], axis=1)
        usual = _soft_maximum(others[:strengths] / self._deviation)
        first = cosines[:strengths].astype(np.float64) / self._deviation
        return Fit(np.asarray(less / len(texts), np.float64), first - usual)


def products(pictures: Embeddings, texts: Embeddings) -> Embeddings:
    """float32 (n, dim) and (m, dim) → their dot products, (n, m)."""
    step = max(1, MOST_PRODUCTS // (ROWS * texts.shape[1]))
    found = np.empty((len(pictures), len(texts)), np.float32)
    for row in range(0, len(pictures), ROWS):
        some = pictures[row : row + ROWS]
        for text in range(0, len(texts), step):
            np.matmul(
                some, texts[text : text + step].T, found[row : row + ROWS, text : text + step]
            )
    return found


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
