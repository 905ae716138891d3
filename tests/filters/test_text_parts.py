"""`contains` costs little whatever its texts are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmembed.filters.text_parts import alike, has_part

LETTERS = st.text("aAbsSſkKKµΜμıİiIßẞσςΣ", max_size=8)


@pytest.mark.slow
@given(text=LETTERS, part=LETTERS)
def test_a_part_is_found_as_letter_by_letter(text: str, part: str) -> None:
    forms = [alike(letter) for letter in part]
    starts = range(len(text) - len(part) + 1)
    fits = any(all(text[at + i] in some for i, some in enumerate(forms)) for at in starts)
    assert has_part(text, part) == fits


def test_texts_that_repeat_themselves_cost_no_product_of_their_lengths() -> None:
    started = time.thread_time()
    assert not has_part("a" * 100_000, "a" * 999 + "b")
    assert not has_part("ſ" * 20_000, "s" * 1000)  # other letters, which fold to the same
    assert has_part("a" * 100_000 + "B", "a" * 999 + "b")
    assert time.thread_time() - started < 2
