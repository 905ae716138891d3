"""`/v1/classify`"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmembed.classify.zero_shot import TEMPLATES
from mmembed.server.routes import classify as server_classify
from mmembed.types import Embeddings
from tests.fake_encoder import FakeEncoder
from tests.serving import add, data_uri, error_of, picture, serving

LABELS = ["red", "green", "blue"]
JSON = dict[str, Any]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("collection")
    with serving(folder, max_items=4, max_labels=1500, max_text_chars=200) as (client, _):
        add(client, "green")
        yield client


def classify(client: TestClient, **body: Any) -> JSON:
    answer = client.post("/v1/classify", json={"labels": LABELS, **body})
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def best(result: JSON) -> str:
    return str(result["labels"][0]["label"])


def test_every_way_to_give_an_image(client: TestClient) -> None:
    bare = base64.b64encode(picture("blue")).decode()
    item = client.get("/v1/items").json()["items"][0]["id"]
    named = {"image": data_uri(picture("blue")), "name": "sea.png"}
    images = [data_uri(picture("red")), bare, {"item": item}, named]
    answer = classify(client, images=images)
    assert [best(result) for result in answer["results"]] == ["red", "blue", "green", "blue"]
    assert [result["index"] for result in answer["results"]] == [0, 1, 2, 3]
    assert answer["results"][0]["name"] == "images[0]"
    assert answer["results"][3]["name"] == "sea.png"
    assert answer["model"] == "fake"
    assert answer["mode"] == "softmax"


def test_probabilities_fall_and_sum_to_one(client: TestClient) -> None:
    [result] = classify(client, images=[data_uri(picture("red"))])["results"]
    chances = [label["probability"] for label in result["labels"]]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) == pytest.approx(1, abs=1e-5)
    assert {label["label"] for label in result["labels"]} == set(LABELS)
    assert all(-1 <= label["score"] <= 1 for label in result["labels"])


def test_sigmoid_judges_each_label_for_itself(client: TestClient) -> None:
    def chance(labels: list[str]) -> float:
        answer = classify(client, images=[data_uri(picture("red"))], labels=labels, mode="sigmoid")
        assert answer["mode"] == "sigmoid"
        assert [note.partition(",")[0] for note in answer["notes"]] == [
            "fake was not trained for the mode sigmoid"
        ]
        return float(answer["results"][0]["labels"][0]["probability"])

    assert chance(["red"]) == pytest.approx(chance(LABELS))


def test_the_mode_is_the_models_own_unless_asked(tmp_path: Path) -> None:
    with serving(tmp_path, FakeEncoder(logit_bias=-10.0)) as (client, _):
        answer = classify(client, images=[data_uri(picture("red"))])
        assert (answer["mode"], answer["notes"]) == ("sigmoid", [])


def test_top_k_keeps_the_best(client: TestClient) -> None:
    [result] = classify(client, images=[data_uri(picture("red"))], top_k=1)["results"]
    assert [label["label"] for label in result["labels"]] == ["red"]
    [result] = classify(client, images=[data_uri(picture("red"))], top_k=10**6)["results"]
    assert len(result["labels"]) == 3


@pytest.mark.slow
def test_an_answer_larger_than_its_request_is_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [{"item": 1}] * 4
    labels = [f"label {number} " + "x" * 150 for number in range(1000)]
    monkeypatch.setattr(server_classify, "LARGEST_ANSWER", 1_000_000)
    response = client.post("/v1/classify", json={"images": images, "labels": labels})
    message = error_of(response, 413)
    assert message.startswith("4 images × 1000 labels are an answer of some 1 MB, limit 1; ask")
    answer = classify(client, images=images, labels=labels, top_k=1)
    assert [len(result["labels"]) for result in answer["results"]] == [1] * 4


def test_templates_change_the_prompts(client: TestClient) -> None:
    image = data_uri(picture("blue"))
    plain = classify(client, images=[image], labels=["sky", "fire"], templates=["{}"])
    told = classify(client, images=[image], labels=["sky", "fire"], templates=["{}", "blue {}"])
    assert plain["results"] != told["results"]
    message = error_of(
        client.post(
            "/v1/classify", json={"images": [image], "labels": LABELS, "templates": ["a photo"]}
        ),
        422,
    )
    assert "no {}" in message


def test_a_form_as_curl_sends_it(client: TestClient) -> None:
    files = [
        ("images", ("a red one.png", picture("red"), "image/png")),
        ("images", ("b.jpg", picture("blue", kind="JPEG"), "application/octet-stream")),
    ]
    data = {"labels": LABELS, "templates": ["{}", "a photo of a {}"], "mode": "softmax"}
    answer = client.post("/v1/classify", files=files, data={**data, "top_k": "2"}).json()
    assert [best(result) for result in answer["results"]] == ["red", "blue"]
    assert [result["name"] for result in answer["results"]] == ["a red one.png", "b.jpg"]
    assert all(len(result["labels"]) == 2 for result in answer["results"])


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("red, blue", {"red", "blue"}),
        (["red, blue", "green"], {"red, blue", "green"}),
        ("red", {"red"}),
    ],
)
def test_one_field_of_a_form_holds_labels_with_commas(
    client: TestClient, sent: str | list[str], read: set[str]
) -> None:
    answer = client.post(
        "/v1/classify", files={"images": ("a.png", picture())}, data={"labels": sent}
    )
    [result] = answer.json()["results"]
    assert {label["label"] for label in result["labels"]} == read


@pytest.mark.slow
def test_more_than_a_thousand_labels_fit_into_a_form(client: TestClient) -> None:
    labels = [f"label {number}" for number in range(1400)] + ["red"]
    answer = client.post(
        "/v1/classify",
        files=[("images", ("x.png", picture("red")))],
        data={"labels": labels, "templates": "{}", "top_k": "1"},
    )
    assert best(answer.json()["results"][0]) == "red"


def test_a_bad_image_fails_alone(client: TestClient) -> None:
    broken = picture("red")[:40]
    images = [data_uri(broken), data_uri(picture("red")), {"item": 999}, "%%%"]
    results = classify(client, images=images)["results"]
    assert best(results[1]) == "red"
    errors = [results[place]["error"] for place in (0, 2, 3)]
    assert [error["type"] for error in errors] == ["ImageError", "NotFound", "ImageError"]
    assert [error["code"] for error in errors] == [422, 404, 422]
    assert errors[0]["message"].startswith("images[0]: ")
    assert "labels" not in results[0]


def test_a_bad_upload_fails_alone(client: TestClient) -> None:
    files = [
        ("images", ("notes.jpg", b"shopping list")),
        ("images", ("sky.png", picture("blue"))),
        ("images", ("empty.jpg", b"")),
    ]
    answer = client.post("/v1/classify", files=files, data={"labels": LABELS})
    results = answer.json()["results"]
    assert best(results[1]) == "blue"
    assert results[0]["error"]["code"] == 415
    assert results[0]["error"]["message"].startswith("notes.jpg: ")
    assert results[2]["error"]["message"] == "empty.jpg: the file is empty"


def test_an_image_the_model_cannot_embed_fails_alone(tmp_path: Path) -> None:
    class Refuses(FakeEncoder):
        def embed_preprocessed(self, pixels: Any) -> Any:
            from mmembed.errors import ModelError

            if (pixels[..., 2] > 0.8 * 255).any():
                raise ModelError("fake: no direction")
            return super().embed_preprocessed(pixels)

    with serving(tmp_path, Refuses()) as (client, _):
        images = [data_uri(picture(colour)) for colour in ("red", "blue", "green")]
        results = classify(client, images=images)["results"]
    assert [best(result) for result in (results[0], results[2])] == ["red", "green"]
    assert results[1]["error"]["code"] == 503


IMAGE = data_uri(picture("red"))


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"images": [IMAGE]}, 422, "labels: is missing"),
        ({"labels": LABELS}, 422, "images: is missing"),
        ({"images": [], "labels": LABELS}, 422, "images: there are none"),
        ({"images": [IMAGE], "labels": []}, 422, "labels: give at least one"),
        ({"images": [IMAGE], "labels": ["red", " red "]}, 422, "labels[1]: 'red' is there twice"),
        ({"images": [IMAGE], "labels": ["red", " "]}, 422, "labels[1]: is blank"),
        (
            {"images": [IMAGE] * 5, "labels": LABELS},
            413,
            "5 images, limit 4; raise MMEMBED_MAX_ITE",
        ),
        ({"images": [IMAGE], "labels": ["a"] * 1501}, 413, "limit 1500; raise MMEMBED_MAX_LABELS"),
        ({"images": [IMAGE], "labels": ["ok", "x" * 201]}, 413, "labels[1], limit 200"),
        ({"images": [IMAGE], "labels": ["a"], "templates": ["{}"] * 101}, 413, "limit 100"),
        ({"images": [IMAGE], "labels": LABELS, "mode": "best"}, 422, "mode: "),
        ({"images": [IMAGE], "labels": LABELS, "top_k": 0}, 422, "top_k: "),
        ({"images": [IMAGE], "labels": LABELS, "label": "x"}, 422, "label: unknown field"),
        ({"images": [IMAGE], "labels": LABELS, "model": "x/y"}, 404, "use 'fake'"),
        ({"images": [{"itm": 1}], "labels": LABELS}, 422, "images[0].itm: unknown field"),
        ({"images": [{}], "labels": LABELS}, 422, "images[0]: expected exactly one"),
        ({"images": [5], "labels": LABELS}, 422, "images[0]: "),
        ({"images": [{"item": 10**20}], "labels": LABELS}, 422, "images[0].item: "),
        ({"images": IMAGE, "labels": LABELS}, 422, "images: "),
    ],
)
def test_what_makes_no_sense_is_named(
    client: TestClient, body: JSON, status: int, said: str
) -> None:
    assert said in error_of(client.post("/v1/classify", json=body), status)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"label": "red"}, "label: unknown field; known are images, labels"),
        ({"labels": []}, "labels: give at least one"),
        ({"labels": "red", "mode": "best"}, "mode: "),
        ({"labels": "red", "top_k": "-1"}, "top_k: "),
        ({"labels": "red", "top_k": "9" * 5000}, "top_k: "),
        ({"labels": "red", "images": "@x.jpg"}, "images: expected a file"),
    ],
)
def test_so_it_is_in_a_form(client: TestClient, fields: JSON, said: str) -> None:
    files = [("images", ("x.png", picture("red")))]
    assert said in error_of(client.post("/v1/classify", files=files, data=fields), 422)


def test_a_label_that_is_a_file(client: TestClient) -> None:
    files = [("images", ("x.png", picture("red"))), ("labels", ("l.txt", b"red"))]
    message = error_of(client.post("/v1/classify", files=files), 422)
    assert message == "labels: expected text, not a file"


def test_too_many_uploads(client: TestClient) -> None:
    files = [("images", (f"{n}.png", picture("red"))) for n in range(5)]
    answer = client.post("/v1/classify", files=files, data={"labels": LABELS})
    assert "limit 4; raise MMEMBED_MAX_ITEMS" in error_of(answer, 413)
    answer = client.post("/v1/classify", files=files * 3, data={"labels": LABELS})
    assert "MMEMBED_MAX_ITEMS" in error_of(answer, 413)


def test_labels_are_embedded_once(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    with serving(tmp_path, encoder) as (client, _):
        body = {"images": [data_uri(picture("red"))], "labels": LABELS}
        client.post("/v1/classify", json=body)
        before = len(encoder.batches)
        client.post("/v1/classify", json={**body, "images": [data_uri(picture("blue"))]})
        assert len(encoder.batches) == before + 1  # the image's
        client.post("/v1/classify", json=body)
        assert len(encoder.batches) == before + 1  # nothing new


class Quick(FakeEncoder):
    """Reads no more of a text than whether it says green."""

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        rows: Embeddings = super().embed_texts(["thing", "green"])
        found: Embeddings = rows[[int("green" in text) for text in texts]]
        return found

    def split(self, text: str, most: int | None = None) -> list[str]:
        return [text]


@pytest.mark.slow
def test_all_of_imagenet_in_one_request(tmp_path: Path) -> None:
    """1000 labels, CLIP's 80 templates; asked again, nothing is embedded."""
    encoder = Quick()
    labels = ["red", "green", *(f"a thing of some words, {number}" for number in range(998))]
    body = {"images": [data_uri(picture("green"))], "labels": labels, "templates": TEMPLATES}
    with serving(tmp_path, encoder, batch=256) as (client, collection):
        for _ in range(2):
            answer = client.post("/v1/classify", json={**body, "top_k": 1})
            assert answer.status_code == 200, answer.text
            assert best(answer.json()["results"][0]) == "green"
            done = collection.embedder.counts()
            assert done.texts == 80_000
            assert done.text_evictions == 0, "other texts stay in the cache"
