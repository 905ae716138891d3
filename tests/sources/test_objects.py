"""Objects by their addresses, in memory."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from mmembed.errors import ImageError, InputError, StoreAway, StoreError
from mmembed.sources import objects
from mmembed.sources.entries import UNASKED
from mmembed.sources.objects import Objects
from mmembed.sources.sources import Sources

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install mmembed[s3]")


@pytest.fixture
def at() -> str:
    """The address of a folder in an object store."""
    return f"memory://{uuid.uuid4().hex}/photos"


def put(address: str, data: bytes) -> None:
    fsspec.filesystem("memory").pipe_file(address, data)


def test_a_folder_is_listed_with_the_texts_beside_pictures(at: str) -> None:
    for name in ("b.jpg", "a.jpg", "a.txt", "c.v2.jpg", "c.v2.txt", "d/e.jpg"):
        put(f"{at}/{name}", name.encode())
    entries = Objects().entries(at)
    assert [one.name for one in entries] == [
        *("a.jpg", "a.txt", "b.jpg", "c.v2.jpg", "c.v2.txt", "d"),
    ]
    texts = {one.name: [text.path for text in one.texts] for one in entries if one.texts}
    assert texts == {"a.jpg": [f"{at}/a.txt"], "c.v2.jpg": [f"{at}/c.v2.txt"]}
    assert entries[0] == Objects().find(f"{at}/a.jpg")
    assert (entries[0].stat.bytes, entries[-1].is_folder) == (5, True)


def test_a_picture_changes_with_its_text(at: str) -> None:
    put(f"{at}/a.jpg", b"picture")
    marks = [Objects().entries(at)[0].stat.mark]
    for text in (b"one", b"two!"):
        put(f"{at}/a.txt", text)
        marks.append(Objects().entries(at)[0].stat.mark)
    assert len(set(marks)) == 3


def test_nothing_is_no_empty_folder(at: str) -> None:
    with pytest.raises(StoreError):
        Objects().entries(at)
    assert Objects().find(f"{at}/a.jpg") is None
    assert Objects().read(f"{at}/a.jpg", 0, 9) is None


def test_bytes_are_read_in_parts(at: str) -> None:
    put(f"{at}/a.jpg", b"0123456789")
    assert Objects().read(f"{at}/a.jpg", 2, 5) == b"234"
    data, stat = Sources().read(f"{at}/a.jpg", UNASKED)
    assert (data, stat.bytes) == (b"0123456789", 10)
    put(f"{at}/a.jpg", b"01234")
    with pytest.raises(ImageError, match="has changed while it was read"):
        Sources().read(f"{at}/a.jpg", stat)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://host/a.jpg", "expected a path"),
        ("file:///etc/passwd", "expected a path"),
        ("s3://", "expected a path"),
        ("simplecache::s3://bucket/a", "expected a path"),
        ("s3://key:secret@bucket/a", "holds a user or a password"),
    ],
)
def test_other_addresses_are_refused(address: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        Sources().check(address)
    assert "secret" not in str(error.value)


def test_addresses_of_the_web_are_fetched_if_that_is_allowed() -> None:
    with pytest.raises(InputError, match="MMEMBED_FETCH_URLS=on"):
        Sources().check("https://host/a.jpg")
    with pytest.raises(ImageError, match="MMEMBED_FETCH_URLS=on"):
        Sources().read("https://host/a.jpg", UNASKED)


def test_an_object_store_that_is_away_is_given_up_for_a_while(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def away(self: Any, path: str, **_: Any) -> bytes:
        asked.append(path)
        raise OSError("cannot connect")

    put(f"{at}/a.jpg", b"picture")
    memory = type(fsspec.filesystem("memory"))
    monkeypatch.setattr(memory, "cat_file", away)
    all_objects = Objects()
    for _ in range(50):
        with pytest.raises(StoreAway):
            all_objects.read(f"{at}/a.jpg", 0, 7)
    assert len(asked) == objects.MOST_FAILURES
    monkeypatch.undo()
    with pytest.raises(StoreAway, match="was not asked"):
        all_objects.read(f"{at}/a.jpg", 0, 7)
    for bucket in all_objects._buckets.values():
        bucket.closed_until = 0
    assert all_objects.read(f"{at}/a.jpg", 0, 7) == b"picture"
