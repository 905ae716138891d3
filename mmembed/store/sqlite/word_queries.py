"""Finds images by words: FTS5 gives the images of each word, `bm25` ranks the best of them.

FTS5's own ranking reads every match, which takes seconds for common words among a million images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter

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
from mmembed.store.sqlite.connections import Connections
from mmembed.store.sqlite.filter_sql import clause_of
from mmembed.store.sqlite.rows import chunks, marks
from mmembed.store.sqlite.stems import stemmer
from mmembed.store.word_tokens import asked_words

FEW = 2_000
"""So many images that pass a filter are all candidates; their words are read without the index."""
SCANNED = 5
"""Times more images of a word are compared with a filter than are looked at without one."""
OF_WORD_SQL = "SELECT rowid AS id FROM word_index WHERE word_index MATCH ?"
TOTALS_SQL = """
SELECT items, words, coalesce((SELECT max(item_id) FROM item_words), 0) FROM word_totals
"""

Ids = NDArray[np.int64]


class WordReader(Connections):
    """Queries of words."""

    def match_words(
        self, text: str, count: int, where: Where = EVERYTHING, *, also: Sequence[int] = ()
    ) -> WordMatches:
        """See WordIndex.match_words."""
        [(items, length, last)] = self._rows(TOTALS_SQL)
        asked, having = self._asked(text, int(items), int(last))
        if not asked.words:
            return nothing()
        if not len(also) and not any(map(len, having)):
            return replace(nothing(), attainable=float(asked.idf.sum()))
        passing, all_seen = self._passing(asked, having, max(count, LEAST_RANKED), where)
        candidates = self._candidates(np.union1d(passing, np.array(also, np.int64)).tolist())
        stems = stemmer.stems(_that_may_match(asked, candidates))
        ranked = rank_words(asked, candidates, stems, length / max(items, 1))
        return matches_of(asked, ranked, count, passing, also, all_seen=all_seen)

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

    def _asked(self, text: str, items: int, last_id: int) -> tuple[Asked, list[Ids]]:
        """The words that count, and the first images of each."""
        of_form: dict[str, str] = {}
        words = asked_words(text)[:MOST_ASKED]
        stems = stemmer.stems(words)
        for word in words:
            of_form.setdefault(stems[word], word)
        most = looked_at(len(of_form))
        having = self._having_each(list(map(_query, of_form.values())), most)
        is_prefix = bool(having) and not len(having[-1])
        if is_prefix:
            last = next(reversed(of_form.values()))
            having[-1:] = self._having_each([f"{_query(last)}*"], most)
        weights = [idf(_number_of(ids, most, last_id), items) for ids in having]
        return (
            Asked(tuple(of_form.values()), tuple(of_form), is_prefix, np.array(weights)),
            having,
        )

    def _having_each(self, queries: Sequence[str], most: int) -> list[Ids]:
        """For each word the first images that have it, up to one more than `most`."""
        if not queries:
            return []
        each = [
            f"SELECT {number}, group_concat(id) FROM ({OF_WORD_SQL} LIMIT {most + 1})"
            for number in range(len(queries))
        ]
        rows = self._rows(" UNION ALL ".join(each), queries)
        return [_parsed(text) for _, text in sorted(rows, key=itemgetter(0))]

    def _having(self, query: str, most: int, where: Where) -> Ids:
        """The first images that have a word and pass, up to one more than `most`."""
        clause, values = clause_of("image", where)
        sql = (
            f"SELECT items.id FROM ({OF_WORD_SQL} LIMIT {SCANNED * most}) AS found "
            f"CROSS JOIN items ON items.id = found.id {clause} LIMIT {most + 1}"
        )
        return self._ids(sql, [query, *values], where)

    def _has_at_most(self, query: str, count: int) -> bool:
        """Whether no more than `count` images have a word."""
        found = self._rows(f"{OF_WORD_SQL} LIMIT 1 OFFSET {count}", [query])
        return not found

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
            queries = _queries(asked)
            all_compared = all(
                len(ids) <= most or self._has_at_most(query, SCANNED * most)
                for query, ids in zip(queries, having, strict=True)
            )
            having = [self._having(query, most, where) for query in queries]
        all_seen = all_compared and all(len(ids) <= most for ids in having)
        ids, places = np.unique(np.concatenate(having), return_inverse=True)
        weights = np.repeat(asked.idf, [len(some) for some in having])
        sums = np.bincount(places.ravel(), weights, len(ids))
        best = ids[np.lexsort((ids, -sums))[:count]]
        return best, all_seen and len(best) == len(ids)

    def _candidates(self, image_ids: Sequence[int]) -> list[Candidate]:
        found: list[Candidate] = []
        for chunk in chunks(image_ids):
            sql = f"SELECT item_id, words, length FROM item_words WHERE item_id IN ({marks(chunk)})"
            found += [Candidate(*row) for row in self._rows(sql, chunk)]
        return found

    def _ids(self, sql: str, values: Sequence[object], where: Where) -> Ids:
        """Ids as one text: a third of the time of a row for each."""
        [(text,)] = self._rows(f"SELECT group_concat(id) FROM ({sql})", values, where=where)
        return _parsed(text)


def _parsed(text: str | None) -> Ids:
    return np.fromstring(text or "", np.int64, sep=",")


def _that_may_match(asked: Asked, candidates: Sequence[Candidate]) -> set[str]:
    """The words of candidates that may match one of the query: a stem begins as its word does."""
    signs = {form[0] for form in asked.forms}
    words = set(" ".join(candidate.words for candidate in candidates).split())
    return {word for word in words if word[0] in signs}


def _number_of(first: Ids, most: int, last_id: int) -> int:
    """How many images have a word, of which these are the first: an estimate if there are more
    than `most`, as if they lay evenly among the ids."""
    if len(first) <= most:
        return len(first)
    return int(len(first) * last_id / first[-1])


def _query(word: str) -> str:
    """The word for FTS5, quoted: it has letters and digits alone, and no quotation mark."""
    return f'"{word}"'


def _queries(asked: Asked) -> list[str]:
    queries = [_query(word) for word in asked.words]
    if asked.is_prefix:
        queries[-1] += "*"
    return queries
