"""Finds images by words: a table gives the images of each word, `bm25` ranks the best of them."""

from __future__ import annotations

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
from mmembed.store.postgres.filter_sql import clause_of
from mmembed.store.postgres.statements import Statements
from mmembed.store.sqlite.stems import stemmer
from mmembed.store.word_tokens import asked_words

FEW = 2_000
"""So many images that pass a filter are all candidates; their words are read without the index."""
SCANNED = 5
"""Times more images of a word are compared with a filter than are looked at without one."""
TOTALS_SQL = """
SELECT items, words, coalesce((SELECT max(item_id) FROM item_words), 0) FROM word_totals
"""
OF_FORM_SQL = "SELECT item_id AS id FROM word_forms WHERE form = %s ORDER BY item_id"
OF_PREFIX_SQL = """
SELECT DISTINCT item_id AS id FROM word_forms WHERE form >= %s AND form < %s ORDER BY item_id
"""

Ids = NDArray[np.int64]


class StoredWords(Statements):
    """Queries of words; see WordIndex."""

    def match_words(
        self, text: str, count: int, where: Where = EVERYTHING, *, also: Sequence[int] = ()
    ) -> WordMatches:
        """See WordIndex.match_words."""
        [(items, length, last)] = self._rows(TOTALS_SQL)
        asked, having = self._asked(text, int(items), int(last))
        if not asked.words:
            return nothing()
        passing, all_seen = self._passing(asked, having, max(count, LEAST_RANKED), where)
        candidates = self._candidates(np.union1d(passing, np.array(also, np.int64)).tolist())
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
        having = [self._having(form, most) for form in of_form]
        is_prefix = bool(having) and not len(having[-1])
        if is_prefix:
            having[-1] = self._having(next(reversed(of_form)), most, is_prefix=True)
        weights = [idf(_number_of(ids, most, last_id), items) for ids in having]
        return (
            Asked(tuple(of_form.values()), tuple(of_form), is_prefix, np.array(weights)),
            having,
        )

    def _having(
        self, form: str, most: int, where: Where = EVERYTHING, *, is_prefix: bool = False
    ) -> Ids:
        """The first images that have a word, or one that begins so, up to one more than `most`."""
        found, values = _of_form(form, is_prefix=is_prefix)
        if where == EVERYTHING:
            return self._ids(f"{found} LIMIT {most + 1}", values)
        clause, more = clause_of("image", where)
        sql = (
            f"SELECT items.id FROM ({found} LIMIT {SCANNED * most}) AS found "
            f"JOIN items ON items.id = found.id {clause} ORDER BY items.id LIMIT {most + 1}"
        )
        return self._ids(sql, [*values, *more], where)

    def _has_at_most(self, form: str, count: int, *, is_prefix: bool) -> bool:
        """Whether no more than `count` images have a word, or one that begins so."""
        found, values = _of_form(form, is_prefix=is_prefix)
        return not self._rows(f"{found} LIMIT 1 OFFSET {count}", values)

    def _passing(
        self, asked: Asked, having: Sequence[Ids], count: int, where: Where
    ) -> tuple[Ids, bool]:
        """The images to rank, which pass, and whether no other image matches."""
        most = looked_at(len(asked.words))
        all_compared = True
        if where != EVERYTHING:
            clause, values = clause_of("image", where)
            few = self._ids(f"SELECT items.id FROM items {clause} LIMIT {FEW + 1}", values, where)
            if len(few) <= FEW:
                return few, True
            last = len(asked.forms) - 1
            forms = [
                (form, asked.is_prefix and place == last) for place, form in enumerate(asked.forms)
            ]
            all_compared = all(
                len(ids) <= most or self._has_at_most(form, SCANNED * most, is_prefix=is_prefix)
                for (form, is_prefix), ids in zip(forms, having, strict=True)
            )
            having = [
                self._having(form, most, where, is_prefix=is_prefix) for form, is_prefix in forms
            ]
        all_seen = all_compared and all(len(ids) <= most for ids in having)
        ids, places = np.unique(np.concatenate(having), return_inverse=True)
        weights = np.repeat(asked.idf, [len(some) for some in having])
        sums = np.bincount(places.ravel(), weights, len(ids))
        best = ids[np.lexsort((ids, -sums))[:count]]
        return best, all_seen and len(best) == len(ids)

    def _candidates(self, image_ids: Sequence[int]) -> list[Candidate]:
        sql = "SELECT item_id, words, length FROM item_words WHERE item_id = ANY(%s)"
        return [Candidate(*row) for row in self._rows(sql, (list(image_ids),))]

    def _ids(self, sql: str, values: Sequence[object], where: Where = EVERYTHING) -> Ids:
        rows = self._rows(sql, values, where=where)
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))


def _of_form(form: str, *, is_prefix: bool) -> tuple[str, list[str]]:
    """The statement for the images that have a word, and its values."""
    return (OF_PREFIX_SQL, [form, _after(form)]) if is_prefix else (OF_FORM_SQL, [form])


def _number_of(first: Ids, most: int, last_id: int) -> int:
    """How many images have a word, of which these are the first. If there are more than `most`, it
    is an estimate, as if they lay evenly among the ids."""
    if len(first) <= most:
        return len(first)
    return int(len(first) * last_id / first[-1])


def _after(prefix: str) -> str:
    """The first text after all that begin with a prefix; no word ends with the last character."""
    return prefix + chr(0x10FFFF)
