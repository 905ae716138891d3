"""Pictures in an object store are indexed where they lie."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import InputError, NotFound, StoreAway
from mmembed.filters.parse import parse_where
from mmembed.sources import objects, sources
from tests.conftest import Index, OpenCollection
from tests.ingest.outcomes import counts
from tests.tars import packed, png

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install mmembed[s3]")

FILES: dict[str, bytes] = {
    "a/red.png": png("red"),
    "a/red.txt": b"a red one",
    "a/b/blue.png": png("blue"),
    "a/b/.hidden.png": png("pink"),
    "shards/0.tar": packed({"x.png": png("green"), "x.txt": "in a tar"}),
    "captions.jsonl": json.dumps({"file_name": "a/b/blue.png", "caption": "said"}).encode(),
    "notes.md": b"no picture",
}


@pytest.fixture
def memory() -> Any:
    return fsspec.filesystem("memory")


@pytest.fixture
def at(memory: Any) -> str:
    """The address of a folder with FILES."""
    address = f"memory://{uuid.uuid4().hex}/photos"
    for name, data in FILES.items():
        memory.pipe_file(f"{address}/{name}", data)
    return address


@pytest.fixture
def run(collection: Collection) -> Any:
    def index(*places: str, **options: Any) -> dict[str, Any]:
        return counts(collection.index(list(places), progress=lambda *_: None, **options))

    return index


def known(collection: Collection, at: str) -> dict[str, Any]:
    files = collection.store.known_files()
    return {path.removeprefix(f"{at}/"): collection.item(one.id) for path, one in files.items()}


def test_a_folder_in_an_object_store_gives_what_one_on_the_disk_gives(
    collection: Collection, open_collection: OpenCollection, run: Any, at: str, tmp_path: Path
) -> None:
    assert run(at) == {"embedded": 3, "hidden": 1, "other": 1}
    found = known(collection, at)
    assert {path: item.captions for path, item in found.items()} == {
        "a/red.png": ("a red one",),
        "a/b/blue.png": ("said",),
        "shards/0.tar/x.png": ("in a tar",),
    }
    photos = tmp_path / "photos"
    for name, data in FILES.items():
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(data)
    local = open_collection(data=tmp_path / "local")
    local.index([photos], progress=lambda *_: None)
    contents = sorted(item.sha256 for item in found.values())
    one, other = (c.store.embeddings_of("image", contents) for c in (collection, local))
    assert {sha256: row.tolist() for sha256, row in one.items()} == {
        sha256: row.tolist() for sha256, row in other.items()
    }
    assert len(one) == 3
    assert collection.count("image", parse_where(f"folder:{at}/a")) == 2
    assert collection.count("image", parse_where(f"folder:{at}/shards/0.tar")) == 1
    assert collection.remove_path(f"{at}/a/b").images == 1


def test_unchanged_objects_are_not_read_again(
    collection: Collection, run: Any, at: str, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(at)
    read: list[str] = []
    real = type(memory).cat_file

    def reading(self: Any, path: str, **options: Any) -> Any:
        read.append(path.rpartition("/")[2])
        return real(self, path, **options)

    monkeypatch.setattr(type(memory), "cat_file", reading)
    assert run(at)["unchanged"] == 3
    assert set(read) == {"captions.jsonl"}
    assert known(collection, at)["a/red.png"].captions == ("a red one",)
    memory.pipe_file(f"{at}/a/red.txt", b"another one")
    memory.pipe_file(f"{at}/a/b/blue.png", png("purple"))
    memory.rm_file(f"{at}/shards/0.tar")
    read.clear()
    done = run(at)
    assert (done["embedded"], done["touched"], done["removed"]) == (1, 1, 1)
    assert set(read) == {"captions.jsonl", "red.png", "red.txt", "blue.png"}
    assert known(collection, at)["a/red.png"].captions == ("another one",)
    memory.rm_file(f"{at}/a/red.txt")
    memory.rm_file(f"{at}/captions.jsonl")
    run(at)
    assert [item.captions for item in known(collection, at).values()] == [(), ()]


def test_what_cannot_be_listed_or_read_takes_nothing_away(
    collection: Collection, run: Any, at: str, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(at)
    real_ls, real_cat = type(memory).ls, type(memory).cat_file

    def ls(self: Any, path: str, **options: Any) -> Any:
        if path.endswith("/a/b"):
            raise FileNotFoundError(path)
        return real_ls(self, path, **options)

    monkeypatch.setattr(type(memory), "ls", ls)
    done = run(at)
    assert (done["unchanged"], done["failures"]) == (2, 1)
    assert len(known(collection, at)) == 3
    monkeypatch.setattr(type(memory), "ls", real_ls)
    for number in range(30):
        memory.pipe_file(f"{at}/new/{number:02}.png", png("red", 20 + number))

    def cat(self: Any, path: str, **options: Any) -> Any:
        if path.endswith(("03.png", "04.png")):
            raise PermissionError(path)
        if path > f"/{at.partition('://')[2]}/new/10":
            raise OSError("cannot connect")
        return real_cat(self, path, **options)

    monkeypatch.setattr(type(memory), "cat_file", cat)
    monkeypatch.setattr(objects, "PAUSE_S", 0.2)
    done = run(at)
    assert done["failures"] == 30 - 8
    assert len(known(collection, at)) == 3 + 8
    monkeypatch.setattr(type(memory), "cat_file", real_cat)
    collection._pipeline.sources._objects._buckets.clear()
    assert run(at)["embedded"] == 22
    assert collection.store.failures() == []


def test_an_address_at_which_there_is_nothing(run: Any, at: str) -> None:
    for address in (f"{at}/nothing", "memory://no-such-bucket-at-all"):
        with pytest.raises(InputError, match="nothing was indexed"):
            run(address)
    assert run(f"{at}/a/red.png") == {"embedded": 1}


def test_a_manifest_in_an_object_store_lists_objects(
    collection: Collection, run: Any, at: str, memory: Any
) -> None:
    rows = [{"image": "a/red.png", "year": 1}, {"url": f"{at}/a/b/blue.png"}, {"image": "no.png"}]
    memory.pipe_file(f"{at}/list.jsonl", "\n".join(map(json.dumps, rows)).encode())
    assert run(f"{at}/list.jsonl") == {"embedded": 2, "failures": 1}
    assert known(collection, at)["a/red.png"].meta == {"year": 1}
    assert run(f"{at}/list.jsonl") == {"unchanged": 2, "failures": 1}


def test_originals_come_from_the_object_store(
    collection: Collection, run: Any, at: str, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(at)
    items = known(collection, at)
    for path, data in (("a/red.png", png("red")), ("shards/0.tar/x.png", png("green"))):
        with collection.original(items[path].id).file as file:
            assert file.read() == data
        assert collection.thumbnail(items[path].id, 320)
    memory.pipe_file(f"{at}/a/red.png", png("cyan"))
    with pytest.raises(NotFound, match="has changed"):
        collection.original(items["a/red.png"].id)
    memory.rm_file(f"{at}/a/red.png")
    with pytest.raises(NotFound, match="no longer there"):
        collection.original(items["a/red.png"].id)

    def away(*_: Any, **__: Any) -> Any:
        raise OSError("cannot connect")

    monkeypatch.setattr(type(memory), "cat_file", away)
    with pytest.raises(StoreAway):
        collection.original(items["a/b/blue.png"].id)


def test_limits_hold_for_objects(
    open_collection: OpenCollection, at: str, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.pipe_file(f"{at}/a/large.png", b"x" * 300_000)
    memory.pipe_file(f"{at}/a/empty.png", b"")
    monkeypatch.setattr(sources, "LARGEST_MANIFEST", 10)
    collection = open_collection(max_image_mb=0.2)
    report = collection.index([at], progress=lambda *_: None)
    failed = {Path(one.name).name: one.message for one in report.failures}
    assert failed.keys() == {"large.png", "empty.png", "captions.jsonl"}
    assert "raise MMEMBED_MAX_IMAGE_MB" in failed["large.png"]


def test_own_uploads_in_the_bucket_are_no_new_pictures(
    index: Index, open_collection: OpenCollection, at: str, memory: Any
) -> None:
    memory.pipe_file(f"{at}/thumbnails/ab/x.webp", png("red"))
    from mmembed.ingest import Passing, scan

    own = Passing(own=frozenset({f"{at}/thumbnails"}))
    found = scan([at], own, sources=sources.Sources())
    assert sorted(Path(path).name for path in found.files) == ["blue.png", "red.png", "x.png"]
