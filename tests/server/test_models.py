"""Several models in one server, and what it remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from mmembed.classify.zero_shot import SHORT_TEMPLATES
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.errors import InputError, ModelError
from mmembed.server.app import create_app
from mmembed.types import Embeddings
from tests.fake_encoder import FakeEncoder
from tests.serving import (
    ADDRESS,
    FAKE,
    PATIENCE_S,
    Process,
    add,
    data_uri,
    error_of,
    eventually,
    picture,
    serving,
)

OTHER = "architecture/other"


class Mirrored(FakeEncoder):
    """Another model: the same vectors with the opposite sign."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.facts = replace(self.facts, logit_scale=1.0)

    def embed_preprocessed(self, pixels: Any) -> Embeddings:
        return -super().embed_preprocessed(pixels)

    def embed_texts(self, texts: Any) -> Embeddings:
        return -super().embed_texts(texts)


def load(name: str) -> FakeEncoder:
    return Mirrored(name) if name == OTHER else FakeEncoder(name)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    settings = Settings.from_env({}, data=tmp_path / "d", model="fake", more_models=(OTHER, "fake"))
    return Collection(settings, load=load)


@pytest.fixture
def client(collection: Collection) -> Iterator[TestClient]:
    with TestClient(create_app(collection), base_url=ADDRESS) as client:
        yield client


def vector(client: TestClient, **body: Any) -> Any:
    answer = client.post("/v1/embeddings", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == (body["model"] if "/" in body["model"] else "fake")
    return np.array(answer.json()["data"][0]["embedding"], np.float32)


def test_the_request_chooses(client: TestClient) -> None:
    for body in ({"input": "a red bus"}, {"input": data_uri(picture()), "modality": "image"}):
        for _ in range(2):  # embedded, then remembered
            one, default = (vector(client, model=name, **body) for name in ("fake", "default"))
            np.testing.assert_array_equal(one, default)
            np.testing.assert_array_equal(vector(client, model=OTHER, **body), -one)


def test_all_are_listed_and_others_are_unknown(client: TestClient, collection: Collection) -> None:
    assert collection.models == ("fake", OTHER)
    listed = client.get("/v1/models").json()["data"]
    assert [one["id"] for one in listed] == ["fake", OTHER]
    for path, body in (
        ("/v1/embeddings", {"input": "a"}),
        ("/v1/search", {"q": "a"}),
        ("/v1/classify", {"images": [data_uri(picture())], "labels": ["a", "b"]}),
    ):
        message = error_of(client.post(path, json={**body, "model": "clip"}), 404)
        assert f"'clip' is not served here; use 'fake' or {OTHER!r} or 'default'" in message
        assert "MMEMBED_ALIASES" in message


def test_the_collections_model_searches_and_others_say_why_not(client: TestClient) -> None:
    add(client, "red")
    assert client.post("/v1/search", json={"q": "red", "model": "fake"}).status_code == 200
    message = error_of(client.get("/v1/search", params={"q": "red", "model": OTHER}), 422)
    assert "vectors of this collection are of 'fake'" in message
    assert "search with 'fake' or 'default'" in message


def test_classification_uses_the_chosen_one(client: TestClient) -> None:
    item = add(client, "red")["id"]
    found = {}
    for model in ("fake", OTHER):
        body = {"images": [data_uri(picture("red")), {"item": item}], "labels": ["red", "blue"]}
        answer = client.post("/v1/classify", json={**body, "model": model}).json()
        assert answer["model"] == model
        sent, stored = (one["labels"] for one in answer["results"])
        assert [one["label"] for one in sent] == ["red", "blue"]
        for a, b in zip(sent, stored, strict=True):  # the item's vector, or its file embedded anew
            assert a["score"] == pytest.approx(b["score"], abs=1e-3)
        found[model] = sent[0]["probability"]
    assert found["fake"] > found[OTHER] > 0.5  # each with its own scale


def test_an_item_without_a_file_fails_alone(client: TestClient) -> None:
    caption = client.post("/v1/items", json={"caption": "a red thing"}).json()["id"]
    body = {"images": [{"item": caption}], "labels": ["red", "blue"]}
    [result] = client.post("/v1/classify", json={**body, "model": OTHER}).json()["results"]
    assert result["error"]["code"] == 404
    assert "is not an image" in result["error"]["message"]
    [result] = client.post("/v1/classify", json=body).json()["results"]
    assert result["labels"][0]["label"] == "red"


def test_health_tells_of_each(client: TestClient) -> None:
    known = client.get("/health").json()
    assert known["models"] == [
        {"id": "fake", "loaded": True, "engine": "fake", "dim": 16},
        {"id": OTHER, "loaded": False, "engine": None, "dim": None},
    ]
    vector(client, input="a", model=OTHER)
    assert client.get("/health").json()["models"][1]["loaded"]


def test_a_further_model_is_named() -> None:
    with pytest.raises(InputError, match="MMEMBED_MORE_MODELS: auto can only be the first"):
        Settings.from_env({"MMEMBED_MORE_MODELS": "bundled,auto"})


@pytest.mark.slow
def test_the_option_may_be_repeated(tmp_path: Path) -> None:
    models = ("--model", "fake", "--model", OTHER, "--model", "third")
    with Process(FAKE, "--data", str(tmp_path), *models) as server:
        assert [line for line in server.greeting.splitlines() if line.startswith("model")] == [
            f"model     {name}, 16 dimensions" for name in ("fake", OTHER, "third")
        ]
        known = httpx.get(f"{server.address}/health", timeout=PATIENCE_S).json()
        assert (known["model"], known["dim"]) == ("fake", 16)
        assert [one["loaded"] for one in known["models"]] == [True, True, True]
        assert server.end()[0] == 0


def test_models_are_settings() -> None:
    settings = Settings.from_env({"MMEMBED_MODEL": "a/b", "MMEMBED_MORE_MODELS": "c/d, bundled"})
    assert (settings.model, settings.more_models) == ("a/b", ("c/d", "bundled"))


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_harms_no_other(tmp_path: Path) -> None:
    def broken(name: str) -> FakeEncoder:
        if name == OTHER:
            raise ModelError(f"{name}: unknown model")
        return FakeEncoder(name)

    settings = Settings.from_env({}, data=tmp_path, model="fake", more_models=(OTHER,))
    with TestClient(create_app(Collection(settings, load=broken)), base_url=ADDRESS) as client:
        answer = client.post("/v1/embeddings", json={"input": "a", "model": OTHER})
        assert "unknown model" in error_of(answer, 503)
        vector(client, input="a", model="fake")
        assert client.get("/health").json()["status"] == "ok"


@pytest.mark.slow
def test_an_idle_model_comes_back_for_the_next_request(tmp_path: Path) -> None:
    with serving(tmp_path, unload_after=0.05) as (client, collection):
        item = add(client, "red")["id"]
        for number in range(3):
            eventually(lambda: not collection.embedder.loaded)
            health = client.get("/health")
            assert (health.status_code, health.json()["models"][0]["loaded"]) == (200, False)
            hits = client.get(f"/v1/search?q=red thing {number}").json()["hits"]
            assert [hit["id"] for hit in hits] == [item]
        assert collection.embedder.counts().loads >= 4


# -- what is remembered --------------------------------------------------------------


def test_a_repeated_image_is_neither_decoded_nor_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = FakeEncoder()
    uri = data_uri(picture("red"))
    with serving(tmp_path, encoder) as (client, collection):
        first = vector(client, input=[uri], modality="image", model="default")
        monkeypatch.setattr("mmembed.models.inputs.decode", None)
        again = vector(client, input=[uri], modality="image", model="default")
        labels = {"images": [uri], "labels": ["red", "blue"]}
        assert "error" not in client.post("/v1/classify", json=labels).json()["results"][0]
        np.testing.assert_array_equal(first, again)
        counts = collection.embedder.counts()
    assert encoder.batches == [1, 2 * len(SHORT_TEMPLATES)]  # the image, and the labels
    assert (counts.image_hits, counts.image_misses, counts.images) == (2, 1, 1)


def test_counts_are_plain_numbers(tmp_path: Path) -> None:
    with serving(tmp_path) as (client, collection):
        for _ in range(2):
            vector(client, input=["red", "blue"], model="default")
        counts = collection.embedder.counts()
    assert (counts.text_hits, counts.text_misses, counts.texts) == (2, 2, 2)
    assert (counts.batch_sizes, counts.batches, counts.waiting) == ({2: 1}, 1, 0)
    assert counts.text_seconds > 0
    assert (counts.loaded, counts.loads, counts.abandoned) == (True, 1, 0)


def test_a_broken_image_is_not_remembered(tmp_path: Path) -> None:
    with serving(tmp_path) as (client, collection):
        for _ in range(2):
            body = {"input": [data_uri(picture()[:60])], "modality": "image"}
            assert error_of(client.post("/v1/embeddings", json=body), 422)
        assert collection.embedder.counts().image_hits == 0
