"""`/v1/search` for more like some items, and unlike others."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.fake_encoder import COLOURS
from tests.serving import error_of, serving

SHADES = 4


def shade(colour: str, step: int) -> str:
    """A picture of a colour, a little of which is black."""
    image = Image.new("RGB", (16, 16), COLOURS[colour])
    image.paste((0, 0, 0), (0, 0, 2 * step, 2))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Four shades each of red, blue and green; the ids rise in this order from 1 on."""
    with serving(tmp_path_factory.mktemp("collection")) as (client, _):
        for colour in ("red", "blue", "green"):
            for step in range(SHADES):
                answer = client.post("/v1/items", json={"image": shade(colour, step)})
                assert answer.status_code == 201
        yield client


def ids(client: TestClient, **body: Any) -> list[int]:
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def test_more_like_some_leave_out_those(client: TestClient) -> None:
    assert sorted(ids(client, like=[1, 2], k=2)) == [3, 4]
    found = ids(client, like=[1, 5], k=20)
    assert set(found) == set(range(1, 13)) - {1, 5}
    assert set(found[:6]) == {2, 3, 4, 6, 7, 8}


def test_unlike_leads_away(client: TestClient) -> None:
    assert set(ids(client, like=[1, 5], unlike=[6], k=3)) == {2, 3, 4}
    assert 6 not in ids(client, like=[1, 5], unlike=[6], k=20)


def test_words_may_stand_beside_them(client: TestClient) -> None:
    assert set(ids(client, q="green", like=[9], k=3)) == {10, 11, 12}
    assert set(ids(client, query=[{"text": "green"}], like=[9], k=3)) == {10, 11, 12}
    assert set(ids(client, q="green", like=[9], mode="hybrid", k=3)) == {10, 11, 12}
    assert set(ids(client, like=[9], unlike=[1], strategy="best", k=3)) == {10, 11, 12}


def test_a_copy_of_what_was_given_is_left_out(client: TestClient, tmp_path: Any) -> None:
    """Files of equal content are items of their own; uploads are not."""
    with serving(tmp_path / "data") as (here, collection):
        photos = tmp_path / "photos"
        photos.mkdir()
        for name in ("a.png", "b.png"):
            (photos / name).write_bytes(base64.b64decode(shade("red", 0)))
        (photos / "c.png").write_bytes(base64.b64decode(shade("red", 1)))
        collection.index([photos], progress=lambda *_: None)
        assert ids(here, like=[1]) == [3]


@pytest.mark.parametrize("count", [1, 3, 5])
def test_pages_are_full_and_do_not_overlap(client: TestClient, count: int) -> None:
    shown: list[list[int]] = []
    cursor = None
    while True:
        body = {"like": [1, 2], "unlike": [12], "k": count, "cursor": cursor}
        page = client.post("/v1/search", json=body).json()
        shown.append([hit["id"] for hit in page["hits"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert all(len(page) == count for page in shown[:-1])
    flat = [item for page in shown for item in page]
    assert sorted(flat) == sorted(set(range(1, 13)) - {1, 2, 12})
    assert flat == ids(client, like=[1, 2], unlike=[12], k=20)


def test_get_takes_them_too(client: TestClient) -> None:
    answer = client.get("/v1/search?like=1&like=2&unlike=12&k=2").json()
    assert {hit["id"] for hit in answer["hits"]} == {3, 4}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "exactly one of q and query, or like"),
        ({"unlike": [1]}, 422, "exactly one of q and query, or like"),
        ({"q": "red", "query": [{"text": "red"}]}, 422, "exactly one of q and query"),
        ({"like": [1, 2], "unlike": [2]}, 422, "item 2 is in like, too"),
        ({"like": [99]}, 404, "item 99"),
        ({"like": [0]}, 422, "like[0]"),
        ({"like": [1] * 51}, 422, "like"),
    ],
)
def test_what_makes_no_sense_is_named(
    client: TestClient, body: dict[str, Any], status: int, said: str
) -> None:
    assert said in error_of(client.post("/v1/search", json=body), status)
