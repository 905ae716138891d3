"""Texts as vectors with a number for each word, as texts were compared before embeddings.

One-hot has 1 for each word that the text has, and 0 for all others. A bag of words has how often
the text has each word. TF-IDF is the same, times how rare the word is among the compared texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

CHUNK = 10_000
"""Words that are compared at a time: long texts have a million."""
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words of a text in their order, without the case of letters: «A dog» is `a`, `dog`."""
    return _WORD.findall(text.casefold())


def bag_of_words(texts: Sequence[str]) -> Matrix:
    """How often each text has each word of them all: float32 (texts, words)."""
    columns: dict[str, int] = {}
    places = [[columns.setdefault(word, len(columns)) for word in words_of(one)] for one in texts]
    counts = np.zeros((len(texts), len(columns)), np.float32)
    for row, of_text in zip(counts, places, strict=True):
        np.add.at(row, np.array(of_text, np.int64), 1)
    return counts


def one_hot(bag: Matrix) -> Matrix:
    """Whether each text has each word: float32 (texts, words), 0 or 1."""
    return (bag > 0).astype(np.float32)


def tf_idf(bag: Matrix) -> Matrix:
    """Counts times the inverse document frequency, as scikit-learn smooths it: ln((1 + texts) /
    (1 + texts with the word)) + 1. float32 (texts, words)."""
    having = (bag > 0).sum(axis=0)
    rarity = np.log((1 + len(bag)) / (1 + having)) + 1
    return np.asarray(bag * rarity, np.float32)


def cosines(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cosine of each row with each: (n, n). A row of zeros has the cosine 0 with all."""
    products = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], CHUNK):
        part = rows[:, start : start + CHUNK].astype(np.float64)
        products += part @ part.T
    lengths = np.sqrt(products.diagonal())
    lengths[lengths == 0] = 1
    return np.asarray(np.clip(products / lengths / lengths[:, None], -1, 1), np.float64)
