"""How well words fit pictures: at each picture, against the texts of a bank.

fits      the share of the bank's texts that fit the picture less than the words do
strength  the words' cosine above that of the bank at the picture (the soft maximum of its texts'
          cosines), in deviations of such cosines

Both compare texts at one picture, so neither depends on the size of the collection, and a picture
that is near every text gains nothing.
"""

from __future__ import annotations

import math
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
STEP = 0.05
"""Of the deviation's logarithm: it stays the same while a collection grows a little, and so do the
soft maxima at its pictures."""
_LEFT = 1e-9
"""Of a sum from which texts were taken: what float32 leaves of it."""


@dataclass(frozen=True)
class Fit:
    """How well words fit some pictures."""

    fits: Floats
    """(n,), 0 to 1."""
    strengths: Floats
    """Of the first pictures, in deviations."""


class TextFit:
    """Compares words with the texts of a bank."""

    def __init__(self, bank: Bank, sample: Embeddings, before: TextFit | None = None) -> None:
        """sample: pictures from all over the collection, float32 (n, dim), unit-norm. before: of
        the same bank and a sample of which some pictures may be the same, which saves time."""
        step = -(-len(bank.texts) // COMPARED)
        self._texts = np.ascontiguousarray(bank.embeddings[::step])
        self._deviation = _deviation(bank, sample[:: len(sample) // SAMPLE or 1])
        self._sample = sample
        self._by_picture = self._usual_by_picture(before)
        self._usual = np.array([self._by_picture[row.tobytes()] for row in sample], np.float64)

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

    def in_sample(self, words: Embedding) -> Floats:
        """Strengths at the pictures of the sample, (n,). words: float32 (dim,), unit-norm."""
        usual = self._usual
        same = self._texts[self._texts @ words >= SAME]
        if len(same) == len(self._texts):
            return np.zeros(len(usual))
        if len(same):
            usual = self._without(same, usual)
        return (self._sample @ words).astype(np.float64) / self._deviation - usual

    def _usual_by_picture(self, before: TextFit | None) -> dict[bytes, float]:
        """The soft maxima of the texts at the pictures of the sample, by the pictures' bytes."""
        pictures = {row.tobytes(): row for row in self._sample}
        known = before._by_picture if before and before._deviation == self._deviation else {}
        new = [key for key in pictures if key not in known]
        usual = {key: known[key] for key in pictures.keys() & known.keys()}
        if new:
            rows = np.stack([pictures[key] for key in new]) / np.float32(self._deviation)
            usual.update(zip(new, _soft_maximum(rows @ self._texts.T).tolist(), strict=True))
        return usual

    def _without(self, same: Embeddings, usual: Floats) -> Floats:
        """Soft maxima of all texts → of those that are not the same as the words."""
        count = len(self._texts)
        above = (self._sample @ same.T).astype(np.float64) / self._deviation - usual[:, None]
        left = count - np.exp(SHARPNESS * above).sum(axis=1)
        shares = np.maximum(left, _LEFT * count) / (count - len(same))
        return np.asarray(usual + np.log(shares) / SHARPNESS, np.float64)


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
    """The mean deviation of the bank's cosines at a picture, to a step."""
    if not len(pictures):
        return SMALLEST
    squares = ((pictures @ bank.second_moment) * pictures).sum(axis=1)
    variances = squares - (pictures @ bank.mean) ** 2
    deviation = max(SMALLEST, float(np.sqrt(np.maximum(variances, 0)).mean()))
    return math.exp(STEP * round(math.log(deviation) / STEP))


def _soft_maximum(values: NDArray[np.float32]) -> Floats:
    """float32 (n, m) → (n,), between the mean and the maximum of each row."""
    largest = values.max(axis=1)
    above = values - largest[:, None]
    above *= np.float32(SHARPNESS)
    powers = np.exp(above, out=above).mean(axis=1, dtype=np.float64)
    return np.asarray(largest + np.log(powers) / SHARPNESS, np.float64)
