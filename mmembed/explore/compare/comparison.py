"""Embeddings of some inputs → how alike each two of them are, beside what their words say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.counted import counted
from mmembed.errors import LimitError, QueryError
from mmembed.explore.compare.word_vectors import bag_of_words, cosines, one_hot, tf_idf
from mmembed.types import Embeddings

FEWEST, MOST = 2, 50
"""Inputs of a comparison. Every input is compared with every other."""
DIGITS = 6

WordMeasure: TypeAlias = Literal["one_hot", "bag_of_words", "tf_idf"]
Measure: TypeAlias = Literal["cosine", "euclidean", "one_hot", "bag_of_words", "tf_idf"]
WORD_MEASURES: tuple[WordMeasure, ...] = ("one_hot", "bag_of_words", "tf_idf")
MEANINGS: Mapping[Measure, str] = {
    "cosine": "The cosine of two embeddings: 1 for the same direction. It sees synonyms, topics "
    "and mood, and hardly sees negation, numbers and who does something to whom.",
    "euclidean": "The distance of two unit-norm embeddings: √(2 − 2·cosine), from 0 to 2. It "
    "orders pairs as the cosine does, and misses the same.",
    "one_hot": "Each word is an axis of its own, 1 where a text has it. Two different words have "
    "nothing in common, so synonyms count 0; repetition and order are lost.",
    "bag_of_words": "One-hot with counts: repetition counts. Frequent words such as “a” make "
    "texts alike; synonyms count 0, and order is lost.",
    "tf_idf": "Counts times how rare a word is among these texts: “a” and “the” weigh little. "
    "Synonyms still count 0, and order is lost.",
}
"""Of each measure: its definition, and what it misses."""


@dataclass(frozen=True)
class ComparedInput:
    """An input of a comparison."""

    name: str
    """As the caller knows it: a text, a file's name, `item 12`."""
    text: str | None = None
    """Of a text or a caption; None of a picture."""


@dataclass(frozen=True)
class InputComparison:
    """How alike inputs are, each with each; numbers rounded to 6 decimals."""

    inputs: tuple[ComparedInput, ...]
    cosine: NDArray[np.float64]
    """(n, n), in [-1, 1]."""
    euclidean: NDArray[np.float64]
    """(n, n), in [0, 2]."""
    texts: tuple[int, ...]
    """The places of the inputs that are texts."""
    by_words: Mapping[WordMeasure, NDArray[np.float64]]
    """Cosines of the texts by each measure of words: (texts, texts), in [0, 1]."""


def check_count(count: int) -> None:
    """Raises QueryError for too few inputs to compare, LimitError for too many."""
    if count < FEWEST:
        raise QueryError(
            f"{counted(count, 'input')}: there is nothing to compare; give at least {FEWEST}"
        )
    if count > MOST:
        raise LimitError(f"{count} inputs to compare, limit {MOST}; compare fewer at a time")


def compare(inputs: Sequence[ComparedInput], rows: Embeddings) -> InputComparison:
    """rows: the inputs' embeddings, float32 (n, dim), unit-norm."""
    alike = cosines(rows)
    np.fill_diagonal(alike, 1)
    places = tuple(place for place, one in enumerate(inputs) if one.text is not None)
    bag = bag_of_words([one.text for one in inputs if one.text is not None])
    by_words: dict[WordMeasure, NDArray[np.float64]] = {
        "one_hot": cosines(one_hot(bag)),
        "bag_of_words": cosines(bag),
        "tf_idf": cosines(tf_idf(bag)),
    }
    return InputComparison(
        tuple(inputs),
        np.round(alike, DIGITS),
        np.asarray(np.round(np.sqrt(np.maximum(2 - 2 * alike, 0)), DIGITS), np.float64),
        places,
        {name: np.round(matrix, DIGITS) for name, matrix in by_words.items()},
    )
