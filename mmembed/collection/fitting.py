"""Says of hits how well they fit their query, and of a query whether the collection holds it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.search.bank.bank import Bank
from mmembed.search.calibration import BACKGROUND_SIZE
from mmembed.search.likeness import FEWEST, likeness
from mmembed.search.match import JUDGED, match_of_pictures, match_of_words
from mmembed.search.mixing import mixed
from mmembed.search.negations import negates
from mmembed.search.ordering import unit_rows
from mmembed.search.text_fit import TextFit
from mmembed.store.protocol import Store
from mmembed.types import Embedding, Embeddings, Hit, Kind, Match, SearchPage, Term

DIGITS = 4
"""Of `fits`, so that a bound on what clients see is the bound on what is compared."""

Floats = NDArray[np.float64]
NOTHING: Floats = np.empty(0)


@dataclass(frozen=True)
class JudgedQuery:
    """A query, as its hits are judged."""

    terms: Sequence[Term]
    rows: Embeddings
    """Embeddings of the terms, float32 (n, dim), unit-norm."""
    kind: Kind
    filtered: bool
    """Whether only some of the items are searched."""


class Fitting:
    """Judges the hits of queries. Any thread may call it."""

    def __init__(self, store: Store, bank: Callable[[], Bank | None]) -> None:
        """bank: the bank of texts, if it is ready; called only while the model is in memory."""
        self._store = store
        self._bank = bank
        self._made: tuple[Bank, Embeddings, TextFit] | None = None

    def judged(self, page: SearchPage, asked: JudgedQuery, *, first: bool) -> SearchPage:
        """The page with `fits` of its hits, and with `match` if it is the first one; a `yes` of
        its own stays. As it is for captions, without a bank, in too small a collection, and for
        terms that cancel out."""
        if asked.kind != "image" or not page.hits:
            return page
        judge = self._judge(asked)
        ids, stored = self._store.vectors_of([hit.item.id for hit in page.hits])
        if judge is None or not ids:
            return page
        fits, strengths = judge.compare(unit_rows(stored))
        by_id = dict(zip(ids, np.round(fits, DIGITS).tolist(), strict=True))
        hits = tuple(_with_fits(hit, by_id.get(hit.item.id)) for hit in page.hits)
        match = page.match
        if first and match is None:
            match = judge.match(ids[:JUDGED], strengths[:JUDGED])
            if match == "yes" and any(negates(term.text or "") for term in asked.terms):
                match = "unsure"  # the model sees what is negated
        if match == "no" and any(_in_words(hit) for hit in hits[:JUDGED]):
            match = "unsure"  # a caption, tag or name says what the model does not see
        return replace(page, hits=hits, match=match)

    def _judge(self, asked: JudgedQuery) -> Judge | None:
        """By the positive words, else by the positive pictures."""
        sample = self._store.sample("image", BACKGROUND_SIZE)
        captions = self._captions(asked.terms)
        words = _sum(asked, captions, words=True)
        if words is not None:
            fit = self._text_fit(sample)
            pictures = self._store.index_sizes().get("image", 0)
            return _ByWords(words, fit, asked.filtered, pictures) if fit else None
        picture = _sum(asked, captions, words=False)
        if picture is None or len(sample) < FEWEST:
            return None
        own = {term.item for term in asked.terms if term.item is not None}
        return _ByPictures(picture, sample, own)

    def _captions(self, terms: Sequence[Term]) -> set[int]:
        """The items of the query that are captions: words, as they would be typed."""
        items = self._store.items([term.item for term in terms if term.item is not None])
        return {item.id for item in items if item.kind == "caption"}

    def _text_fit(self, sample: Embeddings) -> TextFit | None:
        bank = self._bank()
        if bank is None:
            return None
        made = self._made  # a sample stays the same one until a vector changes
        if made is None or made[0] is not bank or made[1] is not sample:
            before = made[2] if made is not None and made[0] is bank else None
            self._made = made = bank, sample, TextFit(bank, sample, before)
        return made[2]


class Judge(ABC):
    """Judges the hits of one query."""

    @abstractmethod
    def compare(self, pictures: Embeddings) -> tuple[Floats, Floats]:
        """`fits` of pictures, (n,), and the strengths of the first ones, which make the match."""

    @abstractmethod
    def match(self, ids: Sequence[int], strengths: Floats) -> Match | None:
        """ids, strengths: of the first hits."""


@dataclass(frozen=True)
class _ByWords(Judge):
    words: Embedding
    fit: TextFit
    filtered: bool
    """Whether only some of the pictures are searched."""
    pictures: int
    """How many the collection has."""

    def compare(self, pictures: Embeddings) -> tuple[Floats, Floats]:
        fit = self.fit.of(self.words, pictures, strengths=JUDGED)
        return fit.fits, fit.strengths

    def match(self, ids: Sequence[int], strengths: Floats) -> Match | None:
        sample = NOTHING if self.filtered else self.fit.in_sample(self.words)
        return match_of_words(strengths, sample, self.pictures)


@dataclass(frozen=True)
class _ByPictures(Judge):
    picture: Embedding
    sample: Embeddings
    own: Set[int]
    """Items of the query."""

    def compare(self, pictures: Embeddings) -> tuple[Floats, Floats]:
        alike = likeness(self.picture, pictures, self.sample)
        return alike, alike

    def match(self, ids: Sequence[int], strengths: Floats) -> Match | None:
        others = zip(ids, strengths.tolist(), strict=True)
        return match_of_pictures([alike for item_id, alike in others if item_id not in self.own])


def _in_words(hit: Hit) -> bool:
    return any(evidence.by == "words" for evidence in hit.evidence)


def _with_fits(hit: Hit, fits: float | None) -> Hit:
    return hit if fits is None else replace(hit, fits=fits, relevance=fits)


def _sum(asked: JudgedQuery, captions: Set[int], *, words: bool) -> Embedding | None:
    """The direction of the positive terms that are words, or of those that are not. captions: the
    items that are captions."""
    chosen = [
        (row, term.weight)
        for term, row in zip(asked.terms, asked.rows, strict=True)
        if term.weight > 0 and (term.text is not None or term.item in captions) == words
    ]
    return mixed([row for row, _ in chosen], [weight for _, weight in chosen]) if chosen else None
