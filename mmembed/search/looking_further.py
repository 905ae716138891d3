"""A bound on relevance, and items that are left out: pages stay full, for such hits are left out
before a page is cut.

Relevance does not fall evenly along the order, so further hits are looked at. That ends when the
page is full, when nothing is left, or after MOST hits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TypeAlias

from mmembed.types import Hit, SearchPage

MOST = 2_000
"""Hits that are looked at for one page."""
LARGEST_STEP = 500
GROWTH = 2
TRIES = 5
"""Attempts to end a page at a hit while items come and go."""

PageOf: TypeAlias = Callable[[int, str | None], SearchPage]
"""The next hits of a search: how many, and after which cursor."""


def page_above(
    least: float,
    page_of: PageOf,
    count: int,
    cursor: str | None,
    without: AbstractSet[str] = frozenset(),
) -> SearchPage:
    """Up to `count` hits of that relevance or more, after a cursor. If fewer were found among MOST,
    a note says so, and the next cursor leads on from there. without: contents, by
    sha256, whose items are left out."""
    kept: tuple[Hit, ...] = ()
    notes: tuple[str, ...] | None = None
    looked, step, tries = 0, count + len(without), 0
    while True:
        page = page_of(step, cursor)
        notes = page.notes if notes is None else notes
        places = [
            place
            for place, hit in enumerate(page.hits, 1)
            if hit.relevance >= least and hit.item.sha256 not in without
        ]
        places = places[: count - len(kept)]
        some = tuple(page.hits[place - 1] for place in places)
        if len(kept) + len(some) == count:
            shorter, tries = cut(page, places[-1], page_of, cursor), tries + 1
            if tries < TRIES and not same_hits(shorter.hits, page.hits[: places[-1]]):
                continue  # otherwise the next page would repeat or lack a hit
            return replace(shorter, hits=kept + some, notes=notes)
        kept += some
        looked += len(page.hits)
        cursor = page.next_cursor
        if cursor is None or looked >= MOST:
            notes += _notes_on_the_bound(least, looked) if cursor else ()
            return replace(page, hits=kept, notes=notes)
        step = min(GROWTH * step, LARGEST_STEP, MOST - looked)


def first_hits(count: int, page: SearchPage, page_of: PageOf) -> SearchPage:
    """The first `count` hits of a first page that may be longer, and the match of all its hits."""
    if len(page.hits) <= count:
        return page
    # With the hits that its cursor leads on from: items may have come or gone since the longer one.
    return replace(cut(page, count, page_of, None), match=page.match)


def cut(page: SearchPage, place: int, page_of: PageOf, cursor: str | None) -> SearchPage:
    """A page that ends with its hit at a place, counted from 1, unless the items changed."""
    # The order does not depend on the count, so a shorter page ends at the same hit.
    return page if place == len(page.hits) else page_of(place, cursor)


def same_hits(hits: Sequence[Hit], others: Sequence[Hit]) -> bool:
    """Whether two lists have the same items in the same order."""
    return [hit.item.id for hit in hits] == [hit.item.id for hit in others]


def _notes_on_the_bound(least: float, looked: int) -> tuple[str, ...]:
    return (
        f"The {looked} nearest were looked at for a relevance of {least:g} or more; the next page "
        "goes on from there.",
    )
