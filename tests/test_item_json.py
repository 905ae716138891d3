"""An item is the same JSON wherever it is shown."""

from __future__ import annotations

import json

from mmembed.cli.search import _as_json, _hit
from mmembed.item_json import item_json
from mmembed.server.json_answers import JsonAnswer, hit_json
from mmembed.types import Hit, Item, SearchPage

ITEM = Item(
    id=7, kind="image", sha256="ab" * 32, path="/a.png", caption="red", tags=("x", "y"), width=4,
    height=3, bytes=99, format="PNG", mtime_ns=1_714_557_600_000_000_000, added=1_717_000_000,
    date="2019-05-03T10:11:12", taken="2019-05-03T10:11:12.250", taken_offset=-210, lens="50mm",
    camera="D90", latitude=1.5, longitude=-13.5, meta={"author": "Ann"},
)  # fmt: skip
HIT = Hit(ITEM, 0.25, 0.5)
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


def test_a_hit_of_a_running_server_is_printed_alike() -> None:
    assert printed(_hit(sent(HIT))) == printed(HIT)


def test_times_are_in_utc() -> None:
    shown = item_json(ITEM)
    assert shown["modified"] == "2024-05-01T10:00:00+00:00"
    assert shown["added"] == "2024-05-29T16:26:40+00:00"
    assert shown["date"] == "2019-05-03T10:11:12.250-03:30"
