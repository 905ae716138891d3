"""What a request would be is known before it is begun: 413 names count, limit and setting."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from tests.fake_encoder import FakeEncoder
from tests.serving import data_uri, error_of, picture, serving

LONG = "word " * 400  # six windows of 75 words
RED = data_uri(picture("red"))


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def served(tmp_path: Path, encoder: FakeEncoder) -> Iterator[tuple[TestClient, Collection]]:
    limits = {
        "max_text_windows": 4,
        "max_all_windows": 40,
        "max_all_chars": 8000,
        "max_prompts": 40,
    }
    with serving(tmp_path, encoder, **limits, max_text_chars=3000) as served:
        yield served


@pytest.fixture
def client(served: tuple[TestClient, Collection]) -> TestClient:
    return served[0]


def test_a_small_request_is_no_large_prompt(tmp_path: Path, encoder: FakeEncoder) -> None:
    body = {"images": [RED], "labels": ["x" * 10_000, "y"], "templates": ["{}" * 5000]}
    with serving(tmp_path, encoder) as (client, _):
        started = time.monotonic()
        said = error_of(client.post("/v1/classify", json=body), 413)
        assert time.monotonic() - started < 5
    assert said == (
        "templates[0]: with the longest label filled in it has 50000000 characters, limit 10000; "
        "shorten it or the label, or raise MMEMBED_MAX_TEXT_CHARS"
    )
    assert encoder.batches == []


@pytest.mark.parametrize(
    ("labels", "templates", "said"),
    [
        (21, ["{}", "a {}"], "21 labels × 2 templates are 42 prompts, limit 40; give fewer, or"),
        (4, ["{}" + "x" * 2500], "characters in all texts of the request, limit 8000; send fewer"),
    ],
)
def test_prompts_are_counted(
    client: TestClient, labels: int, templates: Sequence[str], said: str
) -> None:
    body = {"images": [RED], "labels": [f"l{n}" for n in range(labels)], "templates": templates}
    assert said in error_of(client.post("/v1/classify", json=body), 413)
    form = {"labels": body["labels"], "templates": templates}
    files = [("images", ("red.png", picture("red")))]
    assert said in error_of(client.post("/v1/classify", data=form, files=files), 413)


@pytest.mark.slow
def test_the_windows_of_all_prompts_are_counted_before_the_first(tmp_path: Path) -> None:
    """Each part that is embedded together would have few enough."""
    encoder = FakeEncoder()
    limits = {"max_prompts": 300, "max_all_chars": 1_000_000}
    labels = [f"{number} " + "word " * 90 for number in range(280)]  # two windows each
    with serving(tmp_path, encoder, **limits) as (client, _):
        body = {"images": [RED], "labels": labels, "templates": ["{}"]}
        said = error_of(client.post("/v1/classify", json=body), 413)
        assert "more than 300 windows of 77 tokens" in said
        assert "MMEMBED_MAX_PROMPTS" in said
        assert encoder.batches == []
        body["labels"] = labels[:140]
        assert client.post("/v1/classify", json=body).status_code == 200


WAYS: list[tuple[str, str, Any]] = [
    ("/v1/search", "", {"q": LONG}),
    ("/v1/search", "", {"query": [{"text": "red"}, {"text": LONG, "weight": -1}]}),
    ("/v1/embeddings", "input[1]: ", {"input": ["red", LONG]}),
    (
        "/v1/embeddings",
        "messages[0].content[0]: ",
        {"messages": [{"role": "user", "content": LONG}]},
    ),
    ("/v2/embed", "texts[0]: ", {"texts": [LONG]}),
    ("/v1/multimodalembeddings", "inputs[0].content[0]: ", {"inputs": [{"content": [LONG]}]}),
    ("/v1/classify", "", {"images": [RED], "labels": [LONG, "red"], "templates": ["{}"]}),
    ("/v1/items", "", {"caption": LONG}),
    ("/v1/items", "", {"image": RED, "captions": ["red", LONG]}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "name", "body"), WAYS)
def test_a_text_of_too_many_windows(client: TestClient, path: str, name: str, body: Any) -> None:
    said = error_of(client.post(path, json=body), 413)
    assert "characters has more than 4 windows of 77 tokens, the limit for one text" in said
    assert "raise MMEMBED_MAX_TEXT_WINDOWS" in said
    assert name in said
    assert client.get("/v1/items").json()["items"] == []  # nothing was half done


def test_a_long_text_fails_alone_where_that_is_asked_for(client: TestClient) -> None:
    answer = client.post("/v1/embeddings", json={"input": ["red", LONG, "blue"], "errors": "item"})
    kinds = [one["object"] for one in answer.json()["data"]]
    assert kinds == ["embedding", "error", "embedding"]
    assert answer.json()["data"][1]["error"]["code"] == 413


@pytest.mark.parametrize("errors", ["all", "item"])
def test_texts_of_too_many_windows_together(
    client: TestClient, encoder: FakeEncoder, errors: str
) -> None:
    texts = [f"{number} " + "word " * 250 for number in range(6)]  # four windows each
    body = {"input": texts, "errors": errors}
    assert client.post("/v1/embeddings", json=body).status_code == 200
    texts = [f"{number} " + "w " * 250 for number in range(11)]
    encoder.batches.clear()
    said = error_of(client.post("/v1/embeddings", json={"input": texts, "errors": errors}), 413)
    assert "more than 40 windows" in said
    assert "MMEMBED_MAX_ALL_WINDOWS" in said
    assert encoder.batches == []
    terms = [{"text": text} for text in texts]
    assert "more than 40" in error_of(client.post("/v1/search", json={"query": terms}), 413)


def test_too_many_characters_together(client: TestClient, encoder: FakeEncoder) -> None:
    texts = [f"{number}" + "x" * 2000 for number in range(5)]
    encoder.batches.clear()
    for path, body in (
        ("/v1/embeddings", {"input": texts}),
        ("/v1/search", {"query": [{"text": text} for text in texts]}),
        ("/v1/items", {"image": RED, "captions": texts}),
    ):
        said = error_of(client.post(path, json=body), 413)
        assert "characters in all texts of the request, limit 8000" in said
        assert "MMEMBED_MAX_ALL_CHARS" in said
    assert encoder.batches == []


def test_captions_of_too_many_windows_together(client: TestClient, encoder: FakeEncoder) -> None:
    captions = [f"{number} " + "w " * 250 for number in range(11)]
    item = client.post("/v1/items", json={"image": RED}).json()["id"]
    encoder.batches.clear()
    for said in (
        client.post("/v1/items", json={"image": RED, "captions": captions}),
        client.patch(f"/v1/items/{item}", json={"captions": captions}),
    ):
        assert "more than 40 windows" in error_of(said, 413)
    assert client.get(f"/v1/items/{item}").json()["captions"] == []


def test_token_ids_are_counted_before_they_are_text(tmp_path: Path) -> None:
    vocabulary = tmp_path / "large.tiktoken"
    vocabulary.write_text("YWFhYWFhYWFhYWFh 0\n")  # twelve letters
    with serving(tmp_path / "data", token_vocabulary=str(vocabulary)) as (client, _):
        said = error_of(client.post("/v1/embeddings", json={"input": [[0] * 10_001]}), 413)
    assert said == "10001 token ids in input[0], limit 10000; raise MMEMBED_MAX_TEXT_CHARS"


def test_a_text_that_may_not_be_cut_is_not_read_whole(client: TestClient) -> None:
    text = "word " * 599
    body = {"texts": [text], "truncate": "NONE"}
    assert "texts[0]: 615 tokens, limit 77" in error_of(client.post("/v2/embed", json=body), 413)
    for truncate in ("START", "END"):
        body["truncate"] = truncate
        assert client.post("/v2/embed", json=body).status_code == 200
