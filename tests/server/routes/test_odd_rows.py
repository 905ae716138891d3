"""Rows of the catalog that hold something odd cost no other item its answer."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.serving import add, serving

ODD_ROWS = {
    "a path that is no UTF-8": ("path", sqlite3.Binary(b"/photos/\xff.png")),
    "a path of bytes as text": ("path", "CAST(X'2F70FF2E706E67' AS TEXT)"),
    "a caption of bytes as text": ("caption", "CAST(X'61FF' AS TEXT)"),
    "a time past all years": ("mtime_ns", 2**63 - 1),
    "a time before all years": ("mtime_ns", -(2**63)),
    "a time that is text": ("mtime_ns", "never"),
    "an infinite time": ("mtime_ns", 9e999),
    "a width that is text": ("width", "wide"),
    "a format of bytes": ("format", sqlite3.Binary(b"\0\xff")),
    "a size that is a fraction": ("bytes", 1.5),
    "a date of bytes": ("taken", sqlite3.Binary(b"\0\xff")),
    "a date that is a number": ("date", 5),
    "an offset past all zones": ("taken_offset", 2**62),
    "a place that is text": ("latitude", "north"),
    "an infinite place": ("longitude", 9e999),
    "a row made past all years": ("added", 2**62),
    "a field that is no JSON": ("meta", "{"),
    "a field without a name": ("meta", "[1]"),
    "a field without end": ("meta", "[" * 100_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", ODD_ROWS)
def test_a_row_that_holds_something_odd(tmp_path: Path, case: str) -> None:
    column, value = ODD_ROWS[case]
    with serving(tmp_path) as (client, collection):
        ids = [add(client, colour, tags=["a"])["id"] for colour in ("red", "blue", "green")]
        with sqlite3.connect(collection.settings.data / "catalog.sqlite3") as db:
            expression = isinstance(value, str) and value.startswith("CAST")
            sql = f"UPDATE items SET {column} = {value if expression else '?'} WHERE id = ?"
            db.execute(sql, (ids[1],) if expression else (value, ids[1]))
        answer = client.get("/v1/items")
        assert answer.status_code == 200, answer.text
        assert [one["id"] for one in answer.json()["items"]] == ids
        hits = client.get("/v1/search?q=red")
        assert hits.status_code == 200, hits.text
        assert {one["id"] for one in hits.json()["hits"]} == set(ids)
        assert client.get(f"/v1/items/{ids[1]}").status_code == 200
        for route in ("image", "thumbnail"):
            assert client.get(f"/v1/items/{ids[1]}/{route}").status_code in (200, 404, 422)
