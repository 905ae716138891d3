"""Cohere's, Voyage's and Immich's requests; and the same input through all doors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.server.app import create_app
from tests.fake_encoder import DIM, FakeEncoder
from tests.serving import ADDRESS, data_uri, error_of, picture, serving

JSON = dict[str, Any]
Vector = NDArray[np.float32]
RED = data_uri(picture("red", kind="JPEG"), "jpg")
"""With the media type that LlamaIndex gives a JPEG; there is none of this name."""
LONG = "red " + "apples " * 80 + "blue"
"""Two windows of the fake encoder."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serving(tmp_path_factory.mktemp("collection"), max_items=6) as (client, _):
        yield client


def post(client: TestClient, path: str, **body: Any) -> JSON:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def predict(client: TestClient, clip: JSON, **form: Any) -> Any:
    """As Immich sends it: the picture as a file without a name of its own."""
    files = {name: ("blob", value) for name, value in form.items() if isinstance(value, bytes)}
    data = {name: value for name, value in form.items() if isinstance(value, str)}
    entries = {"entries": json.dumps(clip)}
    return client.post("/predict", data={**entries, **data}, files=files or {"none": b""})


# -- the same input through all doors ------------------------------------------------


def openai(client: TestClient, item: Any, **more: Any) -> Vector:
    return floats(post(client, "/v1/embeddings", input=[item], **more)["data"][0]["embedding"])


def floats(embedding: Any) -> Vector:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding), "<f4")
    return np.array(embedding, np.float32)


def messages(client: TestClient, content: Any) -> Vector:
    body = {"messages": [{"role": "user", "content": content}]}
    return floats(post(client, "/v1/embeddings", **body)["data"][0]["embedding"])


def cohere(client: TestClient, kind: str = "float", **body: Any) -> Vector:
    answer = post(client, "/v2/embed", **body, embedding_types=[kind])
    return floats(answer["embeddings"][kind][0])


def voyage(client: TestClient, *content: Any, **more: Any) -> Vector:
    body = {"inputs": [{"content": list(content)}], **more}
    return floats(post(client, "/v1/multimodalembeddings", **body)["data"][0]["embedding"])


def immich(client: TestClient, kind: str, **form: Any) -> Vector:
    answer = predict(client, {"clip": {kind: {"modelName": "fake"}}}, **form)
    return np.array(json.loads(answer.json()["clip"]), np.float32)


TEXT = "a red bicycle"
TEXT_PART = {"type": "text", "text": TEXT}
URL_PART = {"type": "image_url", "image_url": {"url": RED}}

TEXT_DOORS: list[Callable[[TestClient], Vector]] = [
    lambda c: openai(c, TEXT),
    lambda c: openai(c, TEXT, encoding_format="base64"),
    lambda c: openai(c, {"text": TEXT}),
    lambda c: messages(c, [TEXT_PART]),
    lambda c: cohere(c, texts=[TEXT]),
    lambda c: cohere(c, "base64", inputs=[{"content": [TEXT_PART]}], input_type="search_query"),
    lambda c: voyage(c, TEXT_PART),
    lambda c: voyage(c, TEXT_PART, encoding_format="base64"),
    lambda c: immich(c, "textual", text=TEXT),
]
IMAGE_DOORS: list[Callable[[TestClient], Vector]] = [
    lambda c: openai(c, RED, modality="image"),
    lambda c: openai(c, {"image": RED.partition(",")[2]}),
    lambda c: messages(c, [URL_PART]),
    lambda c: cohere(c, images=[RED], input_type="image"),
    lambda c: cohere(c, inputs=[{"content": [URL_PART]}]),
    lambda c: voyage(c, {"type": "image_base64", "image_base64": RED}),
    lambda c: immich(c, "visual", image=base64.b64decode(RED.partition(",")[2])),
]
BOTH_DOORS: list[Callable[[TestClient], Vector]] = [
    lambda c: openai(c, {"content": [TEXT_PART, URL_PART]}),
    lambda c: openai(c, {"text": TEXT, "image": RED}),
    lambda c: messages(c, [TEXT_PART, URL_PART]),
    lambda c: cohere(c, inputs=[{"content": [TEXT_PART, URL_PART]}]),
    lambda c: voyage(c, TEXT_PART, {"type": "image_base64", "image_base64": RED}),
]


@pytest.mark.parametrize("doors", [TEXT_DOORS, IMAGE_DOORS, BOTH_DOORS])
def test_all_doors_lead_to_the_same_vector(
    client: TestClient, doors: list[Callable[[TestClient], Vector]]
) -> None:
    vectors = [door(client) for door in doors]
    assert vectors[0].shape == (DIM,)
    for one in vectors[1:]:
        np.testing.assert_array_equal(one, vectors[0])


# -- Cohere --------------------------------------------------------------------------


def test_cohere_answers_by_type(client: TestClient) -> None:
    kinds = ["float", "int8", "uint8", "binary", "ubinary", "base64"]
    answer = post(client, "/v2/embed", texts=["red", "blue"], embedding_types=kinds)
    assert answer["response_type"] == "embeddings_by_type"
    assert answer["texts"] == ["red", "blue"]
    by_type = answer["embeddings"]
    assert list(by_type) == kinds
    rows = np.array(by_type["float"], np.float32)
    np.testing.assert_array_equal(rows, FakeEncoder().embed_texts(["red", "blue"]))
    np.testing.assert_array_equal(rows, [floats(one) for one in by_type["base64"]])
    signs = np.packbits(rows > 0, axis=1)
    assert by_type["ubinary"] == signs.tolist()
    assert by_type["binary"] == (signs.astype(int) - 128).tolist()
    int8 = np.array(by_type["int8"])
    np.testing.assert_array_equal(int8, np.rint(127 * rows / abs(rows).max(1, keepdims=True)))
    np.testing.assert_array_equal(np.array(by_type["uint8"]), int8 + 128)
    assert answer["meta"]["billed_units"] == {"input_tokens": 6, "images": 0}


def test_cohere_says_what_images_were(client: TestClient) -> None:
    grey = data_uri(picture("red", (30, 20)))
    answer = post(client, "/v2/embed", images=[RED, grey], input_type="image")
    assert answer["images"] == [
        {"width": 64, "height": 48, "format": "jpeg", "bit_depth": 24},
        {"width": 30, "height": 20, "format": "png", "bit_depth": 24},
    ]
    assert answer["meta"]["billed_units"]["images"] == 2


def test_cohere_truncates_as_it_is_told(client: TestClient) -> None:
    def shortened(truncate: str | None) -> Vector:
        return cohere(client, texts=[LONG], truncate=truncate)

    said = FakeEncoder().embed_texts(
        ["red " + "apples " * 74, "apples " * 74 + "blue", LONG, "red", "blue"]
    )
    np.testing.assert_allclose(shortened("END"), said[0], atol=1e-6)
    np.testing.assert_allclose(shortened("START"), said[1], atol=1e-6)
    np.testing.assert_allclose(shortened(None), said[2], atol=1e-6)
    refusal = client.post("/v2/embed", json={"texts": ["a", LONG], "truncate": "NONE"})
    assert "texts[1]: 86 tokens, limit 77" in error_of(refusal, 413)
    assert refusal.json()["error"]["param"] == "texts[1]"
    noted = post(client, "/v2/embed", texts=["a", LONG])["meta"]["warnings"]
    assert noted[0].startswith("texts[1]: longer than the 77 tokens")


def test_cohere_short_texts_are_never_cut(client: TestClient) -> None:
    for truncate in ("NONE", "START", "END"):
        np.testing.assert_array_equal(
            cohere(client, texts=["red"], truncate=truncate), cohere(client, texts=["red"])
        )


def test_cohere_bad_inputs_may_fail_alone(client: TestClient) -> None:
    body = {"images": [RED, "!"], "embedding_types": ["float", "base64"]}
    refusal = client.post("/v2/embed", json=body)
    assert "images[1]: neither a data URI nor base64" in error_of(refusal, 422)
    answer = post(client, "/v2/embed", **body, errors="item")
    assert [len(row) for row in answer["embeddings"]["float"]] == [DIM, 0]
    assert answer["embeddings"]["base64"][1] == ""
    assert len(answer["images"]) == 1
    [failure] = answer["errors"]
    assert (failure["index"], failure["error"]["param"]) == (1, "images[1]")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "expected exactly one of texts, images and inputs"),
        ({"texts": ["a"], "images": []}, 422, "expected exactly one of"),
        ({"texts": []}, 422, "texts: there is none"),
        ({"texts": "a"}, 422, "texts: "),
        ({"texts": ["a"], "embedding_types": ["int4"]}, 422, "embedding_types[0]"),
        ({"texts": ["a"], "truncate": "MIDDLE"}, 422, "truncate: "),
        ({"texts": ["a"], "output_dimension": 8}, 422, "was not trained to be cut to 8"),
        ({"texts": ["a"], "model": "embed-v4.0"}, 404, "model 'embed-v4.0' is not served here"),
        ({"texts": ["a"] * 7}, 413, "7 inputs, limit 6; raise MMEMBED_MAX_ITEMS"),
        ({"inputs": [{"content": ["a"] * 4}] * 2}, 413, "8 inputs, limit 6"),
        ({"inputs": [{"content": [{"type": "video"}]}]}, 422, "inputs[0].content[0]: 'video'"),
    ],
)
def test_cohere_errors(client: TestClient, body: JSON, status: int, said: str) -> None:
    assert said in error_of(client.post("/v2/embed", json=body), status)


# -- Voyage --------------------------------------------------------------------------


def test_voyage_counts_tokens_and_pixels(client: TestClient) -> None:
    image = {"type": "image_base64", "image_base64": RED}
    answer = post(
        client,
        "/v1/multimodalembeddings",
        inputs=[{"content": [TEXT_PART, image]}, {"content": [image]}],
        model="default",
        input_type=None,
        truncation=True,
        output_dtype=None,
        output_dimension=None,
        encoding_format="base64",
    )
    assert answer["model"] == "fake"
    assert answer["usage"] == {
        "text_tokens": 5,
        "image_pixels": 2 * 64 * 48,
        "video_pixels": 0,
        "total_tokens": 5,
    }
    assert len(base64.b64decode(answer["data"][1]["embedding"])) == 4 * DIM


def test_voyage_bytes_in_base64(client: TestClient) -> None:
    body = {"inputs": [{"content": [TEXT_PART]}], "output_dtype": "ubinary"}
    path = "/v1/multimodalembeddings"
    plain = post(client, path, **body)["data"][0]["embedding"]
    text = post(client, path, **body, encoding_format="base64")["data"][0]["embedding"]
    assert list(base64.b64decode(text)) == plain


def test_voyage_errors(client: TestClient) -> None:
    path = "/v1/multimodalembeddings"
    good, bad = {"content": [TEXT_PART]}, {"content": [{"type": "image_base64"}]}
    refusal = client.post(path, json={"inputs": [good, bad]})
    assert "inputs[1].content[0]: 'image_base64': there is neither" in error_of(refusal, 422)
    data = post(client, path, inputs=[bad, good], errors="item")["data"]
    assert [one["object"] for one in data] == ["error", "embedding"]
    long = {"inputs": [{"content": [{"type": "text", "text": LONG}]}], "truncation": False}
    assert "inputs[0].content[0]: 86 tokens" in error_of(client.post(path, json=long), 413)


# -- Immich --------------------------------------------------------------------------


def test_immich_ping(client: TestClient) -> None:
    answer = client.get("/ping")
    assert (answer.text, answer.headers["content-type"]) == ("pong", "text/plain; charset=utf-8")


def test_immich_answers(client: TestClient) -> None:
    options = {"modelName": "fake", "options": {"language": "de"}}
    textual = predict(client, {"clip": {"textual": options}}, text="red").json()
    assert set(textual) == {"clip"}
    assert isinstance(textual["clip"], str)
    visual = predict(client, {"clip": {"visual": {"modelName": "fake"}}}, image=picture()).json()
    assert set(visual) == {"clip", "imageHeight", "imageWidth"}
    assert (visual["imageHeight"], visual["imageWidth"]) == (48, 64)


@pytest.mark.parametrize(
    ("entries", "form", "status", "said"),
    [
        ({"facial-recognition": {"detection": {}}}, {"image": b""}, 422, "'facial-recognition'"),
        ({"ocr": {}, "clip": {"visual": {"modelName": "fake"}}}, {}, 422, "'ocr' is not served"),
        ({}, {}, 422, "expected clip with one of visual and textual"),
        ({"clip": {}}, {}, 422, "expected clip with one of visual and textual"),
        ({"clip": {"visual": {}}}, {}, 422, "clip.visual.modelName: is missing"),
        ({"clip": {"textual": {"modelName": ""}}}, {"text": "a"}, 422, "clip.textual.modelName: "),
        ({"clip": {"visual": {"modelName": "fake"}}}, {"text": "a"}, 422, "image: is missing"),
        ({"clip": {"textual": {"modelName": "fake"}}}, {}, 422, "text: is missing"),
        ({"clip": {"visual": {"modelName": "fake"}}}, {"image": b"hello"}, 415, "image: "),
        ([], {}, 422, "the body: "),
        (
            {"clip": {"textual": {"modelName": "ViT-B-32__openai"}}},
            {"text": "a"},
            404,
            "only 'fake'; start mmembed with --model ViT-B-32/openai, or with "
            "MMEMBED_ALIASES=ViT-B-32__openai to have the collection's model answer for it",
        ),
    ],
)
def test_immich_errors(
    client: TestClient, entries: Any, form: JSON, status: int, said: str
) -> None:
    assert said in error_of(predict(client, entries, **form), status)


def test_immich_wants_a_form(client: TestClient) -> None:
    assert "expected a multipart form" in error_of(client.post("/predict", json={}), 422)


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked", ["ViT-B-32__laion2b", "immich-app/ViT-B-32__laion2b", "default", "ViT-B-32__other"]
)
def test_immich_names_models_in_its_own_way(tmp_path: Path, asked: str) -> None:
    settings = Settings.from_env(
        {}, data=tmp_path, model="ViT-B-32/laion2b", aliases=("ViT-B-32__other",)
    )
    app = create_app(Collection(settings, load=FakeEncoder))
    with TestClient(app, base_url=ADDRESS) as client:
        answer = predict(client, {"clip": {"textual": {"modelName": asked}}}, text="red")
    assert answer.status_code == 200, answer.text
