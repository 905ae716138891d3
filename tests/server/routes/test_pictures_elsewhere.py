"""Originals and thumbnails of pictures in tars and object stores, over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from tests.serving import error_of, serving
from tests.tars import png, tar_at

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install mmembed[s3]")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, Collection]]:
    with serving(tmp_path / "data") as pair:
        yield pair


@pytest.fixture
def at() -> str:
    """The address of an object in memory."""
    return f"memory://{uuid.uuid4().hex}/photos/red.png"


def links(client: TestClient, path: str) -> dict[str, str]:
    items = client.get("/v1/items?kind=image").json()["items"]
    [item] = [item for item in items if item["path"] == path]
    found: dict[str, str] = item["links"]
    return found


def test_they_are_shown_whole_and_by_ranges(
    served: tuple[TestClient, Collection], tmp_path: Path, at: str
) -> None:
    client, collection = served
    memory: Any = fsspec.filesystem("memory")
    memory.pipe_file(at, png("red"))
    shard = tar_at(tmp_path / "s.tar", {"a/blue.png": png("blue"), "green.png": png("green")})
    collection.index([shard, at], progress=lambda *_: None)
    for path, data in ((at, png("red")), (f"{shard}/a/blue.png", png("blue"))):
        shown = links(client, path)
        whole = client.get(shown["image"])
        assert (whole.status_code, whole.content) == (200, data)
        assert whole.headers["content-type"] == "image/png"
        assert f'filename="{path.rpartition("/")[2]}"' in whole.headers["content-disposition"]
        part = client.get(shown["image"], headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, data[10:20])
        tag = {"If-None-Match": whole.headers["etag"]}
        assert client.get(shown["image"], headers=tag).status_code == 304
        assert client.get(shown["thumbnail"]).headers["content-type"] == "image/webp"
    memory.rm_file(at)
    assert "no longer there" in error_of(client.get(links(client, at)["image"]), 404)
    assert client.get(links(client, at)["thumbnail"]).status_code == 200
    shard.write_bytes(shard.read_bytes()[:700])
    gone = client.get(links(client, f"{shard}/green.png")["image"])
    assert "the tar has changed since it was listed" in error_of(gone, 404)


def test_an_object_store_that_is_away_is_no_missing_picture(
    served: tuple[TestClient, Collection], at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, collection = served
    memory: Any = fsspec.filesystem("memory")
    memory.pipe_file(at, png("red"))
    collection.index([at], progress=lambda *_: None)

    def away(*_: Any, **__: Any) -> Any:
        raise OSError("cannot connect")

    monkeypatch.setattr(type(memory), "cat_file", away)
    shown = links(client, at)
    for link in ("image", "thumbnail"):
        answer = client.get(shown[link])
        assert answer.status_code == 503, answer.text
    assert client.get("/v1/search?q=red").json()["hits"][0]["path"] == at
