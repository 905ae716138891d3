"""Words in memory: every image's words are read for every query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmembed.filters.matches import matches
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.bm25 import (
    MOST_ASKED,
    Asked,
    Candidate,
    idf,
    matches_of,
    nothing,
    rank_words,
)
from mmembed.store.entries import WordMatches
from mmembed.store.sqlite.stems import stemmer
from mmembed.store.word_tokens import asked_words, words_of_image
from mmembed.types import Item
from tests.contracts.memory_state import Memory


class MemoryWords(Memory):
    """See WordIndex."""

    def match_words(
        self, text: str, count: int, where: Where = EVERYTHING, *, also: Sequence[int] = ()
    ) -> WordMatches:
        images = {item.id: item for item in self._state.images()}
        said = {item.id: self._words_about(item) for item in images.values()}
        stems = stemmer.stems({word for words in said.values() for word in words})
        asked = _asked(text, [{stems[word] for word in words} for words in said.values()])
        if not asked.words:
            return nothing()
        candidates = [Candidate(key, " ".join(words), len(words)) for key, words in said.items()]
        mean = sum(map(len, said.values())) / max(len(said), 1)
        ranked = rank_words(asked, candidates, stems, mean)
        passing = [item.id for item in images.values() if matches(where, item)]
        return matches_of(asked, ranked, count, np.array(passing), also, all_seen=True)

    def _words_about(self, item: Item) -> list[str]:
        path = item.path if item.path and not self._is_upload(item.path) else None
        return words_of_image(item.captions, item.tags, path)

    def _is_upload(self, path: str) -> bool:
        raise NotImplementedError


def _asked(text: str, forms_of_images: Sequence[set[str]]) -> Asked:
    words = asked_words(text)[:MOST_ASKED]
    of_form: dict[str, str] = {}
    for word in words:
        of_form.setdefault(stemmer.stems([word])[word], word)
    having = [sum(form in forms for forms in forms_of_images) for form in of_form]
    is_prefix = bool(having) and not having[-1]
    if is_prefix:
        last = list(of_form)[-1]
        having[-1] = sum(any(f.startswith(last) for f in forms) for forms in forms_of_images)
    weights = np.array([idf(number, len(forms_of_images)) for number in having])
    return Asked(tuple(of_form.values()), tuple(of_form), is_prefix, weights)
