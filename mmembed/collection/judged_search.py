"""Searches whose hits are judged: pages of a query → `fits`, `match`, and a bound on relevance."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from mmembed.collection.fitting import Fitting, JudgedQuery
from mmembed.collection.folder_model import Binding
from mmembed.collection.search_turns import SearchTurns
from mmembed.collection.searching import Searching
from mmembed.errors import QueryError
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.search.looking_further import first_hits, page_above
from mmembed.search.match import JUDGED
from mmembed.search.paging import read_match, with_match
from mmembed.types import Kind, SearchMode, SearchPage, Strategy, Term


class JudgedSearch:
    """Searches one collection and judges the hits. Methods may be called from any thread."""

    def __init__(
        self, searching: Searching, fitting: Fitting, binding: Binding, turns: SearchTurns
    ) -> None:
        """binding: of the model that embeds the terms. turns: for all but embedding the terms,
        which joins callers into batches."""
        self._searching = searching
        self._fitting = fitting
        self._binding = binding
        self._turns = turns

    def search(
        self,
        terms: Sequence[Term],
        *,
        k: int,
        kind: Kind,
        cursor: str | None,
        where: Where,
        strategy: Strategy,
        mode: SearchMode | None,
        min_relevance: float,
        without: AbstractSet[str],
    ) -> SearchPage:
        """See Collection.search, which calls it. without: contents, by sha256, that are no hits."""
        if not 0 <= min_relevance <= 1:  # also where it is no number
            raise QueryError(
                f"min_relevance {min_relevance}: expected 0 to 1", param="min_relevance"
            )
        with self._binding.unchanged():
            rows = self._searching.embeddings(terms)
            asked = JudgedQuery(terms, rows, kind, filtered=where != EVERYTHING)

            def page_of(count: int, after: str | None) -> SearchPage:
                page = self._searching.page(
                    terms,
                    rows,
                    k=count,
                    kind=kind,
                    cursor=after,
                    where=where,
                    strategy=strategy,
                    mode=mode,
                )
                return self._fitting.judged(page, asked, first=after is None)

            with self._turns.turn():
                cursor, match = read_match(cursor)
                if cursor or kind != "image":
                    page = page_above(min_relevance, page_of, k, cursor, without)
                else:
                    first = page_of(max(k, JUDGED), None)
                    match = first.match
                    page = (
                        page_above(min_relevance, page_of, k, None, without)
                        if min_relevance > 0 or without
                        else first_hits(k, first, page_of)
                    )
                return replace(page, match=match, next_cursor=with_match(page.next_cursor, match))
