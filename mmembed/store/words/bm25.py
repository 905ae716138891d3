"""BM25: how well the words of images match those of a query.

    score(image) = Σ over words: idf(word) · tf·(K1 + 1) / (tf + K1·(1 - B + B·length/mean length))
    idf(word)    = ln(1 + (N - n + ½) / (n + ½)), which is above 0 for every word

tf: how often the image has the word; length: how many words it has; n of N images have the word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmembed.store.entries import WordMatches

K1, B = 1.2, 0.75
MOST_ASKED = 32
"""Distinct words of a query that count."""
MOST_LOOKED_AT = 10_000
"""Images of one word that are candidates; of many words, fewer of each."""
MOST_TOGETHER = 5_000
"""Of all words together, unless there are more than ten."""
LEAST_LOOKED_AT = 500
LEAST_RANKED = 100
"""Candidates that are ranked, whose words weigh most together; more if more are wanted."""


class AskedWord(NamedTuple):
    """A word of a query."""

    word: str
    form: str
    """Its stem."""
    is_prefix: bool = False
    """Whether the form stands for all forms that begin with it; only the last word's may."""


@dataclass(frozen=True)
class Asked:
    """The words of a query, and how rare they are."""

    terms: tuple[AskedWord, ...]
    """No two have the same form."""
    idf: NDArray[np.float64]
    """(n,), by term."""

    @property
    def words(self) -> tuple[str, ...]:
        """As the query spells them, but without case and accents."""
        return tuple(term.word for term in self.terms)

    @property
    def is_prefix(self) -> bool:
        """Whether the last one stands for all that begin with it."""
        return bool(self.terms) and self.terms[-1].is_prefix


@dataclass(frozen=True)
class Candidate:
    """The words of an image, as stored."""

    item_id: int
    words: str
    """Separated by spaces."""
    length: int


def looked_at(words: int) -> int:
    """Images of each word that are candidates, for a query of so many words."""
    return min(MOST_LOOKED_AT, max(LEAST_LOOKED_AT, MOST_TOGETHER // max(words, 1)))


def idf(having: int, items: int) -> float:
    """The weight of a word that `having` of `items` images have."""
    return math.log(1 + (max(items - having, 0) + 0.5) / (having + 0.5))


def rank_words(
    asked: Asked, candidates: Sequence[Candidate], stems: Mapping[str, str], mean_length: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], list[tuple[str, ...]]]:
    """Ids, scores and matched words of the candidates that have a word of a query, by falling
    score, ties by rising id. stems: of every word of the candidates."""
    columns = _columns(asked, stems)
    asked_words, width = asked.words, len(asked.terms)
    cells = [
        row * width + columns[word]
        for row, candidate in enumerate(candidates)
        for word in candidate.words.split()
        if word in columns
    ]
    counts = np.bincount(
        np.array(cells, dtype=np.int64), minlength=len(candidates) * width
    ).reshape(-1, width)
    lengths = np.array([candidate.length for candidate in candidates], dtype=float)
    norm = K1 * (1 - B + B * lengths / max(mean_length, 1))
    scores = (counts * (K1 + 1) / (counts + norm[:, None])) @ asked.idf
    ids = np.array([candidate.item_id for candidate in candidates], dtype=np.int64)
    order = [int(row) for row in np.lexsort((ids, -scores)) if scores[row] > 0]
    has = (counts > 0).tolist()
    words = [tuple(compress(asked_words, has[row])) for row in order]
    return ids[order], scores[order], words


def _columns(asked: Asked, stems: Mapping[str, str]) -> dict[str, int]:
    """The word of the query that a stored word matches."""
    of_form = {term.form: column for column, term in enumerate(asked.terms)}
    columns: dict[str, int] = {}
    if asked.is_prefix:
        last = len(asked.terms) - 1
        begins = asked.terms[-1].form
        columns = {word: last for word, stem in stems.items() if stem.startswith(begins)}
    return columns | {word: of_form[stem] for word, stem in stems.items() if stem in of_form}


def matches_of(
    asked: Asked,
    ranked: tuple[NDArray[np.int64], NDArray[np.float64], list[tuple[str, ...]]],
    count: int,
    passing: NDArray[np.int64],
    also: Sequence[int],
    *,
    all_seen: bool,
) -> WordMatches:
    """The `count` best of those that pass, and those of `also`. all_seen: whether no other image
    passes and matches."""
    ids, scores, words = ranked
    keys, of_passing, of_also = ids.tolist(), set(passing.tolist()), set(also)
    passes = np.array([key in of_passing for key in keys], dtype=bool)
    beside = np.array([key in of_also for key in keys], dtype=bool)
    kept = (passes & (np.cumsum(passes) <= count)) | beside
    return WordMatches(
        ids[kept],
        scores[kept],
        tuple(some for some, is_kept in zip(words, kept, strict=True) if is_kept),
        float(asked.idf.sum()),
        complete=all_seen and int(passes.sum()) <= count,
        asked=asked.words,
        weights=tuple(asked.idf.tolist()),
        is_prefix=asked.is_prefix,
    )


def nothing() -> WordMatches:
    """The answer to a query without words."""
    return WordMatches(np.empty(0, np.int64), np.empty(0), (), 0.0, complete=True)
