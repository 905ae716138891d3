"""`/v1/labels`, and what `/v1/classify` does with examples and sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmembed.server.routes import classify as server_classify
from tests.serving import add, data_uri, error_of, picture, serving

JSON = dict[str, Any]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serving(tmp_path_factory.mktemp("collection"), max_items=8) as (client, _):
        yield client


def best(client: TestClient, colour: str, **body: Any) -> str:
    answer = client.post("/v1/classify", json={"images": [data_uri(picture(colour))], **body})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["results"][0]["labels"][0]["label"])


def test_a_set_is_kept_listed_used_and_removed(client: TestClient) -> None:
    red = add(client, "red")["id"]
    other = data_uri(picture("red", (20, 30)))
    examples = {"A": [red, other, {"text": "warm"}], "B": [data_uri(picture("blue"))]}
    body = {"name": "s", "labels": ["A", "B"], "wordless": ["A", "B"], "examples": examples}
    made = client.post("/v1/labels", json=body)
    assert made.status_code == 201, made.text
    assert made.json() == client.get("/v1/labels/s").json()
    kinds = [one["kind"] for label in made.json()["labels"] for one in label["examples"]]
    assert kinds == ["item", "picture", "text", "picture"]
    listed = client.get("/v1/labels").json()["sets"]
    assert listed == [{"name": "s", "labels": 2, "examples": 4, "mode": None}]
    assert best(client, "red", label_set="s") == "A"
    assert best(client, "blue", label_set="s") == "B"
    client.delete(f"/v1/items/{red}")
    [label, _] = client.get("/v1/labels/s").json()["labels"]
    assert [one["gone"] for one in label["examples"]] == [True, False, False]
    answer = client.post("/v1/classify", json={"images": [data_uri(picture("red"))],
                                               "label_set": "s"}).json()  # fmt: skip
    assert answer["notes"] == [f"label set s: examples that are gone do not count: item {red} of A"]
    assert client.delete("/v1/labels/s").status_code == 204
    assert "'s': there is none" in error_of(client.get("/v1/labels/s"), 404)


def test_examples_of_a_request(client: TestClient) -> None:
    sizes = [(20, 30), (40, 20), (50, 50)]
    examples = {
        "red": [data_uri(picture("blue", size)) for size in sizes],
        "blue": [{"image": data_uri(picture("red", size))} for size in sizes],
    }
    assert best(client, "red", labels=["red", "blue"]) == "red"
    assert best(client, "red", labels=["red", "blue"], examples=examples) == "blue"


def test_a_picture_that_is_named_like_a_lost_item_is_not_lost(client: TestClient) -> None:
    red = add(client, "red")["id"]
    named = {"image": data_uri(picture("red", (31, 7))), "name": f"item {red}"}
    body = {"name": "n", "labels": ["A"], "examples": {"A": [red, named]},
            "thresholds": {"A": 0.5}}  # fmt: skip
    assert client.post("/v1/labels", json=body).json()["labels"][0]["threshold"] == 0.5
    client.delete(f"/v1/items/{red}")
    [label] = client.get("/v1/labels/n").json()["labels"]
    assert [one["gone"] for one in label["examples"]] == [True, False]


def test_parents_count_in_the_size_of_an_answer(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [" > ".join(f"{level}{number}" for level in "abcdefgh") for number in range(20)]
    body = {"images": [data_uri(picture("red"))], "labels": labels}
    answer = client.post("/v1/classify", json=body)
    assert len(answer.json()["results"][0]["branches"]) == 140
    monkeypatch.setattr(server_classify, "LARGEST_ANSWER", len(answer.content) - 1)
    error_of(client.post("/v1/classify", json=body), 413)


def test_texts_instead_of_images(client: TestClient) -> None:
    body = {"texts": ["a red bus", "a blue bus"], "labels": ["red", "blue"]}
    answer = client.post("/v1/classify", json=body).json()
    assert [one["labels"][0]["label"] for one in answer["results"]] == ["red", "blue"]
    assert [one["name"] for one in answer["results"]] == ["texts[0]", "texts[1]"]
    form = {"texts": (None, "a red bus"), "labels": (None, "red,blue")}
    by_form = client.post("/v1/classify", files=form)
    assert by_form.json()["results"][0]["labels"][0]["label"] == "red"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"labels": ["a"], "label_set": "s"}, 404, "label set 's'"),
        ({"label_set": "a/b"}, 422, "a name has up to"),
        ({"labels": ["a"], "examples": {"a": [{"item": 1, "text": "x"}]}}, 422,
         r"examples.a[0]: expected exactly one of"),
        ({"labels": ["a"], "examples": {"a": ["*"]}}, 422, "examples.a[0]: neither a data URI"),
        ({"labels": ["a"], "examples": {"a": [77]}}, 404, "examples.a[0]: item 77"),
        ({"labels": ["a"], "examples": {"a": [1] * 9}}, 413, "9 examples, limit 8"),
        ({"labels": ["a"], "examples": {"b": [{"text": "x"}]}}, 422, "'b' is none of the labels"),
        ({"labels": ["a"], "texts": ["x"]}, 422, "pictures and texts are classified apart"),
        ({}, 422, "labels: is missing"),
        ({"labels": ["a", "a >  b", "a > b"]}, 422, "'a > b' is there twice"),
        ({"labels": []}, 422, "labels: give at least one"),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense_are_refused(
    client: TestClient, body: JSON, status: int, message: str
) -> None:
    answer = client.post("/v1/classify", json={"images": [data_uri(picture("red"))], **body})
    assert message in error_of(answer, status)
