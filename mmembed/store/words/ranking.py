"""Ranks images by words: from the words of each image, in whatever store they are.

Only the best by the weights of their words are read and ranked by BM25: to rank every match takes
seconds for common words among a million images.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.entries import WordMatches
from mmembed.store.words.bm25 import (
    LEAST_RANKED,
    MOST_ASKED,
    Asked,
    AskedWord,
    Candidate,
    idf,
    looked_at,
    matches_of,
    nothing,
    rank_words,
)
from mmembed.store.words.stems import stemmer
from mmembed.store.words.tokens import asked_words

FEW = 2_000
"""So many images that pass a filter are all candidates; their words are read without the index."""
COMPARED = 5
"""Times more images of a word are compared with a filter than are looked at without one."""

Ids = NDArray[np.int64]


class WordRanking(ABC):
    """Answers WordIndex.match_words by what a store tells of its words."""

    @abstractmethod
    def word_totals(self) -> tuple[int, int, int]:
        """How many images there are, how many words they have, and the largest id."""

    @abstractmethod
    def having_each(self, terms: Sequence[AskedWord], most: int) -> list[Ids]:
        """For each term the first images that have it, up to one more than `most`, by rising
        id."""

    @abstractmethod
    def passing_each(
        self, terms: Sequence[AskedWord], where: Where, most: int, compared: int
    ) -> list[Ids]:
        """For each term the first images that have it and pass, up to one more than `most`, by
        rising id. Of each term the first `compared` images at least are compared."""

    @abstractmethod
    def has_more(self, term: AskedWord, count: int) -> bool:
        """Whether more than `count` images have a term."""

    @abstractmethod
    def some_passing(self, where: Where, most: int) -> Ids:
        """Images that pass, up to one more than `most`."""

    @abstractmethod
    def word_candidates(self, image_ids: Sequence[int]) -> list[Candidate]:
        """The words of images; of those that are there."""

    def match_words(
        self, text: str, count: int, where: Where = EVERYTHING, *, also: Sequence[int] = ()
    ) -> WordMatches:
        """See WordIndex.match_words."""
        items, length, last = self.word_totals()
        asked, having = self._asked(text, items, last)
        if not asked.words:
            return nothing()
        best, all_seen = self._best_passing(asked, having, max(count, LEAST_RANKED), where)
        candidates = self.word_candidates(np.union1d(best, np.array(also, np.int64)).tolist())
        stems = stemmer.stems(_that_may_match(asked, candidates))
        ranked = rank_words(asked, candidates, stems, length / max(items, 1))
        return matches_of(asked, ranked, count, best, also, all_seen=all_seen)

    def _asked(self, text: str, items: int, last_id: int) -> tuple[Asked, list[Ids]]:
        """The words that count, and the first images of each."""
        terms = _distinct(text)
        most = looked_at(len(terms))
        having = self.having_each(terms, most) if terms else []
        if terms and not len(having[-1]):
            terms[-1] = terms[-1]._replace(is_prefix=True)
            having[-1:] = self.having_each(terms[-1:], most)
        weights = [idf(_number_of(ids, most, last_id), items) for ids in having]
        return Asked(tuple(terms), np.array(weights)), having

    def _best_passing(
        self, asked: Asked, having: Sequence[Ids], count: int, where: Where
    ) -> tuple[Ids, bool]:
        """The images to rank, which pass, and whether no other image matches."""
        if not any(map(len, having)):
            return np.empty(0, np.int64), True
        most = looked_at(len(asked.terms))
        all_compared = True
        if where != EVERYTHING:
            few = self.some_passing(where, FEW)
            if len(few) <= FEW:
                return few, True
            compared = COMPARED * most
            all_compared = all(
                len(ids) <= most or not self.has_more(term, compared)
                for term, ids in zip(asked.terms, having, strict=True)
            )
            having = self.passing_each(asked.terms, where, most, compared)
        all_seen = all_compared and all(len(ids) <= most for ids in having)
        ids, places = np.unique(np.concatenate(having), return_inverse=True)
        weights = np.repeat(asked.idf, [len(some) for some in having])
        sums = np.bincount(places.ravel(), weights, len(ids))
        best = ids[np.lexsort((ids, -sums))[:count]]
        return best, all_seen and len(best) == len(ids)


def _distinct(text: str) -> list[AskedWord]:
    """The words of a query that count, one for each stem."""
    words = asked_words(text)[:MOST_ASKED]
    stems = stemmer.stems(words)
    of_form: dict[str, str] = {}
    for word in words:
        of_form.setdefault(stems[word], word)
    return [AskedWord(word, form) for form, word in of_form.items()]


def _that_may_match(asked: Asked, candidates: Sequence[Candidate]) -> set[str]:
    """The words of candidates that may match one of the query: a stem begins as its word does."""
    signs = {term.form[0] for term in asked.terms}
    words = set(" ".join(candidate.words for candidate in candidates).split())
    return {word for word in words if word[0] in signs}


def _number_of(first: Ids, most: int, last_id: int) -> int:
    """How many images have a word, of which these are the first. If there are more than `most`, it
    is an estimate, as if they lay evenly among the ids."""
    if len(first) <= most:
        return len(first)
    return int(len(first) * last_id / first[-1])
