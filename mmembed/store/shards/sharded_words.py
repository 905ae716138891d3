"""Ranks images of all shards by words, with the counts of all: as one database does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import Where
from mmembed.store.shards.asked_shards import AskedShards
from mmembed.store.words.bm25 import AskedWord, Candidate
from mmembed.store.words.ranking import WordRanking

Ids = NDArray[np.int64]


class ShardedWords(AskedShards, WordRanking):
    """See WordIndex."""

    def word_totals(self) -> tuple[int, int, int]:
        """See WordRanking.word_totals."""
        items, words, last = zip(*self._ask(lambda shard: shard.word_totals()), strict=True)
        return sum(items), sum(words), max(last)

    def having_each(self, terms: Sequence[AskedWord], most: int) -> list[Ids]:
        """See WordRanking.having_each."""
        parts = self._ask(lambda shard: shard.having_each(terms, most))
        return [_first(ids, most) for ids in zip(*parts, strict=True)]

    def passing_each(
        self, terms: Sequence[AskedWord], where: Where, most: int, compared: int
    ) -> list[Ids]:
        """See WordRanking.passing_each."""
        parts = self._ask(lambda shard: shard.passing_each(terms, where, most, compared))
        return [_first(ids, most) for ids in zip(*parts, strict=True)]

    def has_more(self, term: AskedWord, count: int) -> bool:
        """See WordRanking.has_more; of one shard, which compares so many."""
        return any(self._ask(lambda shard: shard.has_more(term, count)))

    def some_passing(self, where: Where, most: int) -> Ids:
        """See WordRanking.some_passing."""
        return _first(self._ask(lambda shard: shard.some_passing(where, most)), most)

    def word_candidates(self, image_ids: Sequence[int]) -> list[Candidate]:
        """See WordRanking.word_candidates."""
        parts = self._ask(lambda shard: shard.word_candidates(image_ids))
        return list({one.item_id: one for one in chain.from_iterable(parts)}.values())


def _first(parts: Sequence[Ids], most: int) -> Ids:
    """The first ids of all, up to one more than `most`."""
    ids: Ids = np.unique(np.concatenate(parts))[: most + 1]
    return ids
