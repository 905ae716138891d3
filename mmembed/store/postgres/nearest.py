"""The nearest vectors to a query: by a scan of all, or by an HNSW graph, scored by our own rule.

PostgreSQL finds candidates; their cosines are computed here from the stored vectors, as in every
store. So the order of equal cosines, and of pages, does not depend on pgvector's rounding.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.filter_conditions import Condition
from mmembed.store.postgres.halfvec import Half
from mmembed.store.postgres.rows import EMBEDDING, halves
from mmembed.store.postgres.searched import SPACE_SQL, PassingItems, Searched
from mmembed.store.postgres.statements import Statements
from mmembed.store.vectors.rescoring import Ids, Rows, continued, rank, unit
from mmembed.types import Kind, Ranked

LEVELS = ((50, 64), (200, 256))
"""Results that come from a graph, and the candidates that these are chosen from; results further
down are scanned for. The numbers do not depend on how many results are wanted: nor must their
order. Of further candidates, the rows are read for nothing."""
LARGEST_STEP = 1_000
"""Vectors that pgvector visits at a time; its iterative scan goes on where more are wanted."""
MARGIN = 32
"""Candidates of a scan beyond the wanted ones."""
GROWTH = 4
"""Factor for their number where the last ones may be out of order."""
FLOAT_ERROR = 2e-5
"""By how much pgvector's cosine of two vectors may be wrong."""
MOST_SCANNED = 20_000
"""If up to so many items pass a filter, their vectors are scanned, though exact_limit be larger; of
more, a graph is searched."""
TENTH = 10
"""The result that tells how a query lies."""
WIDTH_S, MOST_WIDTHS = 60.0, 200
"""Seconds for which it is remembered whether many items pass a filter, and for how many filters:
no answer depends on it, only how it is found."""


class NearestVectors(Statements):
    """Ranks vectors."""

    exact_limit: int
    """Up to so many vectors of a kind are scanned."""

    def __init__(self) -> None:
        self._widths: dict[tuple[Where, str], tuple[bool, float]] = {}

    def searched(self, kind: Kind) -> Searched | None:
        """The vectors of a kind; None if there are none."""
        rows = self._rows(SPACE_SQL, (kind, kind))
        if not rows or not rows[0][2]:
            return None
        return Searched(kind, *rows[0])

    def nearest(
        self, searched: Searched, query: NDArray[np.float32], count: int, among: PassingItems | None
    ) -> Ranked:
        """The `count` nearest to a unit-norm float32 (dim,) query, or among those that pass."""
        head = None
        if searched.expansion and searched.vectors > self.exact_limit and self._is_wide(among):
            head = self.by_graph(searched, query, count, among)
        if head is None:
            return self.scanned(searched, query, count, among)
        if count <= len(head.ids):
            return Ranked(head.ids[:count], head.scores[:count], complete=False)
        tail = self.scanned(searched, query, count + len(head.ids), among, many=True)
        joined = continued(head, tail, count, searched.vectors)
        most = len(head.ids) + len(tail.ids)
        return Ranked(joined.ids, joined.scores, complete=tail.complete and most <= 2 * count)

    def _is_wide(self, among: PassingItems | None) -> bool:
        """Whether so many items pass that their vectors should not be scanned. Items are counted:
        to find the vectors of so many takes several times as long."""
        if among is None:
            return True
        filtered = among.where, among.owners
        known = self._widths.get(filtered)
        if known is None or time.monotonic() > known[1] + WIDTH_S:
            known = self._counts_many(among), time.monotonic()
            some = self._widths if len(self._widths) < MOST_WIDTHS else {}
            self._widths = {**some, filtered: known}
        return known[0]

    def _counts_many(self, among: PassingItems) -> bool:
        most = min(MOST_SCANNED, self.exact_limit)
        sql = f"SELECT count(*) FROM (SELECT FROM {among.owners} LIMIT {most + 1}) AS first"
        return self._number(sql, among.values, where=among.where) > most

    def by_graph(
        self, searched: Searched, query: NDArray[np.float32], count: int, among: PassingItems | None
    ) -> Ranked | None:
        """The first results, at least `count` of them if there are so many; None if the graph has
        not found enough for the first level."""
        found: Ranked | None = None
        # The same for all levels, as their order must not depend on how many results are wanted.
        expansion = searched.easier
        for results, pool in LEVELS:
            head = self.head(searched, query, expansion, among, results, pool)
            is_hard = found is None and head is not None and not _is_easy(head, searched)
            if is_hard and expansion < searched.expansion:
                expansion = searched.expansion
                head = self.head(searched, query, expansion, among, results, pool)
            if head is None:
                break
            found = head if found is None else continued(found, head, results, searched.vectors)
            if count <= len(found.ids):
                break
        return found

    def head(
        self,
        searched: Searched,
        query: NDArray[np.float32],
        expansion: int,
        among: PassingItems | None = None,
        results: int = LEVELS[0][0],
        pool: int = LEVELS[0][1],
    ) -> Ranked | None:
        """The first results by the graph, from so many candidates; None if it has not found enough
        of them."""
        passes, values = "", list(among.values if among else ())
        if among is not None:
            # A subquery that PostgreSQL cannot turn into a join, which would leave the graph aside.
            passes = (
                f"AND (SELECT TRUE FROM {among.items} AND of_content.vector_id = vectors.id "
                "LIMIT 1)"
            )
        visited = max(pool, int(expansion))
        # One step of pgvector gives its results in order; filtered ones come from several.
        is_ordered = among is None and visited <= LARGEST_STEP
        half = _half(query)
        near = (
            f"SELECT id, embedding <=> %s AS distance FROM vectors "
            f"WHERE {searched.condition} {passes} "
            f"ORDER BY {searched.typed} <=> %s LIMIT {pool if is_ordered else visited}"
        )
        with self._reading(among.where if among else EVERYTHING) as session:
            session.run(f"SET LOCAL hnsw.ef_search = {min(visited, LARGEST_STEP)}")
            rows = session.rows(_with_vectors(near, pool), (half, *values, half))
        if len(rows) < min(pool, searched.vectors):
            return None
        ids, found = _read(rows)
        ranked = _ranked(ids, found, query, results)
        return Ranked(ranked.ids, ranked.scores, complete=False)

    def scanned(
        self,
        searched: Searched,
        query: NDArray[np.float32],
        count: int,
        among: PassingItems | None = None,
        *,
        many: bool = False,
    ) -> Ranked:
        """The nearest by a look at every vector. many: so many pass that their ids make no array.

        Candidates are taken until every other vector is further away than the last wanted one,
        however pgvector rounds.
        """
        passes, values = _only(among, many)
        half = _half(query)
        near = (
            "SELECT id, embedding <=> %s AS distance FROM vectors "
            f"WHERE {searched.condition} {passes} ORDER BY distance, id LIMIT %s"
        )
        sql = _with_vectors(near)
        error = _rounding(query) + FLOAT_ERROR
        most = count + MARGIN
        while True:
            with self._reading(among.where if among else EVERYTHING) as session:
                rows = session.rows(sql, (half, *values, most))
            ids, found = _read(rows)
            ranked = _ranked(ids, found, query, len(ids))
            if len(rows) < most:
                complete = len(ids) <= count
                return Ranked(ranked.ids[:count], ranked.scores[:count], complete)
            furthest = 1 - float(rows[-1][2]) + error
            if int((ranked.scores > furthest).sum()) >= count:
                return Ranked(ranked.ids[:count], ranked.scores[:count], complete=False)
            most *= GROWTH


def _is_easy(head: Ranked, searched: Searched) -> bool:
    return len(head.scores) >= TENTH and bool(head.scores[TENTH - 1] >= searched.likeness)


def _only(among: PassingItems | None, many: bool) -> Condition:
    """SQL for «and it passes». Of an array the index looks up one id after the other, in their
    order, which takes half as long as a join."""
    if among is None:
        return "", []
    sql, values = among.ids
    return f"AND id {f'IN ({sql})' if many else f'= ANY(ARRAY({sql}))'}", values


def _with_vectors(near: str, count: int | None = None) -> str:
    """SQL for the nearest of these ids and distances, in order, with their vectors: of the others,
    no vector is made ready to be sent."""
    limit = "" if count is None else f"LIMIT {count}"
    # Materialized: an iterated scan gives its results in no strict order.
    return (
        f"WITH near AS MATERIALIZED ({near}), first AS MATERIALIZED (SELECT * FROM near "
        f"ORDER BY distance, id {limit}) SELECT id, {EMBEDDING.format('embedding')}, distance "
        "FROM first JOIN vectors USING (id) ORDER BY distance, id"
    )


def _half(query: NDArray[np.float32]) -> Half:
    return Half(query.astype(np.float16))


def _rounding(query: NDArray[np.float32]) -> float:
    """How far the query lies from what PostgreSQL is asked: cosines differ by no more."""
    half = query.astype(np.float16).astype(np.float64)
    return float(np.linalg.norm(query - half / np.linalg.norm(half)))


def _read(rows: Sequence[Sequence[Any]]) -> tuple[Ids, Rows]:
    ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    return ids, unit(halves([row[1] for row in rows]))


def _ranked(ids: Ids, rows: Rows, query: NDArray[np.float32], count: int) -> Ranked:
    places = {int(vector_id): place for place, vector_id in enumerate(ids)}

    def rows_of(some: Ids) -> Rows:
        return rows[[places[int(vector_id)] for vector_id in some]]

    return rank(ids, rows_of, query, count, size=len(ids))
