"""`/v1/embeddings` and `/v1/models`, as the clients of OpenAI and its kin speak them."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.fake_encoder import DIM, FakeEncoder
from tests.server.dialects.openai_calls import ADDRESS, JSON, RED, embed, rows, vector
from tests.serving import data_uri, error_of, picture, serving


def test_one_text_and_many(client: TestClient) -> None:
    one = embed(client, input="a red bus", model="default")
    many = embed(client, input=["a red bus", "a blue boat"])
    assert set(one) == {"object", "id", "created", "data", "model", "usage"}
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


def test_dimensions(client: TestClient) -> None:
    whole = rows(embed(client, input="a", dimensions=DIM))[0]
    np.testing.assert_array_equal(rows(embed(client, input="a", dimensions=0))[0], whole)
    asked = {"input": "a", "dimensions": 8}
    refusal = client.post("/v1/embeddings", json=asked)
    assert f"fake has {DIM} dimensions and was not trained to be cut" in error_of(refusal, 422)
    assert refusal.json()["error"]["param"] == "dimensions"
    answer = embed(client, **asked, allow_untrained_dimensions=True)
    cut = rows(answer)[0]
    np.testing.assert_allclose(cut, whole[:8] / np.linalg.norm(whole[:8]), atol=1e-6)
    assert f"first 8 of {DIM} numbers" in answer["notes"][0]
    too_many = client.post("/v1/embeddings", json={"input": "a", "dimensions": DIM + 1})
    assert f"fake has {DIM}" in error_of(too_many, 422)


def test_base64_of_other_numbers(client: TestClient) -> None:
    plain = embed(client, input="red", embedding_type="int8")["data"][0]["embedding"]
    voyage = embed(client, input="red", output_dtype="int8", encoding_format="base64")
    packed = base64.b64decode(voyage["data"][0]["embedding"])
    assert np.frombuffer(packed, np.int8).tolist() == plain
    assert max(map(abs, plain)) == 127


def test_a_bad_input_is_named(client: TestClient) -> None:
    answer = client.post(
        "/v1/embeddings", json={"input": ["a", {"content": ["b", {"image": "!"}]}]}
    )
    assert "input[1].content[1]: neither a data URI nor base64" in error_of(answer, 422)
    assert answer.json()["error"]["param"] == "input[1].content[1]"


BAD_AND_GOOD = ["red", " ", {"foo": 1}, RED, {"image": "aGVsbG8="}, {"text": 5}, "x" * 10_001]


@pytest.mark.parametrize(
    ("body", "headers"), [({"errors": "item"}, {}), ({}, {"X-Mmembed-Errors": "item"})]
)
def test_bad_inputs_may_fail_alone(tmp_path: Path, body: JSON, headers: dict[str, str]) -> None:
    with serving(tmp_path) as (client, _):
        answer = client.post(
            "/v1/embeddings", json={"input": BAD_AND_GOOD, **body}, headers=headers
        )
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert [one["index"] for one in data] == list(range(len(BAD_AND_GOOD)))
    good = [one["embedding"] for one in data if one["object"] == "embedding"]
    np.testing.assert_array_equal(np.array(good, np.float32), [vector("red"), vector(RED)])
    errors = {one["index"]: one["error"] for one in data if one["object"] == "error"}
    assert {index: error["code"] for index, error in errors.items()} == {
        1: 422,
        2: 422,
        4: 415,
        5: 422,
        6: 413,
    }
    for index, error in errors.items():
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"].startswith(f"input[{index}]") or index == 6
        assert error["param"].startswith(f"input[{index}]")


def test_a_header_that_says_neither(client: TestClient) -> None:
    answer = client.post("/v1/embeddings", json={"input": "a"}, headers={"X-Mmembed-Errors": "?"})
    assert "X-Mmembed-Errors: expected all or item" in error_of(answer, 422)


def test_long_texts_are_noted_or_refused(client: TestClient) -> None:
    long = "red " * 100
    answer = embed(client, input=["red", long])
    assert answer["notes"] == [
        "input[1]: longer than the 77 tokens that the model reads at once: its embedding averages "
        "its 2 parts."
    ]
    assert answer["usage"]["total_tokens"] == 3 + 104
    refusal = client.post("/v1/embeddings", json={"input": ["red", long], "truncation": False})
    assert "input[1]: 104 tokens, limit 77" in error_of(refusal, 413)


def test_token_ids(tmp_path: Path) -> None:
    vocabulary = tmp_path / "small.tiktoken"
    words = [b"a ", b"red", b" bus", "é".encode()[:1], "é".encode()[1:]]
    vocabulary.write_text(
        "".join(f"{base64.b64encode(word).decode()} {i}\n" for i, word in enumerate(words))
    )
    with serving(tmp_path / "data", token_vocabulary=str(vocabulary)) as (client, _):
        found = rows(embed(client, input=[[0, 1, 2], [3, 4]]))
        np.testing.assert_array_equal(found, [vector("a red bus"), vector("é")])
        np.testing.assert_array_equal(rows(embed(client, input=[0, 1, 2]))[0], found[0])
        unknown = client.post("/v1/embeddings", json={"input": [[0], [7]]})
        assert "input[1]: MMEMBED_TOKEN_VOCABULARY has no token 7" in error_of(unknown, 400)


@pytest.mark.parametrize("content", [None, "not a vocabulary"])
def test_a_vocabulary_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "file").write_text(content)
    with serving(tmp_path / "data", token_vocabulary=str(tmp_path / "file")) as (client, _):
        answer = client.post("/v1/embeddings", json={"input": [1]})
    message = error_of(answer, 503)
    assert message.startswith("MMEMBED_TOKEN_VOCABULARY: ")
    assert str(tmp_path) not in message


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "input: is missing"),
        ({"input": []}, 422, "input: there is none"),
        ({"input": ""}, 422, "input[0]: the text is empty"),
        ({"input": ["a", " "]}, 422, "input[1]: the text is empty"),
        ({"input": [1, 2, 3]}, 400, "check_embedding_ctx_length=False"),
        ({"input": [[1, 2], [3]]}, 400, "input[0]: token ids are of a tokenizer that is not known"),
        ({"input": ["a", {"foo": "b"}]}, 422, "input[1]: there is neither a text nor an image"),
        ({"input": ["a", {"type": "audio_url", "audio_url": {}}]}, 422, "input[1]: 'audio_url': "),
        ({"input": [{"content": ["a", 5]}]}, 422, "input[0].content[1]: expected text or an obj"),
        ({"input": [{"content": []}]}, 422, "input[0]: there is neither"),
        ({"input": [[]]}, 422, "input[0]: there is neither"),
        ({"input": [True]}, 422, "input[0]: expected text or an object"),
        ({"input": [{"text": "b", "weight": 0}]}, 422, "input[0].weight: "),
        ({"input": "a", "messages": [{"content": "a"}]}, 422, "input: expected no messages"),
        ({"messages": [{"content": " "}]}, 422, "messages: there is neither"),
        ({"messages": []}, 422, "messages: there is neither"),
        ({"input": "a", "errors": "some"}, 422, "errors: "),
        (
            {"input": "a", "output_dtype": "int8", "embedding_type": "binary"},
            422,
            "binary and int8",
        ),
        ({"input": 5}, 422, "input: "),
        ({"input": ["a"] * 5}, 413, "5 inputs, limit 4; raise MMEMBED_MAX_ITEMS"),
        ({"input": "x" * 10_001}, 413, "input[0], limit 10000"),
        ({"input": "a", "encoding_format": "int4"}, 422, "encoding_format: "),
        ({"input": "a", "model": "text-embedding-3-small"}, 404, "use 'fake' or 'default'"),
        ({"input": "a", "modality": "audio"}, 422, "modality: "),
        ({"input": "a cat", "modality": "image"}, 422, "input[0]: neither a data URI nor base64"),
        ({"input": ["aGVsbG8="], "modality": "image"}, 415, "input[0]: "),
        ({"input": ["https://example.org/x.png"], "modality": "image"}, 422, "not fetched"),
        ({"input": ["a", ADDRESS]}, 422, "input[1]: addresses are not fetched here"),
        ({"input": ADDRESS}, 422, "send modality: text"),
        ({"input": "data:text/plain;base64,aGVsbG8="}, 415, "input[0]: "),
        ({"input": "data:image/svg+xml,%3Csvg%3E"}, 422, "input[0]: a data URI without base64"),
        ({"input": "data:;base64,!"}, 422, "input[0]: neither a data URI nor base64"),
        ({"input": RED, "modality": "text"}, 422, "input[0]: a data URI in the place of words"),
        ({"input": [{"text": RED}]}, 422, "input[0]: a data URI in the place of words"),
        ({"messages": [{"role": "user", "content": RED}]}, 422, "a data URI in the place of words"),
    ],
)
def test_what_makes_no_sense_is_named(
    client: TestClient, body: JSON, status: int, said: str
) -> None:
    assert said in error_of(client.post("/v1/embeddings", json=body), status)


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_the_model_is_listed(client: TestClient, prefix: str) -> None:
    answer = client.get(f"{prefix}/models").json()
    assert answer["object"] == "list"
    assert [model["id"] for model in answer["data"]] == ["fake"]
    assert answer["data"][0]["object"] == "model"
    assert client.get(f"{prefix}/models/fake").json() == answer["data"][0]
    assert client.get(f"{prefix}/models/default").json() == answer["data"][0]
    other = client.get(f"{prefix}/models/ViT-B-32/openai")
    assert "model 'ViT-B-32/openai' is not served here; use 'fake'" in error_of(other, 404)


def test_a_name_that_the_owner_allows(tmp_path: Path) -> None:
    with serving(tmp_path, aliases=("embed-v4.0",)) as (client, _):
        assert embed(client, input="a", model="embed-v4.0")["model"] == "fake"
