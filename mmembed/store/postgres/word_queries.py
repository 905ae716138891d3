"""The words of images in one database, for their ranking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.postgres.filter_sql import clause_of
from mmembed.store.postgres.statements import Statements
from mmembed.store.words.bm25 import AskedWord, Candidate
from mmembed.store.words.ranking import WordRanking

TOTALS_SQL = """
SELECT items, words, coalesce((SELECT max(item_id) FROM item_words), 0) FROM word_totals
"""
OF_FORM_SQL = "SELECT item_id AS id FROM word_forms WHERE form = %s ORDER BY item_id"
OF_PREFIX_SQL = """
SELECT DISTINCT item_id AS id FROM word_forms WHERE form >= %s AND form < %s ORDER BY item_id
"""

Ids = NDArray[np.int64]


class StoredWords(Statements, WordRanking):
    """Queries of words; see WordIndex."""

    def word_totals(self) -> tuple[int, int, int]:
        """See WordRanking.word_totals."""
        [(items, length, last)] = self._rows(TOTALS_SQL)
        return int(items), int(length), int(last)

    def having_each(self, terms: Sequence[AskedWord], most: int) -> list[Ids]:
        """See WordRanking.having_each."""
        return [
            self._ids(f"{found} LIMIT {most + 1}", values) for found, values in map(_of_term, terms)
        ]

    def passing_each(
        self, terms: Sequence[AskedWord], where: Where, most: int, compared: int
    ) -> list[Ids]:
        """See WordRanking.passing_each."""
        clause, more = clause_of("image", where)
        return [
            self._ids(
                f"SELECT items.id FROM ({found} LIMIT {compared}) AS found "
                f"JOIN items ON items.id = found.id {clause} ORDER BY items.id LIMIT {most + 1}",
                [*values, *more],
                where,
            )
            for found, values in map(_of_term, terms)
        ]

    def has_more(self, term: AskedWord, count: int) -> bool:
        """See WordRanking.has_more."""
        found, values = _of_term(term)
        return bool(self._rows(f"{found} LIMIT 1 OFFSET {count}", values))

    def some_passing(self, where: Where, most: int) -> Ids:
        """See WordRanking.some_passing."""
        clause, values = clause_of("image", where)
        return self._ids(f"SELECT items.id FROM items {clause} LIMIT {most + 1}", values, where)

    def word_candidates(self, image_ids: Sequence[int]) -> list[Candidate]:
        """See WordRanking.word_candidates."""
        if not image_ids:
            return []
        sql = "SELECT item_id, words, length FROM item_words WHERE item_id = ANY(%s)"
        return [Candidate(*row) for row in self._rows(sql, (list(image_ids),))]

    def _ids(self, sql: str, values: Sequence[object], where: Where = EVERYTHING) -> Ids:
        rows = self._rows(sql, values, where=where)
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))


def _of_term(term: AskedWord) -> tuple[str, list[str]]:
    """The statement for the images that have a term, and its values."""
    if term.is_prefix:
        return OF_PREFIX_SQL, [term.form, _after(term.form)]
    return OF_FORM_SQL, [term.form]


def _after(prefix: str) -> str:
    """The first text after all that begin with a prefix; no word ends with the last character."""
    return prefix + chr(0x10FFFF)
