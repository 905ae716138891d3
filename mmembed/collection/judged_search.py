"""Searches whose hits are judged: pages of a query → `fits`, `match`, and a bound on relevance."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from mmembed.collection.fitting import Fitting, JudgedQuery
from mmembed.collection.folder_model import Binding
from mmembed.collection.search_turns import SearchTurns
from mmembed.collection.searching import Searching
from mmembed.errors import QueryError
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.search.looking_further import PageOf, first_hits, page_above
from mmembed.search.match import JUDGED
from mmembed.search.paging import read_match, with_match
from mmembed.types import Kind, SearchMode, SearchPage, Strategy, Term


@dataclass(frozen=True)
class AskedSearch:
    """A search but for its page; see Collection.search."""

    terms: Sequence[Term]
    kind: Kind
    where: Where
    strategy: Strategy
    mode: SearchMode | None
    min_relevance: float
    without: AbstractSet[str]
    """Contents, by sha256, that are no hits."""


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

    def page(self, asked: AskedSearch, k: int, cursor: str | None) -> SearchPage:
        """See Collection.search, which calls it."""
        least = asked.min_relevance
        if not 0 <= least <= 1:  # also where it is no number
            raise QueryError(f"min_relevance {least}: expected 0 to 1", param="min_relevance")
        with self._binding.unchanged():
            page_of = self._pages(asked)
            with self._turns.turn():
                cursor, match = read_match(cursor)
                if cursor or asked.kind != "image":
                    page = page_above(least, page_of, k, cursor, asked.without)
                else:
                    first = page_of(max(k, JUDGED), None)
                    match = first.match
                    page = (
                        page_above(least, page_of, k, None, asked.without)
                        if least > 0 or asked.without
                        else first_hits(k, first, page_of)
                    )
                return replace(page, match=match, next_cursor=with_match(page.next_cursor, match))

    def _pages(self, asked: AskedSearch) -> PageOf:
        """The judged pages of a search; embeds its terms."""
        rows = self._searching.embeddings(asked.terms)
        query = JudgedQuery(asked.terms, rows, asked.kind, filtered=asked.where != EVERYTHING)

        def page_of(count: int, after: str | None) -> SearchPage:
            page = self._searching.page(
                asked.terms,
                rows,
                k=count,
                kind=asked.kind,
                cursor=after,
                where=asked.where,
                strategy=asked.strategy,
                mode=asked.mode,
            )
            return self._fitting.judged(page, query, first=after is None)

        return page_of
