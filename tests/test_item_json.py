"""An item is the same JSON wherever it is shown."""

from __future__ import annotations

import json

import pytest

from mmembed.cli.search import _as_json, _hit, _row
from mmembed.item_json import item_json
from mmembed.server.json_answers import JsonAnswer, hit_json
from mmembed.types import AutomaticTag, Hit, Item, SearchPage

ITEM = Item(
    id=7, kind="image", sha256="ab" * 32, path="/a.png", caption="red", tags=("x", "y"), width=4,
    automatic_tags=(AutomaticTag("y", 0.5, "letters"),),
    height=3, bytes=99, format="PNG", mtime_ns=1_714_557_600_000_000_000, added=1_717_000_000,
    date="2019-05-03T10:11:12", taken="2019-05-03T10:11:12.250", taken_offset=-210, lens="50mm",
    camera="D90", latitude=1.5, longitude=-13.5, meta={"author": "Ann"},
)  # fmt: skip
HIT = Hit(ITEM, 0.25, 0.5)
TEXT = "A dog runs.  A cat sleeps. "
LONG = Hit(Item(id=8, kind="caption", sha256="cd" * 32, caption=TEXT, chunk=(11, 27)), 0.5, 0.5)
"""A long caption, of which a search found the second part."""
OF_HTTP = {"links", "shown_by_browsers"}
"""Fields of addresses, which need a server."""


def printed(hit: Hit) -> dict[str, object]:
    """A hit as `mmembed search --json` prints it."""
    answer = json.loads(json.dumps(_as_json(SearchPage((hit,), None, ()), "fake")))
    [shown] = answer["hits"]
    return dict(shown)


def sent(hit: Hit) -> dict[str, object]:
    """A hit as `/v1/search` answers it."""
    return dict(json.loads(bytes(JsonAnswer(hit_json(hit)).body)))


def test_the_command_line_shows_what_http_shows() -> None:
    of_http = {name: value for name, value in sent(HIT).items() if name not in OF_HTTP}
    assert {**of_http, "captions": []} == printed(HIT)


@pytest.mark.parametrize("hit", [HIT, LONG])
def test_a_hit_of_a_running_server_is_printed_alike(hit: Hit) -> None:
    assert printed(_hit(sent(hit))) == printed(hit)


def test_the_part_of_a_long_caption_that_was_found_is_shown() -> None:
    part = {"text": "A cat sleeps.", "start": 13, "stop": 26}
    assert sent(LONG)["chunk"] == printed(LONG)["chunk"] == part
    assert TEXT[13:26] == part["text"]
    assert _row(LONG)[-1] == "A cat sleeps."
    assert sent(HIT)["chunk"] is None
    assert _row(HIT)[-1] == "red"


def test_automatic_tags_are_marked() -> None:
    assert sent(HIT)["automatic_tags"] == [{"tag": "y", "score": 0.5, "label_set": "letters"}]


def test_times_are_in_utc() -> None:
    shown = item_json(ITEM)
    assert shown["modified"] == "2024-05-01T10:00:00+00:00"
    assert shown["added"] == "2024-05-29T16:26:40+00:00"
    assert shown["date"] == "2019-05-03T10:11:12.250-03:30"
