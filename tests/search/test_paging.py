"""Cursors keep a place and the query they belong to, and nothing else is taken for one."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmembed.errors import QueryError
from mmembed.search.fusion import MOST_BY_WORDS
from mmembed.search.hybrid import Order
from mmembed.search.paging import Cursor, query_hash, read, read_match, with_match, written
from mmembed.store.entries import Place
from mmembed.types import Background, Term

QUERY = query_hash([Term(text="red")], "image")
OTHER = query_hash([Term(text="red")], "caption")
CURSOR = Cursor(QUERY, Place(0.5, 7, 12, newest=40), (Background(0.25, 0.5),))
IDS = st.integers(0, 2**63 - 1)
NUMBERS = st.floats(0.0078125, 1, width=32)


@pytest.mark.parametrize(
    "text",
    ["x", "AAAA", "%%%%", "é", "=", "A" * 26, "A" * 100, "A" * 1_000_000, "\0", "../..",
     written(CURSOR)[:-4], written(CURSOR) + "AAAA", written(CURSOR).swapcase(),
     written(replace(CURSOR, place=Place(float("nan"), 1, 1))),
     written(replace(CURSOR, place=Place(float("inf"), 1, 1))),
     written(replace(CURSOR, place=Place(0.5, 2**63, 1))),
     written(replace(CURSOR, usual=(Background(0.0, 0.0),))),
     written(replace(CURSOR, usual=(Background(float("nan"), 1.0),)))],
)  # fmt: skip
def test_a_bad_cursor_is_a_query_error(text: str) -> None:
    with pytest.raises(QueryError, match="cursor: not a next_cursor") as error:
        read(text, [QUERY], 1)
    assert error.value.param == "cursor"


@pytest.mark.slow
@given(score=st.floats(-1, 1), ids=st.tuples(IDS, IDS, IDS), usual=st.lists(NUMBERS, max_size=9))
def test_a_cursor_survives_its_way(
    score: float, ids: tuple[int, int, int], usual: list[float]
) -> None:
    backgrounds = tuple(Background(-one, one) for one in usual)
    cursor = Cursor(QUERY, Place(score, *ids), backgrounds)
    assert read(written(cursor), [OTHER, QUERY], len(usual)) == cursor


@pytest.mark.parametrize("position", range(0, 60, 7))
def test_a_changed_byte_is_found(position: int) -> None:
    packed = bytearray(base64.urlsafe_b64decode(written(CURSOR) + "=="))
    packed[position % len(packed)] ^= 1
    with pytest.raises(QueryError, match="not a next_cursor"):
        read(base64.urlsafe_b64encode(packed).decode().rstrip("="), [QUERY], 1)


@pytest.mark.slow
@given(text=st.text(max_size=40))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="not a next_cursor"):
        read(text, [QUERY], 1)


def test_a_cursor_of_another_query_is_refused() -> None:
    for other, terms in ((query_hash([Term(text="blue")], "image"), 1), (QUERY, 2)):
        with pytest.raises(QueryError, match="it belongs to another query; send it with"):
            read(written(CURSOR), [other], terms)


def test_every_part_of_a_query_counts() -> None:
    row = np.zeros(2).tobytes()
    others = [
        query_hash(terms, *further)
        for terms, further in (
            ([Term(text="red")], ("caption",)),
            ([Term(text="red", weight=2)], ("image",)),
            ([Term(text="red"), Term(text="red")], ("image",)),
            ([Term(item=1)], ("image",)),
            ([Term(image=row)], ("image",)),
            ([Term(image=row + row)], ("image",)),
            ([Term(text="\ud800")], ("image",)),
        )
    ]
    assert len({QUERY, *others}) == len(others) + 1
    assert query_hash([Term(text="red", name="its name in errors")], "image") == QUERY


# -- searches by words -----------------------------------------------------------------


@pytest.mark.slow
@given(
    item_ids=st.lists(IDS, max_size=500) | st.lists(st.integers(1, 2**32 - 1), max_size=500),
    tail=st.builds(Place, st.floats(-1, 2), IDS, IDS, IDS),
    ended=st.booleans(),
)
def test_the_order_of_a_search_by_words_is_kept(
    item_ids: list[int], tail: Place, ended: bool
) -> None:
    order = Order(tuple(item_ids), tail, len(item_ids) // 2, ended)
    cursor = replace(CURSOR, place=tail, order=order)
    assert read(written(cursor), [QUERY], 1) == cursor


def test_a_pool_fits_into_an_address() -> None:
    order = Order(tuple(range(10**6, 10**6 + MOST_BY_WORDS)), CURSOR.place)
    assert len(written(replace(CURSOR, order=order))) < 3000


def test_more_shown_than_there_are_is_no_cursor() -> None:
    order = Order((1, 2, 3), CURSOR.place, shown=4)
    with pytest.raises(QueryError, match="not a next_cursor"):
        read(written(replace(CURSOR, order=order)), [QUERY], 1)


def test_a_cursor_carries_what_the_first_page_said() -> None:
    cursor = written(CURSOR)
    assert read_match(with_match(cursor, "unsure")) == (cursor, "unsure")
    assert read_match(with_match(cursor, None)) == (cursor, None)
    assert (with_match(None, "yes"), read_match(None)) == (None, (None, None))


def test_a_cursor_that_says_something_else_is_refused() -> None:
    text, match = read_match(written(CURSOR) + "~perhaps")
    assert (text, match) == (written(CURSOR) + "~perhaps", None)
    with pytest.raises(QueryError, match="cursor: not a next_cursor"):
        read(text or "", [QUERY], 1)
