"""`/v1/items`: list, add, read, change, remove."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from tests.serving import add, data_uri, error_of, picture, serving, write_pictures

JSON = dict[str, Any]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, Collection]]:
    with serving(tmp_path / "data", max_items=6) as pair:
        yield pair


@pytest.fixture
def client(served: tuple[TestClient, Collection]) -> TestClient:
    return served[0]


def index(collection: Collection, folder: Path) -> None:
    collection.index([folder], progress=lambda *_: None)


# -- adding --------------------------------------------------------------------------


def test_add_an_image_by_json(client: TestClient) -> None:
    item = add(
        client, "red", caption="a red field", captions=["poppies", "a red field"], tags=["x", "a"]
    )
    assert item["kind"] == "image"
    assert item["captions"] == ["a red field", "poppies"]
    assert item["caption"] == "a red field"
    assert item["tags"] == ["a", "x"]
    assert (item["width"], item["height"], item["format"]) == (64, 48, "PNG")
    assert item["bytes"] == len(picture("red"))
    assert item["shown_by_browsers"] is True
    assert client.get(item["links"]["self"]).json() == item
    assert client.get(item["links"]["image"]).content == picture("red")


def test_add_an_image_by_form(client: TestClient) -> None:
    files = {"image": ("träum\n.jpg", picture("green", kind="JPEG"), "image/jpeg")}
    answer = client.post(
        "/v1/items", files=files, data={"caption": ["a meadow", "grass"], "tag": ["pets", "été"]}
    )
    assert answer.status_code == 201, answer.text
    item = answer.json()
    assert item["captions"] == ["a meadow", "grass"]
    assert item["tags"] == ["pets", "été"]
    assert item["format"] == "JPEG"


def test_add_a_caption(client: TestClient) -> None:
    item = client.post("/v1/items", json={"caption": "a green hill", "tags": ["idea"]}).json()
    assert (item["kind"], item["caption"], item["links"]) == ("caption", "a green hill", None)
    again = client.post("/v1/items", data={"caption": "a green hill"}, files={"x": b""})
    assert "x: unknown field" in error_of(again, 422)
    hits = client.get("/v1/search?q=green&kind=caption").json()["hits"]
    assert [hit["id"] for hit in hits] == [item["id"]]


def test_the_same_content_keeps_its_id(client: TestClient) -> None:
    first = add(client, "red", tags=["one"])
    again = add(client, "red", tags=["two"])
    assert again["id"] == first["id"]
    assert again["tags"] == ["one", "two"]
    assert client.get("/v1/items").json()["total"] == 1


def test_what_is_added_is_found_at_once(client: TestClient) -> None:
    add(client, "red")
    item = add(client, "blue")
    assert client.get("/v1/search?q=blue").json()["hits"][0]["id"] == item["id"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "expected an image, or one caption"),
        ({"captions": ["a", "b"]}, 422, "expected an image, or one caption"),
        ({"caption": " "}, 422, "blank"),
        ({"caption": "a", "tags": [""]}, 422, "blank"),
        ({"caption": "a", "tags": ["a\x1fb"]}, 422, "control character"),
        ({"caption": "a", "tags": ["t"] * 7}, 413, "7 tags, limit 6"),
        ({"caption": "a", "tag": "b"}, 422, "tag: unknown field"),
        ({"caption": "x" * 10_001}, 413, "limit 10000"),
        ({"image": "nonsense!", "name": "x.jpg"}, 422, "x.jpg: neither a data URI nor base64"),
        ({"image": "bm90IGFuIGltYWdl", "name": "x.jpg"}, 415, "x.jpg: "),
        ({"image": ""}, 422, "image: the file is empty"),
    ],
)
def test_what_cannot_be_added(empty: TestClient, body: JSON, status: int, said: str) -> None:
    assert said in error_of(empty.post("/v1/items", json=body), status)
    assert empty.get("/v1/items").json()["total"] == 0


def test_one_image_at_a_time(empty: TestClient) -> None:
    files = [("image", (f"{n}.png", picture("red"))) for n in range(2)]
    assert "expected one file" in error_of(empty.post("/v1/items", files=files), 422)


# -- listing -------------------------------------------------------------------------


def test_pages_of_items(client: TestClient) -> None:
    for colour in ("red", "green", "blue"):
        add(client, colour, captions=[f"{colour} thing"], tags=["warm"] * (colour == "red"))
    ids: list[int] = []
    cursor = None
    while True:
        params = {"limit": "4", **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/items", params=params).json()
        assert page["total"] == 6
        ids += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert ids == sorted(set(ids))
    assert len(ids) == 6
    exact = client.get("/v1/items", params={"limit": 6}).json()
    assert (len(exact["items"]), exact["next_cursor"]) == (6, None)
    captions = client.get("/v1/items?kind=caption").json()
    assert {item["caption"] for item in captions["items"]} == {"red thing", "green thing"} | {
        "blue thing"
    }
    warm = client.get("/v1/items?tag=warm").json()
    assert (len(warm["items"]), warm["total"]) == (1, 1)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("limit=0", 422, "limit: "),
        ("limit=1001", 413, "limit 1000; raise MMEMBED_MAX_K"),
        ("cursor=abc", 422, "cursor: "),
        ("cursor=-1", 422, "cursor: "),
        ("cursor=" + "9" * 19, 422, "cursor: "),
        ("cursor=%D9%A3", 422, "cursor: "),
        ("kind=video", 422, "kind: "),
        ("page=2", 422, "page: unknown field"),
    ],
)
def test_listings_that_make_no_sense(empty: TestClient, query: str, status: int, said: str) -> None:
    assert said in error_of(empty.get(f"/v1/items?{query}"), status)


# -- reading and changing ------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("item_id", "status"), [("7", 404), ("abc", 422), (str(10**30), 422), ("-1", 422)]
)
def test_items_that_are_not_there(
    empty: TestClient, method: str, item_id: str, status: int
) -> None:
    answer = empty.request(method, f"/v1/items/{item_id}", json={"tags": []})
    assert "item" in error_of(answer, status)


def test_tags_and_captions_are_replaced(client: TestClient) -> None:
    item = add(client, "red", captions=["old"], tags=["old"])
    at = item["links"]["self"]
    changed = client.patch(at, json={"tags": ["new", "newer"]}).json()
    assert (changed["tags"], changed["captions"]) == (["new", "newer"], ["old"])
    changed = client.patch(at, json={"captions": ["a", "b"]}).json()
    assert (changed["tags"], changed["captions"]) == (["new", "newer"], ["a", "b"])
    assert client.get(at).json() == changed
    captions = client.get("/v1/items?kind=caption").json()["items"]
    assert [caption["caption"] for caption in captions] == ["a", "b"]
    assert client.patch(at, json={"tags": [], "captions": []}).json()["captions"] == []


def test_changes_that_make_no_sense(client: TestClient) -> None:
    caption = client.post("/v1/items", json={"caption": "a"}).json()
    at = caption["links"] or f"/v1/items/{caption['id']}"
    assert "only an image" in error_of(client.patch(at, json={"captions": ["b"]}), 422)
    assert "path: unknown field" in error_of(client.patch(at, json={"path": "/x"}), 422)
    assert "blank" in error_of(client.patch(at, json={"tags": [" "]}), 422)
    assert "not JSON" in error_of(client.patch(at, content=b"tags=1"), 422)


# -- removing ------------------------------------------------------------------------


def test_an_upload_is_deleted_with_its_item(
    served: tuple[TestClient, Collection], tmp_path: Path
) -> None:
    client, _ = served
    item = add(client, "red", captions=["gone too"])
    path = Path(item["path"])
    assert path.is_relative_to(tmp_path / "data" / "originals")
    assert path.read_bytes() == picture("red")
    answer = client.delete(item["links"]["self"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert not path.exists()
    assert client.get("/v1/items").json()["total"] == 0
    assert client.get("/v1/search?q=red").json()["hits"] == []
    error_of(client.delete(item["links"]["self"]), 404)


def test_an_indexed_file_stays(served: tuple[TestClient, Collection], tmp_path: Path) -> None:
    client, collection = served
    folder = write_pictures(tmp_path / "photos", ["red", "blue"])
    index(collection, folder)
    [first, second] = client.get("/v1/items").json()["items"]
    assert client.delete(first["links"]["self"]).status_code == 204
    assert sorted(path.name for path in folder.iterdir()) == ["blue.png", "red.png"]
    assert [hit["id"] for hit in client.get("/v1/search?q=red").json()["hits"]] == [second["id"]]


def test_an_upload_of_an_indexed_file_is_an_item_of_its_own(
    served: tuple[TestClient, Collection], tmp_path: Path
) -> None:
    client, collection = served
    index(collection, write_pictures(tmp_path / "photos", ["red"]))
    upload = add(client, "red")
    assert client.get("/v1/items").json()["total"] == 2
    assert client.delete(upload["links"]["self"]).status_code == 204
    assert (tmp_path / "photos" / "red.png").exists()
    assert client.get("/v1/items").json()["total"] == 1


def test_an_upload_that_cannot_be_kept(
    served: tuple[TestClient, Collection], tmp_path: Path
) -> None:
    client, _ = served
    (tmp_path / "data" / "originals").write_text("in the way")
    answer = client.post("/v1/items", json={"image": data_uri(picture("red"))})
    message = error_of(answer, 507)
    assert "cannot be kept" in message
    assert str(tmp_path) not in message
    assert client.get("/v1/items").json()["total"] == 0


def test_a_picture_that_is_removed_may_be_kept_out(
    served: tuple[TestClient, Collection], tmp_path: Path
) -> None:
    client, collection = served
    write_pictures(tmp_path / "photos", ["red", "blue"])
    index(collection, tmp_path / "photos")
    [first, second] = client.get("/v1/items?kind=image").json()["items"]
    assert client.delete(first["links"]["self"], params={"keep_out": True}).status_code == 204
    assert client.delete(second["links"]["self"]).status_code == 204
    index(collection, tmp_path / "photos")
    assert [one["path"] for one in client.get("/v1/items?kind=image").json()["items"]] == [
        second["path"]
    ]
    assert client.delete("/v1/items/999", params={"keep_out": True}).status_code == 404
