"""Searches a collection as requests ask for it: with copies collapsed, or parts left out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

from mmembed.collection.judged_search import AskedSearch, JudgedSearch
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.search.collapsing import collapsed
from mmembed.search.query import terms_like
from mmembed.store.protocol import Store
from mmembed.types import Kind, SearchMode, SearchPage, Strategy, Term

PARTIAL = "The answer is partial: {} cannot be reached, and its items are missing."


class SearchRequests:
    """The part of a Collection that searches it."""

    store: Store
    _search: JudgedSearch

    def search(
        self,
        terms: Sequence[Term],
        *,
        k: int = 20,
        kind: Kind = "image",
        cursor: str | None = None,
        where: Where = EVERYTHING,
        strategy: Strategy = "sum",
        mode: SearchMode | None = None,
        min_relevance: float = 0.0,
        like: Sequence[int] = (),
        unlike: Sequence[int] = (),
        partial: bool = False,
        collapse: bool = False,
    ) -> SearchPage:
        """The k items of a kind that pass a filter and fit the query best, after an earlier page's
        cursor. strategy: how several terms make one order, see `search.ordering`. mode: see
        `search.modes`; by default words look at captions, tags and names, too. min_relevance: hits
        below it, 0 to 1, are left out. like, unlike: further terms that are items; these and their
        copies are no hits. partial: answer without the databases that are away, which `notes` then
        names. collapse: show of copies of one shot the best alone. Raises QueryError, ImageError,
        NotFound; StoreAway unless partial."""
        every = [*terms, *terms_like(like, unlike)]
        with self.store.partially() if partial else nullcontext({}) as missing:
            without = {item.sha256 for item in self.store.items([*like, *unlike])}
            asked = AskedSearch(every, kind, where, strategy, mode, min_relevance, without)

            def page_of(count: int, after: str | None) -> SearchPage:
                return self._search.page(asked, count, after)

            pages = collapsed(self.store, kind, page_of) if collapse else page_of
            page = pages(k, cursor)
        return replace(page, notes=(*page.notes, *map(PARTIAL.format, missing)))
