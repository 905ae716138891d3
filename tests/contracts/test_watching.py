"""A collection follows its watched folders, and what is ignored stays out, in any store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.filters.parse import parse_where
from mmembed.store.protocol import Store
from tests.fake_encoder import FakeEncoder
from tests.watched_folders import Watched

MakePicture = Callable[..., Path]


@pytest.fixture
def collection(empty: Store, tmp_path: Path) -> Iterator[Collection]:
    settings = Settings.from_env({}, data=tmp_path / "data", model="fake", decode_threads=2)
    with closing(Collection(settings, load=lambda _: FakeEncoder(), store=empty)) as collection:
        yield collection


def ids(collection: Collection) -> dict[str, int]:
    items = collection.items(limit=100, kind="image")
    return {Path(item.path or "").name: item.id for item in items}


def index(collection: Collection, folder: Path) -> object:
    return collection.index([folder], progress=lambda *_: None)


def test_a_folder_is_followed(collection: Collection, picture: MakePicture, photos: Path) -> None:
    picture("red.png").with_suffix(".txt").write_text("red words")
    picture("deep/blue.png", "blue")
    index(collection, photos)
    watched = Watched(collection, photos)
    before = ids(collection)
    collection.update(before["blue.png"], tags=["sea"], captions=["by hand"])
    picture("green.png", "green")
    (photos / "deep").rename(photos / "moved")
    (photos / "red.txt").write_text("other words")
    assert sorted(what for what, _ in watched.after()) == ["added", "captions", "moved"]
    assert {**ids(collection), "green.png": 0} == {**before, "green.png": 0}
    moved = collection.item(before["blue.png"])
    assert (moved.path, moved.tags, moved.captions) == (
        str(photos / "moved" / "blue.png"), ("sea",), ("by hand",),
    )  # fmt: skip
    assert collection.item(before["red.png"]).captions == ("other words",)
    shutil.copy(photos / "moved" / "blue.png", photos / "copy.png")
    assert watched.after() == [("added", "copy.png")]
    shutil.rmtree(photos / "moved")
    assert watched.after(20) == [("moved", "copy.png")]
    assert ids(collection)["copy.png"] == before["blue.png"]
    (photos / "copy.png").unlink()
    assert watched.after(20) == [("gone", "copy.png")]
    assert "copy.png" in ids(collection)
    removing = Watched(collection, photos, remove_missing=True)
    (photos / "green.png").unlink()
    assert removing.after(20) == [("removed", "green.png")]


def test_what_is_ignored_stays_out(
    collection: Collection, picture: MakePicture, photos: Path
) -> None:
    red = picture("red.png")
    picture("blue.png", "blue")
    picture("copy.png")
    index(collection, photos)
    collection.update(ids(collection)["blue.png"], tags=["out"])
    assert collection.remove_path(red, ignore=True).copies == 1
    assert collection.remove_where(parse_where("tag:out"), ignore=True).images == 1
    shutil.copy(red, photos / "third.png")
    watched = Watched(collection, photos)
    red.touch()
    shutil.copy(red, photos / "fourth.png")
    assert watched.after() == []
    index(collection, photos)
    assert ids(collection) == {}
    names = [sorted(Path(path).name for path in one.files) for one in collection.ignored()]
    assert sorted(names) == [["blue.png"], ["copy.png", "fourth.png", "red.png", "third.png"]]
    assert collection.stop_ignoring([red]) == [1]
    index(collection, photos)
    assert sorted(ids(collection)) == ["copy.png", "fourth.png", "red.png", "third.png"]


def test_missing_files_leave_or_stay_as_it_is_said(
    collection: Collection, picture: MakePicture, photos: Path
) -> None:
    for colour in ("red", "blue"):
        picture(f"{colour}/{colour}.png", colour)
    index(collection, photos)
    shutil.rmtree(photos / "red")
    (photos / "blue" / "blue.png").rename(photos / "blue" / "moved.png")

    def report(folder: Path, missing: str) -> tuple[int, int, int]:
        done = collection.index([folder], progress=lambda *_: None, missing=missing)  # type: ignore[arg-type]
        return done.moved, done.missing, done.removed

    assert report(photos, "stay") == (1, 1, 0)
    assert report(photos / "red", "leave_all") == (0, 0, 1)
    assert sorted(ids(collection)) == ["moved.png"]
