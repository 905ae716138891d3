"""Originals and thumbnails over HTTP."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmembed.collection import Collection
from tests.serving import add, error_of, picture, serving, write_pictures

JSON = dict[str, Any]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, Collection]]:
    with serving(tmp_path / "data") as pair:
        yield pair


@pytest.fixture
def client(served: tuple[TestClient, Collection]) -> TestClient:
    return served[0]


def indexed(served: tuple[TestClient, Collection], folder: Path) -> JSON:
    """The first image of a folder."""
    client, collection = served
    collection.index([folder], progress=lambda *_: None)
    item: JSON = client.get("/v1/items?kind=image").json()["items"][0]
    return item


# -- originals -----------------------------------------------------------------------


def test_an_original_whole_and_by_ranges(client: TestClient) -> None:
    at = add(client, "red")["links"]["image"]
    whole = client.get(at)
    data = picture("red")
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(at, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
    beyond = client.get(at, headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(data)}"
    many = "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2 * 9999, 2))
    assert client.get(at, headers={"Range": many}).status_code in (200, 206, 400, 416)


@pytest.mark.parametrize(
    ("kind", "media_type"), [("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("TIFF", "image/tiff")]
)
def test_the_type_is_the_files_own(
    served: tuple[TestClient, Collection], tmp_path: Path, kind: str, media_type: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "lies.png").write_bytes(picture("red", kind=kind))
    item = indexed(served, tmp_path / "photos")
    assert served[0].get(item["links"]["image"]).headers["content-type"] == media_type


@pytest.mark.parametrize(
    "name",
    [
        'say "hi".png',
        "a\nb\r\nSet-Cookie: x=1.png",
        "été 日本.png",
        "; filename=x.exe;.png",
        "%0d.png",
    ],
)
def test_odd_names_stay_in_their_header(
    served: tuple[TestClient, Collection], tmp_path: Path, name: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / name).write_bytes(picture("red"))
    item = indexed(served, tmp_path / "photos")
    answer = served[0].get(item["links"]["image"])
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("inline; filename")
    assert disposition.isascii()
    assert "exe;" not in disposition
    assert '"hi"' not in disposition


def test_caching_of_originals(client: TestClient) -> None:
    item = add(client, "red")
    versioned = client.get(item["links"]["image"])
    assert "immutable" in versioned.headers["cache-control"]
    plain = client.get(f"/v1/items/{item['id']}/image")
    assert plain.headers["cache-control"] == "private, no-cache"
    forged = client.get(f"/v1/items/{item['id']}/image?v=0123456789ab")
    assert forged.headers["cache-control"] == "private, no-cache"
    tag = plain.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = client.get(f"/v1/items/{item['id']}/image", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    other = client.get(f"/v1/items/{item['id']}/image", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_head_says_what_get_would(client: TestClient) -> None:
    at = add(client, "red")["links"]["image"]
    head = client.head(at)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(picture("red"))


def test_a_file_that_is_gone(served: tuple[TestClient, Collection], tmp_path: Path) -> None:
    client, _ = served
    folder = write_pictures(tmp_path / "photos", ["red"])
    item = indexed(served, folder)
    (folder / "red.png").unlink()
    for which in ("image", "thumbnail"):
        message = error_of(client.get(item["links"][which]), 404)
        assert "index its folder again" in message
    (folder / "red.png").mkdir()
    error_of(client.get(item["links"]["image"]), 404)


def test_a_caption_has_no_picture_of_its_own(client: TestClient) -> None:
    caption = client.post("/v1/items", json={"caption": "a"}).json()
    for which in ("image", "thumbnail"):
        answer = client.get(f"/v1/items/{caption['id']}/{which}")
        assert "is not an image" in error_of(answer, 404)
        error_of(client.get(f"/v1/items/999/{which}"), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pyproject.toml",
        "/static/%2e%2e/pyproject.toml",
        "/static/..%2fpyproject.toml",
        "/static/%252e%252e%252fpyproject.toml",
        "/static//etc/passwd",
        "/static/%00",
        "/v1/items/1/image/../../../../etc/passwd",
        "/v1/items/..%2f..%2fetc%2fpasswd/image",
        "/v1/items/1%00/image",
    ],
)
def test_no_way_leads_out(client: TestClient, path: str) -> None:
    add(client, "red")
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    error_of(answer, answer.status_code)


# -- thumbnails ----------------------------------------------------------------------


def test_thumbnails(served: tuple[TestClient, Collection], tmp_path: Path) -> None:
    client, _ = served
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "big.jpg").write_bytes(picture("blue", (2000, 1000), "JPEG"))
    item = indexed(served, tmp_path / "photos")
    for link, size in (("thumbnail", (320, 160)), ("preview", (1280, 640))):
        answer = client.get(item["links"][link])
        assert answer.headers["content-type"] == "image/webp"
        assert "immutable" in answer.headers["cache-control"]
        with Image.open(io.BytesIO(answer.content)) as image:
            assert (image.format, image.size) == ("WEBP", size)


def test_thumbnails_are_kept(served: tuple[TestClient, Collection], tmp_path: Path) -> None:
    client, _ = served
    item = add(client, "red")
    first = client.get(item["links"]["thumbnail"])
    [kept] = (tmp_path / "data" / "thumbnails").rglob("*.webp")
    other = picture("blue", (16, 16), "WEBP")
    kept.write_bytes(other)
    second = client.get(item["links"]["thumbnail"])
    assert second.content == other
    assert second.headers["etag"] != first.headers["etag"]
    kept.unlink()
    assert client.get(item["links"]["thumbnail"]).content == first.content


def test_thumbnails_do_not_need_the_cache(
    served: tuple[TestClient, Collection], tmp_path: Path
) -> None:
    client, _ = served
    (tmp_path / "data" / "thumbnails").write_text("in the way")
    item = add(client, "red")
    assert client.get(item["links"]["thumbnail"]).status_code == 200


def test_a_thumbnail_that_the_caller_has(client: TestClient) -> None:
    item = add(client, "red")
    at = f"/v1/items/{item['id']}/thumbnail"
    tag = client.get(at).headers["etag"]
    again = client.get(at, headers={"If-None-Match": f"W/{tag}"})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("size", ["0", "100", "-320", "big", "9" * 5000])
def test_thumbnails_of_other_sizes(client: TestClient, size: str) -> None:
    item = add(client, "red")
    answer = client.get(f"/v1/items/{item['id']}/thumbnail?size={size}")
    assert "320 or 1280" in error_of(answer, 422)


def test_a_file_that_broke_since(served: tuple[TestClient, Collection], tmp_path: Path) -> None:
    client, _ = served
    folder = write_pictures(tmp_path / "photos", ["red"])
    item = indexed(served, folder)
    (folder / "red.png").write_bytes(b"no picture any more")
    assert "red.png" in error_of(client.get(item["links"]["thumbnail"]), 415)
