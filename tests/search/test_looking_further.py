"""A bound on relevance leaves pages full and loses no hit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmembed.search.looking_further import MOST, first_hits, page_above
from mmembed.types import Hit, Item, SearchPage


class Pages:
    """Hits whose relevance is given, cut into pages; a cursor is a number as text."""

    def __init__(self, relevances: list[float]) -> None:
        self.hits = [
            Hit(Item(id=number, kind="image", sha256=""), 0.0, relevance)
            for number, relevance in enumerate(relevances)
        ]
        self.longest = 0

    def __call__(self, count: int, cursor: str | None) -> SearchPage:
        start = int(cursor or 0)
        end = start + count
        self.longest = max(self.longest, count)
        return SearchPage(
            tuple(self.hits[start:end]), str(end) if end < len(self.hits) else None, ("note",)
        )


def all_pages(pages: Pages, least: float, count: int) -> list[list[int]]:
    shown, cursor = [], None
    while True:
        page = page_above(least, pages, count, cursor)
        shown.append([hit.item.id for hit in page.hits])
        cursor = page.next_cursor
        if cursor is None:
            return shown


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_pages_are_full_and_no_hit_is_lost_or_shown_twice(count: int) -> None:
    relevances = [0.9 if number % 3 == 0 or number == 200 else 0.1 for number in range(241)]
    pages = all_pages(Pages(relevances), 0.5, count)
    expected = [number for number, relevance in enumerate(relevances) if relevance >= 0.5]
    assert [number for page in pages for number in page] == expected
    assert all(len(page) == count for page in pages[:-1])


def test_the_bound_itself_passes_and_notes_come_once() -> None:
    page = page_above(0.5, Pages([0.5, 0.4999, 0.5]), 2, None)
    assert [hit.item.id for hit in page.hits] == [0, 2]
    assert page.notes == ("note",)


def test_looking_ends_after_a_number_of_hits_and_the_cursor_goes_on() -> None:
    pages = Pages([0.0] * (MOST + 500) + [1.0])
    page = page_above(0.5, pages, 10, None)
    assert (page.hits, page.next_cursor) == ((), str(MOST))
    assert "2000 nearest" in page.notes[-1]
    [hit] = page_above(0.5, pages, 10, page.next_cursor).hits
    assert hit.item.id == MOST + 500


def test_the_first_hits_of_a_longer_page_lead_on_behind_the_last() -> None:
    pages = Pages([1.0] * 30)
    page = first_hits(5, pages(20, None), pages)
    assert (len(page.hits), page.next_cursor) == (5, "5")
    whole = pages(5, None)
    assert first_hits(5, whole, pages) is whole


class Changing(Pages):
    """After one of the calls, the first hit of its page is gone, or another comes before it."""

    def __init__(self, relevances: list[float], *, after: int, comes: bool) -> None:
        super().__init__(relevances)
        self.calls, self.after, self.comes = 0, after, comes

    def __call__(self, count: int, cursor: str | None) -> SearchPage:
        page, start = super().__call__(count, cursor), int(cursor or 0)
        self.calls += 1
        if self.calls == self.after and self.comes:
            self.hits.insert(start, Hit(Item(id=99, kind="image", sha256=""), 0.0, 1.0))
        elif self.calls == self.after:
            del self.hits[start]
        return replace(page, match="yes" if count == 20 else "no")


@pytest.mark.parametrize("comes", [False, True])
def test_a_page_and_its_cursor_are_of_one_moment_while_items_come_and_go(comes: bool) -> None:
    pages = Changing([1.0] * 30, after=1, comes=comes)
    page = first_hits(5, pages(20, None), pages)
    assert page.next_cursor == "5"
    assert page.hits == tuple(pages.hits[:5])


@pytest.mark.parametrize("comes", [False, True])
def test_a_page_above_a_bound_and_its_cursor_are_of_one_moment(comes: bool) -> None:
    pages = Changing([0.1, 0.9, 0.9] * 9, after=2, comes=comes)
    page = page_above(0.5, pages, 5, None)
    shown = pages.hits[: int(page.next_cursor or 0)]
    assert list(page.hits) == [hit for hit in shown if hit.relevance >= 0.5]
    assert len(page.hits) == 5


def test_the_match_of_a_short_page_is_that_of_all_judged_hits() -> None:
    pages = Changing([1.0] * 30, after=0, comes=False)
    assert first_hits(5, pages(20, None), pages).match == "yes"
