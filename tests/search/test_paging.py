"""Cursors keep a place, and nothing else is taken for one."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmembed.errors import QueryError
from mmembed.search.paging import cursor_of, next_cursor, place_of
from mmembed.store.entries import Found, Place
from mmembed.types import Item


def _encoded(score: float, item_id: int = 1) -> str:
    return base64.urlsafe_b64encode(struct.pack("<dQI", score, item_id, 1)).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    ["x", "AAAA", "%%%%", "é", "=", "A" * 26, "A" * 28, "A" * 10_000, "\0", "../..",
     _encoded(float("nan")), _encoded(float("inf")), _encoded(0.5, item_id=2**63)],
)  # fmt: skip
def test_a_bad_cursor_is_a_query_error(text: str) -> None:
    with pytest.raises(QueryError, match="cursor: not a next_cursor"):
        place_of(text)


@given(score=st.floats(-1, 1), item_id=st.integers(0, 2**63 - 1), seen=st.integers(0, 2**32 - 1))
def test_a_cursor_survives_its_way(score: float, item_id: int, seen: int) -> None:
    place = Place(score, item_id, seen)
    assert place_of(cursor_of(place)) == place


@pytest.mark.slow
@given(text=st.text(max_size=40))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        place = place_of(text)
    except QueryError:
        place = None
    assert place is None or place_of(cursor_of(place)) == place


def test_the_next_page_starts_after_the_last_item() -> None:
    hits = tuple((Item(id=one, kind="image", sha256=""), 0.5) for one in (3, 7))
    assert next_cursor(Found(hits, complete=True), None) is None
    cursor = next_cursor(Found(hits, complete=False), Place(0.9, 1, 10))
    assert cursor is not None
    assert place_of(cursor) == Place(0.5, 7, 12)


def test_more_than_a_cursor_can_count_is_no_fault() -> None:
    found = Found(((Item(id=7, kind="image", sha256=""), 0.5),), complete=False)
    cursor = next_cursor(found, Place(0.9, 1, 2**32 - 1))
    assert cursor is not None
    assert place_of(cursor) == Place(0.5, 7, 2**32 - 1)
