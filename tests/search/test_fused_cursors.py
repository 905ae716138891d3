"""Cursors of searches by words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmembed.errors import QueryError
from mmembed.search.fused_cursors import MOST_IDS, read, written
from mmembed.search.hybrid import Order
from mmembed.store.entries import Place

ids = st.integers(1, 2**63 - 1)
orders = st.builds(
    lambda item_ids, tail, ended: Order(tuple(item_ids), tail, len(item_ids) // 2, ended),
    st.lists(ids, max_size=MOST_IDS),
    st.builds(Place, st.floats(-1, 2), ids, ids, ids),
    st.booleans(),
)


@given(orders, st.binary(min_size=8, max_size=8))
def test_an_order_is_read_as_it_was_written(order: Order, query: bytes) -> None:
    assert read(written(order, query), query) == order


def test_ids_of_a_usual_size_make_a_cursor_that_fits_into_an_address() -> None:
    order = Order(tuple(range(1_000_000, 1_000_000 + MOST_IDS)), Place(0.5, 7, 200))
    assert len(written(order, b"12345678")) < 3500


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "A" * 100, "A" * 100_000])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(QueryError, match="not a next_cursor"):
        read(cursor, b"12345678")


def test_a_cursor_that_was_changed_or_is_of_another_query_is_refused() -> None:
    cursor = written(Order((1, 2, 3), Place(0.5, 7, 200)), b"12345678")
    with pytest.raises(QueryError, match="belongs to another query"):
        read(cursor, b"87654321")
    for place in range(0, len(cursor), 7):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(QueryError):
            read(changed, b"12345678")
