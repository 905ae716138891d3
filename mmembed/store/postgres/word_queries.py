"""The words of images in one database, for their ranking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.bm25 import Candidate
from mmembed.store.postgres.filter_sql import clause_of
from mmembed.store.postgres.statements import Statements
from mmembed.store.postgres.word_ranking import FEW, WordRanking

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


class StoredWords(Statements, WordRanking):
    """Queries of words; see WordIndex."""

    def word_totals(self) -> tuple[int, int, int]:
        """See WordRanking.word_totals."""
        [(items, length, last)] = self._rows(TOTALS_SQL)
        return int(items), int(length), int(last)

    def having_each(
        self, forms: Sequence[str], most: int, where: Where = EVERYTHING, *, is_prefix: bool = False
    ) -> list[Ids]:
        """See WordRanking.having_each."""
        last = len(forms) - 1
        return [
            self._having(form, most, where, is_prefix=is_prefix and place == last)
            for place, form in enumerate(forms)
        ]

    def _having(self, form: str, most: int, where: Where, *, is_prefix: bool) -> Ids:
        found, values = _of_form(form, is_prefix=is_prefix)
        if where == EVERYTHING:
            return self._ids(f"{found} LIMIT {most + 1}", values)
        clause, more = clause_of("image", where)
        sql = (
            f"SELECT items.id FROM ({found} LIMIT {SCANNED * most}) AS found "
            f"JOIN items ON items.id = found.id {clause} ORDER BY items.id LIMIT {most + 1}"
        )
        return self._ids(sql, [*values, *more], where)

    def compares_all(self, form: str, most: int, *, is_prefix: bool) -> bool:
        """See WordRanking.compares_all."""
        found, values = _of_form(form, is_prefix=is_prefix)
        return not self._rows(f"{found} LIMIT 1 OFFSET {SCANNED * most}", values)

    def few_passing(self, where: Where) -> Ids:
        """See WordRanking.few_passing."""
        clause, values = clause_of("image", where)
        return self._ids(f"SELECT items.id FROM items {clause} LIMIT {FEW + 1}", values, where)

    def word_candidates(self, image_ids: Sequence[int]) -> list[Candidate]:
        """See WordRanking.word_candidates."""
        sql = "SELECT item_id, words, length FROM item_words WHERE item_id = ANY(%s)"
        return [Candidate(*row) for row in self._rows(sql, (list(image_ids),))]

    def _ids(self, sql: str, values: Sequence[object], where: Where = EVERYTHING) -> Ids:
        rows = self._rows(sql, values, where=where)
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))


def _of_form(form: str, *, is_prefix: bool) -> tuple[str, list[str]]:
    """The statement for the images that have a word, and its values."""
    return (OF_PREFIX_SQL, [form, _after(form)]) if is_prefix else (OF_FORM_SQL, [form])


def _after(prefix: str) -> str:
    """The first text after all that begin with a prefix; no word ends with the last character."""
    return prefix + chr(0x10FFFF)
