"""Ranks images by words: from the words of each image, in one database or in several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.bm25 import (
    LEAST_RANKED,
    MOST_ASKED,
    Asked,
    Candidate,
    idf,
    looked_at,
    matches_of,
    nothing,
    rank_words,
)
from mmembed.store.entries import WordMatches
from mmembed.store.sqlite.stems import stemmer
from mmembed.store.word_tokens import asked_words

FEW = 2_000
"""So many images that pass a filter are all candidates; their words are read without the index."""

Ids = NDArray[np.int64]


class WordRanking(ABC):
    """See WordIndex."""

    @abstractmethod
    def word_totals(self) -> tuple[int, int, int]:
        """How many images there are, how many words they have, and the largest id."""

    @abstractmethod
    def having_each(
        self, forms: Sequence[str], most: int, where: Where = EVERYTHING, *, is_prefix: bool = False
    ) -> list[Ids]:
        """For each stem the first images that have it and pass, up to one more than `most`, by
        rising id. is_prefix: the last stem stands for all that begin so."""

    @abstractmethod
    def compares_all(self, form: str, most: int, *, is_prefix: bool) -> bool:
        """Whether `having_each` with a filter compares every image that has a stem, or one that
        begins so: there are not too many."""

    @abstractmethod
    def few_passing(self, where: Where) -> Ids:
        """Images that pass, up to one more than FEW."""

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
        passing, all_seen = self._passing(asked, having, max(count, LEAST_RANKED), where)
        candidates = self.word_candidates(np.union1d(passing, np.array(also, np.int64)).tolist())
        stems = stemmer.stems({word for one in candidates for word in one.words.split()})
        ranked = rank_words(asked, candidates, stems, length / max(items, 1))
        return matches_of(asked, ranked, count, passing, also, all_seen=all_seen)

    def _asked(self, text: str, items: int, last_id: int) -> tuple[Asked, list[Ids]]:
        """The words that count, and the first images of each."""
        of_form: dict[str, str] = {}
        words = asked_words(text)[:MOST_ASKED]
        stems = stemmer.stems(words)
        for word in words:
            of_form.setdefault(stems[word], word)
        most = looked_at(len(of_form))
        having = self.having_each(list(of_form), most)
        is_prefix = bool(having) and not len(having[-1])
        if is_prefix:
            having[-1:] = self.having_each([next(reversed(of_form))], most, is_prefix=True)
        weights = [idf(_number_of(ids, most, last_id), items) for ids in having]
        return (
            Asked(tuple(of_form.values()), tuple(of_form), is_prefix, np.array(weights)),
            having,
        )

    def _passing(
        self, asked: Asked, having: Sequence[Ids], count: int, where: Where
    ) -> tuple[Ids, bool]:
        """The images to rank, which pass, and whether no other image matches."""
        most = looked_at(len(asked.words))
        all_compared = True
        if where != EVERYTHING:
            few = self.few_passing(where)
            if len(few) <= FEW:
                return few, True
            last = len(asked.forms) - 1
            all_compared = all(
                len(ids) <= most
                or self.compares_all(form, most, is_prefix=asked.is_prefix and place == last)
                for place, (form, ids) in enumerate(zip(asked.forms, having, strict=True))
            )
            having = self.having_each(asked.forms, most, where, is_prefix=asked.is_prefix)
        all_seen = all_compared and all(len(ids) <= most for ids in having)
        ids, places = np.unique(np.concatenate(having), return_inverse=True)
        weights = np.repeat(asked.idf, [len(some) for some in having])
        sums = np.bincount(places.ravel(), weights, len(ids))
        best = ids[np.lexsort((ids, -sums))[:count]]
        return best, all_seen and len(best) == len(ids)


def _number_of(first: Ids, most: int, last_id: int) -> int:
    """How many images have a word, of which these are the first. If there are more than `most`, it
    is an estimate, as if they lay evenly among the ids."""
    if len(first) <= most:
        return len(first)
    return int(len(first) * last_id / first[-1])
