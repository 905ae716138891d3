"""`/v1/similarity`"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serving import add, data_uri, error_of, picture, serving

JSON = dict[str, Any]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serving(tmp_path_factory.mktemp("collection"), max_text_chars=200) as (client, _):
        add(client, "green")
        client.post("/v1/items", json={"caption": "green grass"})
        yield client


def ask(client: TestClient, *inputs: Any) -> JSON:
    answer = client.post("/v1/similarity", json={"inputs": inputs})
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def test_texts_pictures_and_items_are_compared(client: TestClient) -> None:
    image, caption = (
        client.get(f"/v1/items?kind={kind}").json()["items"][0]["id"]
        for kind in ("image", "caption")
    )
    sent = {"image": data_uri(picture("green")), "name": "a.png"}
    found = ask(client, "green grass", {"text": "red"}, sent, {"item": image}, {"item": caption})
    assert [one["name"] for one in found["inputs"]] == [
        "inputs[0]", "inputs[1]", "a.png", "inputs[3]", "inputs[4]"
    ]  # fmt: skip
    assert found["texts"] == [0, 1, 4]
    assert found["inputs"][4]["text"] == "green grass"
    cosine = found["cosine"]
    assert cosine[2][3] == pytest.approx(1, abs=1e-3)
    assert cosine[0][4] == pytest.approx(1, abs=1e-3)
    assert cosine[0][2] > 0.8 > cosine[1][2]
    assert found["one_hot"][0] == [1, 0, 1]
    assert set(found["meanings"]) == {"cosine", "euclidean", "one_hot", "bag_of_words", "tf_idf"}
    assert found["model"] == "fake"


@pytest.mark.parametrize(
    ("inputs", "status", "said"),
    [
        ([], 422, "give at least 2"),
        (["a"], 422, "give at least 2"),
        (["a"] * 51, 413, "limit 50"),
        ([{"image": "data:image/png;base64,AAAA"}] * 51, 413, "limit 50"),  # before any is decoded
        (["a", {}], 422, "inputs[1]: expected exactly one of text, image and item"),
        (["a", {"text": "b", "item": 1}], 422, "inputs[1]: expected exactly one"),
        (["a", " "], 422, "inputs[1]: the text is empty"),
        (["a", "b" * 201], 413, "limit 200"),
        (["a", {"item": 99}], 404, "item 99"),
        (["a", {"image": "no base64"}], 422, "inputs[1]: neither a data URI nor base64"),
        (["a", {"image": data_uri(b"no picture")}], 415, "inputs[1]"),
        (["a", "data:image/png;base64,AAAA"], 422, "inputs[1]: a data URI in the place of words"),
        (["a", 7], 422, "inputs[1]"),
    ],
)
def test_what_makes_no_sense_is_named(
    client: TestClient, inputs: list[Any], status: int, said: str
) -> None:
    answer = client.post("/v1/similarity", json={"inputs": inputs})
    assert said in error_of(answer, status)
