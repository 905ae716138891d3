"""Tells what a comparison shows about its measures, by the most telling pair of each kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from mmembed.explore.compare.comparison import InputComparison
from mmembed.explore.compare.word_vectors import words_of
from mmembed.search.negations import NEGATIONS

QUOTED_CHARS = 40
NUMBERS = frozenset(
    [
        *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        *("eleven", "twelve", "hundred", "few", "several", "many"),
    ]
)
ARTICLES = frozenset(["a", "an", "the"])
_DIGITS = re.compile(r"\d+")
SAME = 1 - 1e-6
"""Cosine from which two bags of words are the same."""


@dataclass(frozen=True)
class _Pair:
    """Two texts of a comparison."""

    first: str
    second: str
    cosine: float
    one_hot: float
    bag: float

    @property
    def quoted(self) -> str:
        return f"{_quoted(self.first)} and {_quoted(self.second)}"


def lessons(comparison: InputComparison) -> tuple[str, ...]:
    """A sentence or two for each weakness of a measure that these inputs show; none where they
    show none."""
    pairs = sorted(_pairs(comparison), key=lambda pair: -pair.cosine)
    told = []
    for fits, tell in _KINDS:
        telling = next((pair for pair in pairs if fits(pair, pairs)), None)
        if telling is not None:
            told.append(tell(telling))
    if 0 < len(comparison.texts) < len(comparison.inputs):
        told.append(
            "Texts and pictures lie in two parts of the space: a text and a picture that fit have "
            "a lower cosine than two texts or two pictures. Compare such pairs with each other "
            "alone."
        )
    return tuple(told)


def _pairs(comparison: InputComparison) -> Iterator[_Pair]:
    by_words = comparison.by_words
    for (row, place), (column, other) in combinations(enumerate(comparison.texts), 2):
        yield _Pair(
            comparison.inputs[place].text or "",
            comparison.inputs[other].text or "",
            float(comparison.cosine[place, other]),
            float(by_words["one_hot"][row, column]),
            float(by_words["bag_of_words"][row, column]),
        )


def _order(pair: _Pair, _: list[_Pair]) -> bool:
    return pair.bag >= SAME and words_of(pair.first) != words_of(pair.second)


def _synonyms(pair: _Pair, pairs: list[_Pair]) -> bool:
    """No common word but articles, and nearer than some pair that has one."""
    return not _shared(pair) and any(_shared(one) and one.cosine < pair.cosine for one in pairs)


def _shared(pair: _Pair) -> set[str]:
    return set(words_of(pair.first)) & set(words_of(pair.second)) - ARTICLES


def _negation(pair: _Pair, _: list[_Pair]) -> bool:
    """One denies, and the rest is the same but for a word or two."""
    first, second = set(words_of(pair.first)), set(words_of(pair.second))
    return bool(first & NEGATIONS) != bool(second & NEGATIONS) and pair.one_hot >= 0.5


def _counting(pair: _Pair, _: list[_Pair]) -> bool:
    first, second = _without_numbers(pair.first), _without_numbers(pair.second)
    return bool(first) and first == second and words_of(pair.first) != words_of(pair.second)


def _without_numbers(text: str) -> list[str]:
    """The words but for numbers, articles and the s of a plural."""
    words = (word for word in words_of(text) if not _DIGITS.fullmatch(word))
    return [word.rstrip("s") for word in words if word not in NUMBERS | ARTICLES]


_KINDS: tuple[tuple[Callable[[_Pair, list[_Pair]], bool], Callable[[_Pair], str]], ...] = (
    (
        _order,
        lambda pair: (
            f"Order: {pair.quoted} have the same words, so the measures of words say 1. "
            f"The embedding says {pair.cosine:.3f}: it reads the order, if only faintly."
        ),
    ),
    (
        _synonyms,
        lambda pair: (
            f"Synonyms: {pair.quoted} share no word but articles, so the measures of words say "
            f"{pair.one_hot:.3f}. The embedding says {pair.cosine:.3f}."
        ),
    ),
    (
        _negation,
        lambda pair: (
            f"Negation: one of {pair.quoted} denies the other. The embedding still says "
            f"{pair.cosine:.3f}, and the common words {pair.bag:.3f}."
        ),
    ),
    (
        _counting,
        lambda pair: (
            f"Counting: {pair.quoted} differ in a number alone. The embedding says "
            f"{pair.cosine:.3f}: it counts badly."
        ),
    ),
)


def _quoted(text: str) -> str:
    short = text if len(text) <= QUOTED_CHARS else f"{text[: QUOTED_CHARS - 1]}…"
    return f"“{short}”"
