"""Words in memory: every image's words are read for every question."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.matches import matches
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.words.bm25 import AskedWord, Candidate
from mmembed.store.words.ranking import WordRanking
from mmembed.store.words.stems import stemmer
from mmembed.store.words.tokens import words_of_image
from mmembed.types import Item
from tests.contracts.memory_state import Memory

Ids = NDArray[np.int64]


class MemoryWords(Memory, WordRanking):
    """See WordIndex."""

    def word_totals(self) -> tuple[int, int, int]:
        said = self._words_by_image()
        return len(said), sum(map(len, said.values())), max(said, default=0)

    def having_each(self, terms: Sequence[AskedWord], most: int) -> list[Ids]:
        return [self._having(term)[: most + 1] for term in terms]

    def passing_each(
        self, terms: Sequence[AskedWord], where: Where, most: int, compared: int
    ) -> list[Ids]:
        return [self._having(term, where)[: most + 1] for term in terms]

    def has_more(self, term: AskedWord, count: int) -> bool:
        return len(self._having(term)) > count

    def some_passing(self, where: Where, most: int) -> Ids:
        return np.array(sorted(self._words_by_image(where))[: most + 1], np.int64)

    def word_candidates(self, image_ids: Sequence[int]) -> list[Candidate]:
        said = self._words_by_image()
        return [
            Candidate(key, " ".join(said[key]), len(said[key])) for key in image_ids if key in said
        ]

    def _having(self, term: AskedWord, where: Where = EVERYTHING) -> Ids:
        return np.array(
            [
                key
                for key, words in sorted(self._words_by_image(where).items())
                if _has(words, term)
            ],
            np.int64,
        )

    def _words_by_image(self, where: Where = EVERYTHING) -> dict[int, list[str]]:
        """The words of the images that pass, by id."""
        images = [item for item in self._state.images() if matches(where, item)]
        return {item.id: self._words_about(item) for item in images}

    def _words_about(self, item: Item) -> list[str]:
        path = item.path if item.path and not self._is_upload(item.path) else None
        return _words_of_image(item.captions, item.tags, path)

    def _is_upload(self, path: str) -> bool:
        raise NotImplementedError


def _has(words: Sequence[str], term: AskedWord) -> bool:
    forms = _forms(tuple(words))
    if term.is_prefix:
        return any(form.startswith(term.form) for form in forms)
    return term.form in forms


@lru_cache(10_000)
def _words_of_image(
    captions: tuple[str, ...], tags: tuple[str, ...], path: str | None
) -> list[str]:
    return words_of_image(captions, tags, path)


@lru_cache(10_000)
def _forms(words: tuple[str, ...]) -> Collection[str]:
    return frozenset(stemmer.stems(words).values())
