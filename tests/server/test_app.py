"""What all routes share: pages, ways to ask for them, many callers at once, the end."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mmembed import errors
from tests.fake_encoder import FakeEncoder
from tests.serving import (
    PATIENCE_S,
    add,
    data_uri,
    open_collection,
    picture,
    serving,
    write_pictures,
)

# -- pages ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_come_from_here_alone(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    files = re.findall(r'(?:src|href)="(/static/[^"#]+)', answer.text)
    assert files
    for file in files:
        found = client.get(file)
        assert found.status_code == 200, file
        assert found.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/docs", "/health", "/v1/items", "/v1/search?q=red"])
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_a_slash_too_many_is_forgiven(client: TestClient) -> None:
    assert client.get("/v1/items/").status_code == 200
    assert client.post("/v1/search/", json={"q": "red"}).status_code == 200


# -- many callers at once ------------------------------------------------------------


@pytest.mark.slow
def test_many_callers_while_the_collection_grows(tmp_path: Path) -> None:
    colours = ["red", "green", "blue", "yellow"]
    folder = tmp_path / "photos"
    for number in range(30):
        write_pictures(folder / str(number), colours)
    broken = data_uri(picture("red")[:50])
    with serving(tmp_path / "data") as (client, collection), ThreadPoolExecutor(32) as pool:
        for colour in colours:
            add(client, colour, caption=f"a {colour} field")

        def search(colour: str) -> bool:
            hits = client.get(f"/v1/search?q={colour}&kind=caption&k=1").json()["hits"]
            return bool(hits[0]["caption"] == f"a {colour} field")

        def classify(colour: str) -> bool:
            body = {"images": [broken, data_uri(picture(colour))], "labels": colours}
            bad, good = client.post("/v1/classify", json=body).json()["results"]
            return bool(bad["error"]["code"] == 422 and good["labels"][0]["label"] == colour)

        def upload(colour: str) -> bool:
            body = {"caption": f"a {colour} thing among others"}
            return client.post("/v1/items", json=body).status_code == 201

        def spoil(colour: str) -> bool:
            return client.post("/v1/items", json={"image": broken}).status_code == 422

        actions: list[Callable[[str], bool]] = [search, classify, upload, spoil]
        indexing = pool.submit(collection.index, [folder], progress=lambda *_: None)
        done = [pool.submit(actions[n % 4], colours[n // 4 % 4]) for n in range(256)]
        assert [n for n, one in enumerate(done) if not one.result()] == []
        assert indexing.result().failures == []
        assert client.get("/v1/items?kind=image").json()["total"] == 4 + 120
        k = 124
        hits = client.get(f"/v1/search?q=red&k={k}").json()["hits"]
        assert len({hit["id"] for hit in hits}) == k
        assert len({hit["score"] for hit in hits[:31]}) == 1


def test_shutting_down_publishes_and_closes_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, exact_limit=0) as (client, collection):
        add(client, "red")
        collection.rebuild()
        add(client, "blue")
        stamp = tmp_path / "images.usearch.json"
        assert json.loads(stamp.read_bytes())["count"] == 1
    assert json.loads(stamp.read_bytes())["count"] == 2
    collection.close()
    assert not caplog.records


def test_views_that_cannot_be_saved_do_not_spoil_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as (client, collection):
        add(client, "red")

        def full() -> None:
            raise errors.StoreError("no space left")

        monkeypatch.setattr(collection, "publish", full)
    assert "no space left" in caplog.text


def test_the_end_does_not_wait_for_a_model_that_still_loads(tmp_path: Path) -> None:
    collection = open_collection(tmp_path)
    started, go_on = threading.Event(), threading.Event()
    encoder = FakeEncoder()

    def slowly() -> FakeEncoder:
        started.set()
        assert go_on.wait(PATIENCE_S)
        return encoder

    collection.embedder.model._load = slowly
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(lambda: collection.embedder.encoder.embed_texts(["red"]))
        assert started.wait(PATIENCE_S)
        assert collection.embedder.loading
        collection.close()  # returns before the model is there
        assert not asking.done()
        go_on.set()
        with pytest.raises(errors.Overloaded, match="shutting down"):
            asking.result(PATIENCE_S)
    assert encoder.batches == []
