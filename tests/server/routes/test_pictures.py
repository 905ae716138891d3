"""Originals and thumbnails over HTTP."""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
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
    for odd in ("items=0-3", "bytes=x-y", "bytes=", "bytes=3", "bytes=--1"):
        ignored = client.get(at, headers={"Range": odd})
        assert (ignored.status_code, ignored.content) == (200, data), odd
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
    assert client.get(item["links"]["thumbnail"]).status_code == 200
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
def test_no_way_leads_out(empty: TestClient, path: str) -> None:
    add(empty, "red")
    answer = empty.get(path)
    assert answer.status_code in (404, 422)
    error_of(answer, answer.status_code)


# -- thumbnails ----------------------------------------------------------------------


def test_thumbnails(served: tuple[TestClient, Collection], tmp_path: Path) -> None:
    client, _ = served
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "big.jpg").write_bytes(picture("blue", (1400, 700), "JPEG"))
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
    written = kept.stat().st_mtime_ns
    second = client.get(item["links"]["thumbnail"])
    assert (second.content, second.headers["etag"]) == (first.content, first.headers["etag"])
    assert kept.stat().st_mtime_ns == written
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
def test_thumbnails_of_other_sizes(empty: TestClient, size: str) -> None:
    item = add(empty, "red")
    answer = empty.get(f"/v1/items/{item['id']}/thumbnail?size={size}")
    assert "320 or 1280" in error_of(answer, 422)


# -- files that are no more what was indexed -----------------------------------------


def replaced(path: Path, how: str, secret: Path) -> None:
    """Put something else in the place of an indexed picture, as like it as can be."""
    status, data = path.stat(), path.read_bytes()
    path.unlink()
    if how == "link":
        path.symlink_to(secret)
    elif how == "link to a like file":
        secret.write_bytes(bytes(len(data)))
        os.utime(secret, ns=(status.st_atime_ns, status.st_mtime_ns))
        path.symlink_to(secret)
    elif how == "link to a copy":
        secret.write_bytes(data)
        path.symlink_to(secret)
    elif how == "hard link":
        path.hardlink_to(secret)
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    elif how == "link to itself":
        path.symlink_to(path.name)
    else:
        content = {"page": b"<html><script>", "drawing": b"<svg onload='x'>", "noise": b"\xff"}[how]
        path.write_bytes(content.ljust(len(data), b" "))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


WAYS = ("link", "link to a like file", "link to a copy", "hard link", "pipe", "folder",
        "link to itself", "page", "drawing", "noise")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("uploaded", [False, True])
def test_what_is_not_what_was_indexed_is_not_served(
    tmp_path: Path, how: str, uploaded: bool
) -> None:
    secret = tmp_path / "id_ed25519"
    secret.write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----" * 30)
    with serving(tmp_path / "data", more_models=("further",)) as (client, collection):
        if uploaded:
            item = add(client, "red")
        else:
            item = indexed((client, collection), write_pictures(tmp_path / "photos", ["red"]))
        assert client.get(item["links"]["image"]).status_code == 200
        for path in (tmp_path / "data" / "thumbnails").rglob("*.webp"):
            path.unlink()  # rendered when it was uploaded, and right for ever
        replaced(Path(item["path"]), how, secret)
        for link in ("image", "thumbnail", "preview"):
            for headers in ({}, {"Range": "bytes=0-9"}):
                message = error_of(client.get(item["links"][link], headers=headers), 404)
                assert str(tmp_path) not in message
                assert ("upload it again" if uploaded else "index its folder again") in message
        asked = {"images": [{"item": item["id"]}], "labels": ["a"], "model": "further"}
        [result] = client.post("/v1/classify", json=asked).json()["results"]
        assert result["error"]["code"] == 404
        assert not list((tmp_path / "data" / "thumbnails").rglob("*.webp"))


def test_a_folder_that_became_a_link_leads_nowhere(
    served: tuple[TestClient, Collection], tmp_path: Path
) -> None:
    client, _ = served
    folder = write_pictures(tmp_path / "photos" / "inner", ["red"])
    item = indexed(served, tmp_path / "photos")
    other = write_pictures(tmp_path / "private", ["blue"])
    (other / "blue.png").rename(other / "red.png")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(other)
    error_of(client.get(item["links"]["image"]), 404)
    error_of(client.get(item["links"]["thumbnail"]), 404)


def test_no_thumbnail_is_shown_of_a_file_that_has_changed(
    served: tuple[TestClient, Collection], tmp_path: Path
) -> None:
    client, collection = served
    folder = write_pictures(tmp_path / "photos", ["red"])
    item = indexed(served, folder)
    before = client.get(item["links"]["thumbnail"]).content
    (folder / "red.png").write_bytes(picture("blue", (30, 40)))
    error_of(client.get(item["links"]["thumbnail"]), 404)
    after = indexed(served, folder)
    assert after["id"] == item["id"]
    assert client.get(after["links"]["thumbnail"]).content != before
    assert len(list((tmp_path / "data" / "thumbnails").rglob("*.webp"))) == 2
    for path in (tmp_path / "data" / "thumbnails").rglob("*.webp"):
        os.utime(path, (1, 1))
    collection.collect_leftovers()
    assert len(list((tmp_path / "data" / "thumbnails").rglob("*.webp"))) == 1


def test_a_link_that_was_indexed_is_served(
    served: tuple[TestClient, Collection], tmp_path: Path
) -> None:
    client, _ = served
    target = write_pictures(tmp_path / "store", ["red"]) / "red.png"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "link.png").symlink_to(target)
    item = indexed(served, tmp_path / "photos")
    assert client.get(item["links"]["image"]).content == picture("red")
    assert client.get(item["links"]["thumbnail"]).status_code == 200


def test_a_touched_file_is_served(served: tuple[TestClient, Collection], tmp_path: Path) -> None:
    client, _ = served
    folder = write_pictures(tmp_path / "photos", ["red"])
    item = indexed(served, folder)
    os.utime(folder / "red.png", (1, 1))
    for _ in range(2):
        assert client.get(item["links"]["image"]).content == picture("red")


def test_a_change_in_place_is_noticed_though_the_hash_was_known(
    served: tuple[TestClient, Collection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = served
    monkeypatch.setattr("mmembed.collection.item_files.SETTLED_NS", -(10**9))
    folder = write_pictures(tmp_path / "photos", ["red"])
    item = indexed(served, folder)
    path = folder / "red.png"
    assert client.get(item["links"]["image"]).status_code == 200
    with monkeypatch.context() as patched:
        patched.setattr("mmembed.files.sha256_of", lambda _: pytest.fail("hashed again"))
        assert client.get(item["links"]["image"]).status_code == 200
    time.sleep(0.05)  # more than a tick of the file system's clock
    status, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    error_of(client.get(item["links"]["image"]), 404)


@pytest.mark.parametrize(
    ("number", "status"), [(errno.EMFILE, 429), (errno.EIO, 404), (errno.EACCES, 404)]
)
def test_a_file_that_cannot_be_opened_is_no_bug(
    served: tuple[TestClient, Collection],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    status: int,
) -> None:
    item = add(served[0], "red")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("mmembed.collection.item_files._open", refuse)
    for link in ("image", "thumbnail"):
        error_of(served[0].get(item["links"][link]), status)


def test_no_file_stays_open(served: tuple[TestClient, Collection]) -> None:
    client, _ = served
    at = add(client, "red")["links"]["image"]
    tag = client.get(at).headers["etag"]
    before = len(os.listdir("/dev/fd"))
    for headers in ({}, {"If-None-Match": tag}, {"Range": "bytes=0-3"}, {"Range": "bytes=99999-"}):
        for _ in range(3):
            client.get(at, headers=headers)
            client.head(at, headers=headers)
    assert len(os.listdir("/dev/fd")) == before


def test_an_upload_that_is_damaged_is_healed_by_uploading_it_again(
    served: tuple[TestClient, Collection],
) -> None:
    client, item = served[0], add(served[0], "red")
    path, data = Path(item["path"]), picture("red")
    path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    assert "upload it again" in error_of(client.get(item["links"]["image"]), 404)
    assert add(client, "red")["id"] == item["id"]
    assert path.read_bytes() == data
    assert client.get(item["links"]["image"]).content == data
