"""`/v1/ignored`, and removing items whose content is to stay out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from tests.serving import add, error_of, serving, write_pictures


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, Collection]]:
    with serving(tmp_path / "data") as opened:
        yield opened


def test_a_content_is_ignored_listed_and_let_in(
    served: tuple[TestClient, Collection], tmp_path: Path
) -> None:
    client, collection = served
    photos = write_pictures(tmp_path / "photos", ["red", "blue"])
    (photos / "copy.png").write_bytes((photos / "red.png").read_bytes())
    collection.index([photos], progress=lambda *_: None)
    [first, *_] = [one for one in client.get("/v1/items").json()["items"]
                   if one["path"].endswith("red.png")]  # fmt: skip
    assert client.delete(f"/v1/items/{first['id']}", params={"ignore": True}).status_code == 204
    left = client.get("/v1/items").json()["items"]
    assert [Path(one["path"]).name for one in left] == ["blue.png"]
    report = collection.index([photos], progress=lambda *_: None)
    assert (report.unchanged, report.kept_out) == (1, 2)
    answer = client.get("/v1/ignored").json()
    [one] = answer["ignored"]
    assert one["paths"] == sorted(str(photos / name) for name in ("copy.png", "red.png"))
    assert (answer["next_cursor"], answer["total"]) == (None, 1)
    assert client.delete(f"/v1/ignored/{one['sha256']}").status_code == 204
    assert "is not ignored" in error_of(client.delete(f"/v1/ignored/{one['sha256']}"), 404)
    assert collection.index([photos], progress=lambda *_: None).unchanged == 1


def test_ignored_contents_come_by_pages(served: tuple[TestClient, Collection]) -> None:
    client, _ = served
    for colour in ("red", "green", "blue"):
        client.delete(f"/v1/items/{add(client, colour)['id']}", params={"ignore": True})
    first = client.get("/v1/ignored", params={"limit": 2}).json()
    rest = client.get("/v1/ignored", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    contents = [one["sha256"] for one in first["ignored"] + rest["ignored"]]
    assert contents == sorted(contents)
    assert (len(contents), rest["next_cursor"], rest["total"]) == (3, None, 3)
    error_of(client.get("/v1/ignored", params={"limit": 0}), 422)
    error_of(client.delete("/v1/ignored/abc"), 422)
