"""Tells what a comparison shows about its measures, by the most telling pair of each kind."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
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
class _Text:
    """A text of a comparison."""

    text: str
    words: list[str]
    different: frozenset[str]
    """The words, each once."""
    uncounted: list[str]
    """The words but for numbers, articles and the s of a plural."""

    @classmethod
    def of(cls, text: str) -> _Text:
        words = words_of(text)
        return cls(text, words, frozenset(words), _without_numbers(words))

    @property
    def quoted(self) -> str:
        text = self.text
        return f"“{text if len(text) <= QUOTED_CHARS else f'{text[: QUOTED_CHARS - 1]}…'}”"


@dataclass(frozen=True)
class _Pair:
    """Two texts of a comparison."""

    first: _Text
    second: _Text
    cosine: float
    one_hot: float
    bag: float
    shares: bool
    """Whether they have a word in common, but articles."""

    @property
    def quoted(self) -> str:
        return f"{self.first.quoted} and {self.second.quoted}"


def lessons(comparison: InputComparison) -> tuple[str, ...]:
    """A sentence or two for each weakness of a measure that these inputs show; none where they
    show none."""
    pairs = sorted(_pairs(comparison), key=lambda pair: -pair.cosine)
    least_shared = min((pair.cosine for pair in pairs if pair.shares), default=math.inf)
    told = []
    for fits, tell in _KINDS:
        telling = next((pair for pair in pairs if fits(pair, least_shared)), None)
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
    texts = [_Text.of(comparison.inputs[place].text or "") for place in comparison.texts]
    for (row, place), (column, other) in combinations(enumerate(comparison.texts), 2):
        yield _Pair(
            texts[row],
            texts[column],
            float(comparison.cosine[place, other]),
            float(by_words["one_hot"][row, column]),
            float(by_words["bag_of_words"][row, column]),
            not texts[row].different.isdisjoint(texts[column].different - ARTICLES),
        )


def _order(pair: _Pair, _: float) -> bool:
    return pair.bag >= SAME and pair.first.words != pair.second.words


def _synonyms(pair: _Pair, least_shared: float) -> bool:
    """No common word but articles, and nearer than some pair that has one."""
    return not pair.shares and pair.cosine > least_shared


def _negation(pair: _Pair, _: float) -> bool:
    """One denies, and the rest is the same but for a word or two."""
    denies = [bool(one.different & NEGATIONS) for one in (pair.first, pair.second)]
    return denies[0] != denies[1] and pair.one_hot >= 0.5


def _counting(pair: _Pair, _: float) -> bool:
    first, second = pair.first, pair.second
    same = bool(first.uncounted) and first.uncounted == second.uncounted
    return same and first.words != second.words


def _without_numbers(words: Sequence[str]) -> list[str]:
    without = (word for word in words if not _DIGITS.fullmatch(word))
    return [word.rstrip("s") for word in without if word not in NUMBERS | ARTICLES]


_KINDS: tuple[tuple[Callable[[_Pair, float], bool], Callable[[_Pair], str]], ...] = (
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
