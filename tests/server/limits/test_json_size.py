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


@pytest.mark.parametrize("text", ["[{," * 5000, '"' * 5000, "\\" * 5000, '\\"[' * 5000, "é" * 9000])
def test_what_is_inside_a_text_counts_for_nothing(text: str) -> None:
    check_size(json.dumps({"q": text}).encode(), LIMITS)
    check_size(json.dumps([text, text + "\\"], ensure_ascii=False).encode(), LIMITS)


def test_what_requests_need_is_let_in() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5000}}
    check_size(json.dumps({"input": [{"content": [part]}] * 10}).encode(), LIMITS)
    check_size(json.dumps({"input": [[12345] * 1000] * 10}).encode(), LIMITS)
