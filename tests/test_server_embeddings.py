"""`/v1/embeddings` and `/v1/models`, as OpenAI's clients speak them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from tests.fake_encoder import DIM, FakeEncoder
from tests.serving import data_uri, error_of, picture, serving

JSON = dict[str, Any]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serving(tmp_path_factory.mktemp("collection"), max_items=4) as (client, _):
        yield client


def embed(client: TestClient, **body: Any) -> JSON:
    answer = client.post("/v1/embeddings", json=body)
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def rows(answer: JSON) -> NDArray[np.float32]:
    assert [one["index"] for one in answer["data"]] == list(range(len(answer["data"])))
    return np.array([one["embedding"] for one in answer["data"]], np.float32)


def test_one_text_and_many(client: TestClient) -> None:
    one = embed(client, input="a red bus", model="default")
    many = embed(client, input=["a red bus", "a blue boat"])
    assert set(one) == {"object", "data", "model", "usage"}
    assert (one["object"], one["model"]) == ("list", "fake")
    assert one["data"][0]["object"] == "embedding"
    assert rows(many).shape == (2, DIM)
    np.testing.assert_array_equal(rows(one)[0], rows(many)[0])
    np.testing.assert_allclose(np.linalg.norm(rows(many), axis=1), 1, atol=1e-6)
    expected = FakeEncoder().embed_texts(["a red bus", "a blue boat"])
    np.testing.assert_array_equal(rows(many), expected)


def test_base64_is_the_same_floats(client: TestClient) -> None:
    floats = embed(client, input=["a", "b"], encoding_format="float")
    packed = embed(client, input=["a", "b"], encoding_format="base64")
    decoded = [np.frombuffer(base64.b64decode(one["embedding"]), "<f4") for one in packed["data"]]
    np.testing.assert_array_equal(np.stack(decoded), rows(floats))


@pytest.mark.parametrize("more", [{}, {"encoding_format": None}, {"user": "me", "extra": 1}])
def test_floats_unless_asked(client: TestClient, more: JSON) -> None:
    assert isinstance(embed(client, input="a", **more)["data"][0]["embedding"][0], float)


def test_images(client: TestClient) -> None:
    encoder = FakeEncoder()
    bare = base64.b64encode(picture("blue")).decode()
    answer = embed(client, input=[data_uri(picture("red")), bare], modality="image")
    found = rows(answer)
    said = encoder.embed_texts(["red", "blue"])
    assert (found @ said.T).argmax(axis=1).tolist() == [0, 1]
    assert answer["usage"] == {"prompt_tokens": 0, "total_tokens": 0}
    one = embed(client, input=data_uri(picture("red")), modality="image")
    np.testing.assert_array_equal(rows(one)[0], found[0])


def test_usage_counts_tokens(client: TestClient) -> None:
    usage = embed(client, input=["a red bus", "boat"])["usage"]
    assert usage == {"prompt_tokens": 5 + 3, "total_tokens": 5 + 3}


def test_the_models_own_dimensions(client: TestClient) -> None:
    assert rows(embed(client, input="a", dimensions=DIM)).shape == (1, DIM)
    answer = client.post("/v1/embeddings", json={"input": "a", "dimensions": 8})
    assert f"fake has {DIM}, and cannot be cut to 8" in error_of(answer, 422)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "input: is missing"),
        ({"input": []}, 422, "input: there is none"),
        ({"input": ""}, 422, "input[0]: the text is empty"),
        ({"input": ["a", " "]}, 422, "input[1]: the text is empty"),
        ({"input": [1, 2, 3]}, 422, "token ids are of another tokenizer"),
        ({"input": [[1, 2], [3]]}, 422, "token ids are of another tokenizer"),
        ({"input": ["a", {"text": "b"}]}, 422, "input[1]: expected text"),
        ({"input": {"text": "b"}}, 422, "input: "),
        ({"input": 5}, 422, "input: "),
        ({"input": ["a"] * 5}, 413, "5 inputs, limit 4; raise MMEMBED_MAX_ITEMS"),
        ({"input": "x" * 10_001}, 413, "input[0], limit 10000"),
        ({"input": "a", "encoding_format": "int8"}, 422, "encoding_format: "),
        ({"input": "a", "model": "text-embedding-3-small"}, 404, "use 'fake' or 'default'"),
        ({"input": "a", "modality": "audio"}, 422, "modality: "),
        ({"input": "a cat", "modality": "image"}, 422, "input[0]: neither a data URI nor base64"),
        ({"input": ["aGVsbG8="], "modality": "image"}, 415, "input[0]: "),
        ({"input": ["https://example.org/x.png"], "modality": "image"}, 422, "not fetched"),
    ],
)
def test_what_makes_no_sense_is_named(
    client: TestClient, body: JSON, status: int, said: str
) -> None:
    assert said in error_of(client.post("/v1/embeddings", json=body), status)


def test_the_model_is_listed(client: TestClient) -> None:
    answer = client.get("/v1/models").json()
    assert answer["object"] == "list"
    assert [model["id"] for model in answer["data"]] == ["fake"]
    assert answer["data"][0]["object"] == "model"
