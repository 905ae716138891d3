"""A bound on relevance: pages stay full, for hits below it are left out before a page is cut.

Relevance does not fall evenly along the order, so further hits are looked at. That ends when the
page is full, when nothing is left, or after MOST hits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from mmembed.types import Hit, SearchPage

MOST = 2_000
"""Hits that are looked at for one page."""
LARGEST_STEP = 500
GROWTH = 2

PageOf: TypeAlias = Callable[[int, str | None], SearchPage]
"""The next hits of a search: how many, and after which cursor."""


def page_above(least: float, page_of: PageOf, count: int, cursor: str | None) -> SearchPage:
    """Up to `count` hits of that relevance or more, after a cursor. If fewer were found among MOST,
    a note says so, and the next cursor leads on from there."""
    kept: list[Hit] = []
    notes: tuple[str, ...] | None = None
    looked, step = 0, count
    while True:
        page = page_of(step, cursor)
        notes = page.notes if notes is None else notes
        places = [place for place, hit in enumerate(page.hits, 1) if hit.relevance >= least]
        places = places[: count - len(kept)]
        kept += [page.hits[place - 1] for place in places]
        if len(kept) == count:
            return replace(_cut(page, places[-1], page_of, cursor), hits=tuple(kept), notes=notes)
        looked += len(page.hits)
        cursor = page.next_cursor
        if cursor is None or looked >= MOST:
            notes += _notes_on_the_bound(least, looked) if cursor else ()
            return replace(page, hits=tuple(kept), notes=notes)
        step = min(GROWTH * step, LARGEST_STEP, MOST - looked)


def first_hits(count: int, page: SearchPage, page_of: PageOf) -> SearchPage:
    """The first `count` hits of a first page that may be longer."""
    if len(page.hits) <= count:
        return page
    return replace(_cut(page, count, page_of, None), hits=page.hits[:count], notes=page.notes)


def _cut(page: SearchPage, place: int, page_of: PageOf, cursor: str | None) -> SearchPage:
    """A page whose cursor leads on behind its hit at a place, counted from 1."""
    # The order does not depend on the count, so a shorter page ends at the same hit.
    return page if place == len(page.hits) else page_of(place, cursor)


def _notes_on_the_bound(least: float, looked: int) -> tuple[str, ...]:
    return (
        f"The {looked} nearest were looked at for a relevance of {least:g} or more; the next page "
        "goes on from there.",
    )
