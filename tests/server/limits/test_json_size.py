"""JSON is counted before it is read."""

from __future__ import annotations

import json

import pytest

from mmembed.config.limits import Limits
from mmembed.errors import LimitError
from mmembed.server.limits.json_size import check_size

LIMITS = Limits(items=10, labels=10)
MOST_PARTS = 16 * 120


@pytest.mark.parametrize(
    "value",
    [
        {"query": [{"text": "a"}] * 1000},
        [[]] * 2000,
        [{}] * 2000,
        ["a"] * 2000,
        {f"key {number}": 1 for number in range(2000)},
        [7] * 11_000,
        ['"\\'] * 2000,
    ],
)
def test_more_than_requests_need_is_refused(value: object) -> None:
    with pytest.raises(LimitError, match=r"the body holds \d+ .*limit \d+.*MMEMBED_MAX_ITEMS"):
        check_size(json.dumps(value).encode(), LIMITS)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(LimitError):
        check_size(b"[" * 10_000, LIMITS)


def is_let_in(value: object) -> bool:
    try:
        check_size(json.dumps(value, ensure_ascii=False).encode(), LIMITS)
    except LimitError:
        return False
    return True


@pytest.mark.parametrize("text", ["[{," * 5000, '"' * 5000, "\\" * 5000, '\\"[' * 5000, "é" * 9000])
def test_what_is_inside_a_text_counts_for_nothing(text: str) -> None:
    for escaped in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        check_size(b'{"q":' + escaped.encode() + b"}", LIMITS)
    assert is_let_in([text, text + "\\"])
    assert not is_let_in([text, [[]] * MOST_PARTS]), "what is beside it counts"


def test_what_requests_need_is_let_in() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5000}}
    for value, more in (([{"content": [part]}], 100), ([[12345] * 1000], 20)):
        assert is_let_in({"input": value * LIMITS.items})
        assert not is_let_in({"input": value * LIMITS.items * more})
