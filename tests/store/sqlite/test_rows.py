"""Rows of the table of items become items, whatever an older version wrote into them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mmembed.store.item_columns import HEADER
from mmembed.store.sqlite.rows import to_item


def meta_of(text: str) -> Any:
    facts = [None] * len(HEADER)
    return to_item((1, "image", *[None] * 13, text, *facts)).meta


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", 2.0**63),
        ("18446744073709551616", 2.0**64),
        ("-" + "9" * 5000, -math.inf),
    ],
)
def test_a_whole_number_of_a_manifest_is_one_that_answers_can_hold(
    written: str, read: float
) -> None:
    [number] = meta_of(f'{{"a": {written}}}').values()
    assert (number, type(number)) == (read, type(read))
