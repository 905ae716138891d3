"""The words of images in SQLite, for their ranking: FTS5 gives the images of each word.

FTS5's own ranking reads every match, which takes seconds for common words among a million images.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import Where
from mmembed.store.sqlite.connections import Connections
from mmembed.store.sqlite.filter_sql import clause_of
from mmembed.store.sqlite.rows import chunks, marks
from mmembed.store.words.bm25 import AskedWord, Candidate
from mmembed.store.words.ranking import WordRanking

OF_TERM_SQL = "SELECT rowid AS id FROM word_index WHERE word_index MATCH ?"
TOTALS_SQL = """
SELECT items, words, coalesce((SELECT max(item_id) FROM item_words), 0) FROM word_totals
"""

Ids = NDArray[np.int64]


class WordReader(Connections, WordRanking):
    """Queries of words; see WordIndex."""

    def word_totals(self) -> tuple[int, int, int]:
        """See WordRanking.word_totals."""
        [(items, length, last)] = self._rows(TOTALS_SQL)
        return int(items), int(length), int(last)

    def having_each(self, terms: Sequence[AskedWord], most: int) -> list[Ids]:
        """See WordRanking.having_each."""
        each = [
            f"SELECT {number}, group_concat(id) FROM ({OF_TERM_SQL} LIMIT {most + 1})"
            for number in range(len(terms))
        ]
        rows = self._rows(" UNION ALL ".join(each), list(map(_query, terms)))
        return [_parsed(text) for _, text in sorted(rows, key=itemgetter(0))]

    def passing_each(
        self, terms: Sequence[AskedWord], where: Where, most: int, compared: int
    ) -> list[Ids]:
        """See WordRanking.passing_each."""
        clause, values = clause_of("image", where)
        sql = (
            f"SELECT items.id FROM ({OF_TERM_SQL} LIMIT {compared}) AS found "
            f"CROSS JOIN items ON items.id = found.id {clause} LIMIT {most + 1}"
        )
        return [self._ids(sql, [_query(term), *values], where) for term in terms]

    def has_more(self, term: AskedWord, count: int) -> bool:
        """See WordRanking.has_more."""
        return bool(self._rows(f"{OF_TERM_SQL} LIMIT 1 OFFSET {count}", [_query(term)]))

    def some_passing(self, where: Where, most: int) -> Ids:
        """See WordRanking.some_passing."""
        clause, values = clause_of("image", where)
        return self._ids(f"SELECT items.id FROM items {clause} LIMIT {most + 1}", values, where)

    def word_candidates(self, image_ids: Sequence[int]) -> list[Candidate]:
        """See WordRanking.word_candidates."""
        found: list[Candidate] = []
        for chunk in chunks(image_ids):
            sql = f"SELECT item_id, words, length FROM item_words WHERE item_id IN ({marks(chunk)})"
            found += [Candidate(*row) for row in self._rows(sql, chunk)]
        return found

    def described(self, image_ids: Sequence[int]) -> tuple[set[int], set[int]]:
        """See Items.described."""
        captioned: set[int] = set()
        tagged: set[int] = set()
        for chunk in chunks(image_ids):
            sql = (
                "SELECT id, caption IS NOT NULL, EXISTS (SELECT 1 FROM tags WHERE item_id = id) "
                f"FROM items WHERE id IN ({marks(chunk)})"
            )
            for item_id, has_caption, has_tag in self._rows(sql, chunk):
                captioned |= {int(item_id)} if has_caption else set()
                tagged |= {int(item_id)} if has_tag else set()
        return captioned, tagged

    def _ids(self, sql: str, values: Sequence[object], where: Where) -> Ids:
        """Ids as one text: a third of the time of a row for each."""
        [(text,)] = self._rows(f"SELECT group_concat(id) FROM ({sql})", values, where=where)
        return _parsed(text)


def _parsed(text: str | None) -> Ids:
    return np.fromstring(text or "", np.int64, sep=",")


def _query(term: AskedWord) -> str:
    """The term for FTS5, which finds the stem itself. Quoted: a word has letters and digits alone,
    and no quotation mark."""
    return f'"{term.word}"*' if term.is_prefix else f'"{term.word}"'
