"""Ranks images of all shards by words, with the counts of all: as one database does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.bm25 import Candidate
from mmembed.store.postgres.word_ranking import FEW, WordRanking
from mmembed.store.shards.asked_shards import AskedShards

Ids = NDArray[np.int64]


class ShardedWords(AskedShards, WordRanking):
    """See WordIndex."""

    def word_totals(self) -> tuple[int, int, int]:
        """See WordRanking.word_totals."""
        items, words, last = zip(*self._ask(lambda shard: shard.word_totals()), strict=True)
        return sum(items), sum(words), max(last)

    def having_each(
        self, forms: Sequence[str], most: int, where: Where = EVERYTHING, *, is_prefix: bool = False
    ) -> list[Ids]:
        """See WordRanking.having_each."""
        parts = self._ask(lambda shard: shard.having_each(forms, most, where, is_prefix=is_prefix))
        return [_first(ids, most) for ids in zip(*parts, strict=True)]

    def compares_all(self, form: str, most: int, *, is_prefix: bool) -> bool:
        """See WordRanking.compares_all."""
        return all(self._ask(lambda shard: shard.compares_all(form, most, is_prefix=is_prefix)))

    def few_passing(self, where: Where) -> Ids:
        """See WordRanking.few_passing."""
        return _first(self._ask(lambda shard: shard.few_passing(where)), FEW)

    def word_candidates(self, image_ids: Sequence[int]) -> list[Candidate]:
        """See WordRanking.word_candidates."""
        parts = self._ask(lambda shard: shard.word_candidates(image_ids))
        return list({one.item_id: one for one in chain.from_iterable(parts)}.values())


def _first(parts: Sequence[Ids], most: int) -> Ids:
    """The first ids of all, up to one more than `most`."""
    ids: Ids = np.unique(np.concatenate(parts))[: most + 1]
    return ids
