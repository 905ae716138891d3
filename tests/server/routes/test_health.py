"""`/health` and `/ready` say what is the matter, to those who may not know where things lie."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmembed import errors
from mmembed.collection.collection import Collection
from mmembed.models.open_clip import ModelChoice
from mmembed.server.app import create_app
from mmembed.server.error_answers import without_paths
from mmembed.server.routes import health
from mmembed.store.entries import Trouble
from tests.fake_encoder import FakeEncoder
from tests.folder_store import folder_store
from tests.serving import (
    ADDRESS,
    PATIENCE_S,
    Gate,
    add,
    error_of,
    eventually,
    open_collection,
    serving,
)

BOTH = ["/health", "/ready"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, Collection]]:
    with serving(tmp_path / "data") as both:
        add(both[0], "red", caption="a red field")
        yield both


def reasons(client: TestClient, path: str = "/health") -> list[str]:
    """The codes of a failing answer."""
    answer = client.get(path)
    assert answer.status_code == 503, answer.text
    body = answer.json()
    assert body["status"] == "failing"
    assert body["detail"] == body["error"]["message"] == body["reasons"][0]["message"]
    return [one["code"] for one in body["reasons"]]


@pytest.mark.parametrize("path", BOTH)
def test_all_is_well(served: tuple[TestClient, Collection], path: str) -> None:
    answer = served[0].get(path)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["reasons"]) == ("ok", [])


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    class Failing(FakeEncoder):
        def embed_texts(self, texts: Any) -> Any:
            raise errors.ModelError("fake: gives no numbers")

    with serving(tmp_path / "data", Failing()) as (client, collection):
        folder_store(collection).condition.note(
            "damaged", "damaged at /secret/folder/catalog.sqlite3"
        )
        assert reasons(client) == ["model_failing", "damaged"]
        assert "secret" not in client.get("/health").text


def test_a_catalog_that_cannot_be_read(
    served: tuple[TestClient, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, collection = served

    def fail(*_: Any) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(folder_store(collection)._readers, "rows", fail)
    for path in BOTH:
        assert reasons(client, path)[0] == "unreadable"
    monkeypatch.undo()
    assert client.get("/health").status_code == 200


@pytest.mark.slow
def test_a_folder_that_does_not_answer(
    served: tuple[TestClient, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, collection = served
    there = threading.Event()

    def hang() -> list[Trouble]:
        assert there.wait(60)
        return []

    monkeypatch.setattr(health, "STORE_PATIENCE_S", 0.3)
    monkeypatch.setattr(collection.store, "troubles", hang)
    assert reasons(client) == ["unreadable"]
    there.set()
    eventually(lambda: client.get("/health").status_code == 200)


def test_a_view_that_fails(
    served: tuple[TestClient, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, collection = served
    assert client.get("/v1/search?q=red").status_code == 200

    def fail(*_: Any, **__: Any) -> Any:
        raise errors.StoreError("a vector of the catalog is broken; restore a backup")

    monkeypatch.setattr(folder_store(collection)._views, "_published_since", fail)
    assert client.get("/v1/search?q=red").status_code == 507
    assert reasons(client) == ["views_failed"]
    monkeypatch.undo()
    assert client.get("/v1/search?q=red").status_code == 200
    assert client.get("/health").status_code == 200


@pytest.mark.slow
def test_a_model_that_hangs_hides_no_other_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_S", 0.3)
    monkeypatch.setattr("mmembed.models.lazy_encoder.ALIVE_S", 0.0)
    gate = Gate()
    with serving(tmp_path / "data", gate) as (client, collection):
        eventually(lambda: client.get("/health").status_code == 200)
        gate.close()
        folder_store(collection).condition.note("damaged", "damaged")
        assert reasons(client) == ["model_late", "damaged"]
        gate.open.set()


def test_a_folder_that_may_not_be_written_is_healthy_but_not_ready(
    served: tuple[TestClient, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, collection = served
    presence = folder_store(collection)._presence
    monkeypatch.setattr(collection.store, "_presence", None)
    assert client.get("/health").status_code == 200
    assert reasons(client, "/ready") == ["read_only"]
    monkeypatch.setattr(collection.store, "_presence", presence)


@pytest.mark.slow
def test_a_server_stays_ready_while_the_object_store_of_uploads_is_away(
    served: tuple[TestClient, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, collection = served

    def degraded() -> list[str]:
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        return [one["code"] for one in answer.json()["degraded"]]

    away = [Trouble("blobs_away", "s3://bucket/photos: cannot be reached")]
    assert degraded() == []
    monkeypatch.setattr(collection.store.blobs, "troubles", lambda: away)
    assert degraded() == ["blobs_away"]
    assert "degraded" not in client.get("/health").json()
    there = threading.Event()
    monkeypatch.setattr(health, "FILES_PATIENCE_S", 0.3)
    monkeypatch.setattr(collection.store.blobs, "troubles", lambda: [] if there.wait(60) else away)
    assert degraded() == ["blobs_away"], "one that hangs, too"
    folder_store(collection).condition.note("damaged", "damaged")
    assert reasons(client, "/ready") == ["damaged"], "it hides no fault of this server"
    folder_store(collection).condition.note("damaged", None)
    there.set()
    eventually(lambda: degraded() == [])


def test_a_shard_that_is_away_alarms_people_and_leaves_partial_answers_to_balancers(
    served: tuple[TestClient, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, collection = served
    monkeypatch.setattr(
        type(collection), "troubles", lambda _: [Trouble("shard_away", "shard 2 of 2 is away")]
    )
    with TestClient(create_app(collection), base_url=ADDRESS) as client:
        assert reasons(client) == ["shard_away"]
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["reasons"]) == (200, [])
        assert [one["code"] for one in answer.json()["degraded"]] == ["shard_away"]


def test_looking_often_writes_seldom(
    served: tuple[TestClient, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, collection = served
    condition = folder_store(collection).condition
    tries: list[int] = []
    monkeypatch.setattr(condition, "_probe", lambda: tries.append(1))
    for _ in range(5):
        assert client.get("/ready").status_code == 200
    assert len(tries) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("path", BOTH)
def test_who_has_no_key_learns_no_path(tmp_path: Path, path: str) -> None:
    model, key = f"local-dir:{tmp_path}/models/mine", "k" * 40
    encoder = FakeEncoder(model)
    with serving(tmp_path / "data", encoder, api_keys=(key,)) as (client, collection):
        collection._models.__dict__.pop("by_name", None)
        collection.binding.__dict__["choice"] = ModelChoice(model, "asked for")
        client.headers["Authorization"] = f"Bearer {key}"
        add(client, "red")
        del client.headers["Authorization"]
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.json()["model"] == "local-dir:…/mine"
        assert str(tmp_path) not in answer.text
        for harm in (collection.settings.data / "catalog.sqlite3", collection.settings.data):
            harm.rename(tmp_path / f"away-{harm.name}")
            answer = client.get(path)
            assert answer.status_code == 503
            assert str(tmp_path) not in answer.text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/home/ann/data/catalog.sqlite3: is gone", "…/catalog.sqlite3: is gone"),
        ("model local-dir:/home/ann/m: broken", "model local-dir:…/m: broken"),
        ("cannot open '/etc/ssl/key.pem'", "cannot open '…/key.pem'"),
        ("https://example.org/a/b, docs/http.md", "https://example.org/a/b, docs/http.md"),
        ("ViT-B-32/laion2b, 3/4 of 10/20", "ViT-B-32/laion2b, 3/4 of 10/20"),
        ("the routes are at /docs", "the routes are at /docs"),
    ],
)  # fmt: skip
def test_paths_are_cut_down(said: str, shown: str) -> None:
    assert without_paths(said) == shown


# -- the model -----------------------------------------------------------------------


@pytest.mark.slow
def test_health_says_what_answers(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    with serving(tmp_path, encoder) as (client, _):
        add(client, "red", caption="a red field")
        before = len(encoder.batches)
        answer = client.get("/health")
    assert answer.status_code == 200
    assert len(encoder.batches) == before + 1
    body = answer.json()
    assert body["status"] == "ok"
    assert (body["model"], body["engine"], body["dim"]) == ("fake", "fake", 16)
    assert (body["items"], body["images"], body["captions"]) == (2, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [errors.ModelError("fake: gives no numbers"), RuntimeError("at 0x7f00")]
)
def test_a_failing_model_is_not_healthy(tmp_path: Path, error: Exception) -> None:
    class Failing(FakeEncoder):
        def embed_texts(self, texts: Any) -> Any:
            raise error

    with serving(tmp_path, Failing()) as (client, _):
        answer = client.get("/health")
    assert answer.status_code == 503
    body = answer.json()
    assert body["status"] == "failing"
    assert body["error"]["message"] == body["detail"]
    assert "0x7f00" not in answer.text


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_not_healthy(tmp_path: Path) -> None:
    collection = open_collection(tmp_path)

    def broken() -> Any:
        raise errors.ModelError("fake: there is no such folder")

    collection.embedder.model._load = broken
    with TestClient(create_app(collection), base_url=ADDRESS) as client:
        assert client.get("/health").json()["status"] == "failing"
        assert "no such folder" in error_of(client.get("/v1/search?q=red"), 503)


@pytest.mark.slow
def test_a_busy_model_is_healthy(tmp_path: Path) -> None:
    """A probe would wait behind all the others, and say nothing of them."""
    gate = Gate()
    with serving(tmp_path, gate) as (client, collection), ThreadPoolExecutor(60) as pool:
        assert client.get("/v1/search?q=first").status_code == 200
        gate.close()
        running = pool.submit(client.get, "/v1/search?q=red")
        eventually(gate.reached.is_set)
        waiting = [pool.submit(client.get, "/v1/search?q=red") for _ in range(50)]
        eventually(collection.embedder.busy)
        answer = client.get("/health")
        gate.open.set()
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        assert {one.result().status_code for one in [running, *waiting]} == {200}


@pytest.mark.slow
def test_a_stuck_model_is_not_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE_S", 0.05)
    monkeypatch.setattr("mmembed.models.lazy_encoder.ALIVE_S", 0.0)
    gate = Gate()
    with serving(tmp_path, gate) as (client, _):
        eventually(lambda: client.get("/health").status_code == 200)
        gate.close()
        answer = client.get("/health")
        assert answer.status_code == 503
        assert "has not answered" in answer.json()["detail"]
        gate.open.set()
        eventually(lambda: client.get("/health").status_code == 200)


@pytest.mark.slow
def test_a_model_that_still_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE_S", 0.05)
    collection = open_collection(tmp_path)
    loaded = threading.Event()

    def slowly() -> FakeEncoder:
        assert loaded.wait(60)
        return FakeEncoder()

    collection.embedder.model._load = slowly
    with TestClient(create_app(collection), base_url=ADDRESS) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "loading")
        assert client.get("/v1/items").status_code == 200
        loaded.set()
        eventually(lambda: client.get("/health").status_code == 200)


@pytest.mark.slow
def test_a_health_question_is_answered_while_the_model_loads(tmp_path: Path) -> None:
    collection = open_collection(tmp_path)
    started, go_on = threading.Event(), threading.Event()

    def slowly() -> FakeEncoder:
        started.set()
        assert go_on.wait(PATIENCE_S)
        return FakeEncoder()

    collection.embedder.model._load = slowly
    with TestClient(create_app(collection), base_url=ADDRESS) as client:
        with ThreadPoolExecutor(1) as pool:
            searching = pool.submit(client.get, "/v1/search?q=red")
            assert started.wait(PATIENCE_S)
            for _ in range(3):
                answer = client.get("/health")
                assert (answer.status_code, answer.json()["status"]) == (503, "loading")
            go_on.set()
            assert searching.result(PATIENCE_S).status_code == 200
        assert client.get("/health").status_code == 200


@pytest.mark.slow
def test_health_is_not_answered_from_what_is_remembered(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    with serving(tmp_path, encoder) as (client, _):
        for _ in range(3):
            assert client.get("/health").status_code == 200
            assert client.get("/v1/search?q=red").status_code == 200
    assert encoder.batches == [1, 1, 1, 1]  # three for health, one for the words
