"""Callers who go away while the model is busy: nothing more is done for them."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest

from mmembed.classify import label_matrices
from mmembed.classify.zero_shot import TEMPLATES
from mmembed.collection.collection import Collection
from tests.endless_filters import make_endless
from tests.serving import (
    PATIENCE_S,
    Gate,
    data_uri,
    error_of,
    eventually,
    listening,
    open_collection,
    picture,
)


class Noting(Gate):
    """Notes the texts that it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    def embed_texts(self, texts: Sequence[str]) -> Any:
        rows = super().embed_texts(texts)
        self.embedded += texts
        return rows


@pytest.fixture
def gate() -> Noting:
    return Noting()


@pytest.fixture
def collection(tmp_path: Path, gate: Noting) -> Collection:
    return open_collection(tmp_path, gate, max_queue=24)


class Callers:
    """Clients of one server, each with a connection of their own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.connections: list[http.client.HTTPConnection] = []

    def ask(self, path: str, body: Any = None) -> http.client.HTTPConnection:
        """Send a request, and do not wait for the answer."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=PATIENCE_S)
        self.connections.append(connection)
        connection.request("GET" if body is None else "POST", path, body and json.dumps(body))
        return connection

    def hold(self, gate: Noting) -> http.client.HTTPConnection:
        """Occupy the model."""
        assert self.get("/v1/search?q=warm").status_code == 200
        gate.close()
        first = self.ask("/v1/search?q=first")
        assert gate.reached.wait(PATIENCE_S)
        return first

    def in_progress(self) -> float:
        """The requests that the server counts, with the one that asks."""
        lines = self.get("/metrics").text.splitlines()
        [line] = [line for line in lines if line.startswith("mmembed_requests_in_progress ")]
        return float(line.split()[1])

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", timeout=PATIENCE_S)


@contextmanager
def callers_of(collection: Collection, gate: Noting) -> Iterator[Callers]:
    with listening(collection) as address:
        callers = Callers(address)
        yield callers
        gate.open.set()
        for connection in callers.connections:
            connection.close()


@pytest.fixture
def callers(collection: Collection, gate: Noting) -> Iterator[Callers]:
    with callers_of(collection, gate) as callers:
        yield callers


@pytest.mark.slow
def test_they_are_not_embedded_and_their_places_are_free(
    callers: Callers, collection: Collection, gate: Noting
) -> None:
    first = callers.hold(gate)
    left = [
        callers.ask("/v1/embeddings", {"input": [f"left {number}"]})
        if number % 2
        else callers.ask(f"/v1/search?q=left+{number}")
        for number in range(23)
    ]
    eventually(lambda: collection.embedder.counts().waiting == 23)
    assert callers.get("/v1/search?q=one+too+many").status_code == 429
    assert callers.get("/v1/items").status_code == 200  # needs no model
    for connection in left:
        connection.close()
    eventually(lambda: collection.embedder.counts().waiting == 0)
    eventually(lambda: callers.in_progress() == 2)  # with the first one, and this question
    assert not gate.open.is_set()  # the model is as busy as before
    stays = [callers.ask(f"/v1/search?q=stays+{number}") for number in range(23)]
    eventually(lambda: collection.embedder.counts().waiting == 23)
    gate.open.set()
    assert [one.getresponse().status for one in [first, *stays]] == [200] * 24
    assert not [text for text in gate.embedded if text.startswith("left")]
    assert collection.embedder.counts().abandoned == 23


@pytest.mark.slow
def test_who_waits_for_the_labels_of_another_who_leaves_gets_them(
    callers: Callers, collection: Collection, gate: Noting, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, wait = threading.Event(), label_matrices._waited_for

    def noted(promise: Any) -> Any:
        waits.set()
        return wait(promise)

    monkeypatch.setattr(label_matrices, "_waited_for", noted)
    first = callers.hold(gate)
    body = {"images": [data_uri(picture("red"))], "labels": ["red", "blue"]}
    leaves = callers.ask("/v1/classify", body)
    eventually(lambda: collection.embedder.counts().waiting == 1)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(
            httpx.post, f"{callers.address}/v1/classify", json=body, timeout=PATIENCE_S
        )
        assert waits.wait(PATIENCE_S)
        leaves.close()
        eventually(lambda: collection.embedder.counts().abandoned == 1)
        gate.open.set()
        answer = other.result(PATIENCE_S)
    assert answer.json()["results"][0]["labels"][0]["label"] == "red"
    assert first.getresponse().status == 200


class Slow(Noting):
    def embed_texts(self, texts: Sequence[str]) -> Any:
        time.sleep(0.005)
        return super().embed_texts(texts)


def large(word: str) -> Any:
    """A classification of ImageNet's size."""
    labels = [f"{word} {number}" for number in range(1000)]
    return {"images": [data_uri(picture("red"))], "labels": labels, "templates": TEMPLATES}


@pytest.mark.slow
def test_a_large_classification_lets_others_through_and_ends_with_its_caller(
    tmp_path: Path,
) -> None:
    gate = Slow()
    collection = open_collection(tmp_path / "other", gate)

    def prompts() -> int:
        return sum("left" in text for text in gate.embedded)

    with callers_of(collection, gate) as callers:
        first = callers.hold(gate)
        leaves = callers.ask("/v1/classify", large("left"))
        eventually(lambda: collection.embedder.waiting == 1)
        refused = httpx.post(
            f"{callers.address}/v1/classify", json=large("other"), timeout=PATIENCE_S
        )
        assert "another classification" in error_of(refused, 429)
        gate.open.set()
        eventually(lambda: prompts() > 100)
        small = {"images": [data_uri(picture("red"))], "labels": ["red", "blue"]}
        for answer in (
            callers.get("/v1/search?q=between"),
            httpx.post(f"{callers.address}/v1/classify", json=small, timeout=PATIENCE_S),
        ):
            assert answer.status_code == 200
        leaves.close()
        eventually(lambda: collection.embedder.counts().abandoned == 1)
        embedded = prompts()
        assert embedded < 40_000
        again = callers.ask("/v1/classify", large("again"))
        eventually(lambda: any("again" in text for text in gate.embedded))
        again.close()
        assert first.getresponse().status == 200
        assert prompts() < embedded + 100


@pytest.mark.slow
def test_a_connection_is_used_again(callers: Callers) -> None:
    """Listening for the end of one request takes nothing from the next."""
    with httpx.Client(base_url=callers.address) as client:
        for number in range(20):
            assert client.get(f"/v1/search?q=red+{number}").status_code == 200
            body = {"input": ["x" * 9000] * 20}  # in several parts
            assert client.post("/v1/embeddings", json=body).status_code == 200
            assert client.get("/health").status_code == 200


@pytest.mark.slow
def test_more_callers_than_asyncio_has_threads_keep_nobody_waiting(
    tmp_path: Path, gate: Noting
) -> None:
    with callers_of(open_collection(tmp_path / "other", gate), gate) as callers:
        waiting = [callers.hold(gate)]
        waiting += [callers.ask(f"/v1/search?q=number+{number}") for number in range(127)]
        for path in ("/v1/items", "/health", "/v1/models", "/"):
            assert callers.get(path).status_code == 200
        gate.open.set()
        assert {one.getresponse().status for one in waiting} == {200}


@pytest.mark.slow
def test_a_slow_filter_ends_with_its_callers_and_keeps_no_other_waiting(
    callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = {"image": data_uri(picture("red")), "tags": ["x"]}
    added = httpx.post(f"{callers.address}/v1/items", json=image, timeout=PATIENCE_S)
    assert added.status_code == 201
    make_endless(monkeypatch.setattr)
    slow = [callers.ask("/v1/items?where=tag:x") for _ in range(12)]
    eventually(lambda: callers.in_progress() >= len(slow))
    assert callers.get("/health").status_code == 200
    assert callers.get(f"/v1/items/{added.json()['id']}").status_code == 200
    for connection in slow:
        connection.close()
    eventually(lambda: callers.in_progress() <= 1)  # but for the one that asks
