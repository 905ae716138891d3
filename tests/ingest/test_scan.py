"""What is missing, hidden, linked or out of reach is told, and no reason to forget anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import InputError
from tests.ingest.outcomes import Index, MakePicture, counts, ids, three


def test_a_path_that_does_not_exist_stops_before_anything_is_done(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    three(picture)
    for missing in (photos / "none", photos / "red.png" / "x", Path("nul\0")):
        with pytest.raises(InputError, match="no such file or folder"):
            index(photos, missing)
    assert collection.store.count() == 0


def test_an_empty_folder_where_pictures_are_known_may_be_a_missing_disk(
    collection: Collection, index: Index, picture: MakePicture, tmp_path: Path, photos: Path
) -> None:
    three(picture)
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    (other / "red.png").write_bytes((photos / "green.png").read_bytes())
    index(photos, other)
    for path in photos.iterdir():
        path.unlink()
    report = index(photos)
    assert counts(report) == {"kept_because_empty": True}
    (other / "blue.png").unlink()
    report = index(photos, other)
    assert counts(report) == {"kept_because_empty": True, "removed": 1, "unchanged": 2}
    assert collection.store.count("image") == 5


def test_hidden_files_and_folders_are_counted_and_kept_where_they_are_known(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("seen.png")
    picture(".hidden.png", "blue")
    picture(".folder/inside.png", "green")
    assert counts(index()) == {"embedded": 1, "hidden": 2}
    assert counts(index(photos / ".folder", photos / ".hidden.png")) == {"embedded": 2}
    assert counts(index()) == {"unchanged": 1, "hidden": 2}
    assert collection.store.count("image") == 3
    (photos / ".folder" / "inside.png").unlink()
    picture(".folder/another.png", "black")
    report = index(photos, photos / ".folder")
    assert counts(report) == {"embedded": 1, "removed": 1, "unchanged": 1, "hidden": 2}


def test_uploads_stay_when_a_folder_around_the_data_is_indexed(
    collection: Collection, index: Index, picture: MakePicture, tmp_path: Path
) -> None:
    path = picture("red.png")
    upload = collection.add_image(picture("up.png", "blue").read_bytes(), name="up", tags=["mine"])
    path.with_name("up.png").unlink()
    collection.thumbnail(upload.id, 320)
    report = index(tmp_path)
    assert counts(report) == {"embedded": 1, "collections": 1}
    assert collection.store.item(upload.id).tags == ("mine",)
    assert collection.store.count("image") == 2


def test_linked_folders_are_counted_not_followed(
    collection: Collection, index: Index, picture: MakePicture, photos: Path, tmp_path: Path
) -> None:
    picture("here.png")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(picture("x.png", "blue"), elsewhere / "there.png")
    (photos / "x.png").unlink()
    (photos / "link").symlink_to(elsewhere)
    (photos / "up").symlink_to(photos.parent)
    (photos / "one").symlink_to("two")
    (photos / "two").symlink_to("one")
    (photos / "loop.png").symlink_to("loop.png")
    report = index()
    assert (report.embedded, report.linked, report.other) == (1, 2, 2)
    assert [Path(f.name).name for f in report.failures] == ["loop.png"]
    assert counts(index(photos / "link")) == {"embedded": 1}
    assert index().removed == 0
    assert sorted(ids(collection)) == ["here.png", "there.png"]


def test_a_linked_picture_is_a_picture(index: Index, picture: MakePicture, photos: Path) -> None:
    (photos / "link.png").symlink_to(picture("red.png"))
    assert counts(index()) == {"embedded": 1, "copies": 1}


def test_what_is_known_below_a_folder_that_cannot_be_read_is_kept(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture("a.png")
    picture("locked/b.png", "blue")
    picture("locked/deep/c.png", "green")
    picture("lockedup/d.png", "black")
    index()
    real = os.scandir

    def scandir(path: str) -> Any:
        if path == str(photos / "locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (photos / "lockedup" / "d.png").unlink()
    report = index()
    assert counts(report) == {"unchanged": 1, "removed": 1, "failures": 1}
    assert "locked: the folder cannot be read: Permission denied" in report.failures[0].message
    assert sorted(ids(collection)) == ["a.png", "b.png", "c.png"]


def test_a_picture_that_cannot_be_looked_at_is_kept(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    red, green, _ = three(picture)
    index()
    real = os.stat

    def stat(path: Any, **options: Any) -> os.stat_result:
        if str(path) == str(red):
            raise OSError(5, "Input/output error")
        return real(path, **options)

    green.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", stat)
        report = index()
    assert counts(report) == {"unchanged": 1, "removed": 1, "failures": 1}
    assert "red.png: cannot be read: Input/output error" in report.failures[0].message
    assert counts(index()) == {"unchanged": 2}


def test_pipes_and_devices_are_not_opened(index: Index, picture: MakePicture, photos: Path) -> None:
    picture("red.png")
    os.mkfifo(photos / "x.jpg")
    (photos / "null.png").symlink_to("/dev/zero")
    report = index()
    assert counts(report) == {"embedded": 1, "failures": 2}
    assert all("not a regular file" in failure.message for failure in report.failures)
    (photos / "folder.jpg").mkdir()
    picture("folder.jpg/inside.png", "blue")
    assert index().embedded == 1


def test_a_name_that_is_no_text_is_a_failure_that_can_be_printed(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    good = picture("good.png")
    try:
        shutil.copy(os.fsencode(good), os.path.join(os.fsencode(photos), b"caf\xe9.png"))
        os.mkdir(os.path.join(os.fsencode(photos), b"\xff"))
    except OSError:
        pytest.skip("this file system takes no such names")
    shutil.copy(os.fsencode(good), os.path.join(os.fsencode(photos), b"\xff", b"in.png"))
    with open(os.path.join(os.fsencode(photos), b"\xff", b"captions.jsonl"), "wb") as file:
        file.write(b"garbage")
    report = index()
    assert counts(report) == {"embedded": 1, "failures": 3}
    for failure in report.failures:
        (failure.name + failure.message).encode()
    assert any("caf\\xe9.png: the file name is not valid UTF-8" in f.message
               for f in report.failures)  # fmt: skip
    assert list(ids(collection)) == ["good.png"]


def test_long_and_odd_names_are_indexed(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    names = ["two\nlines.png", "مرحبا\u202e.png", "🦄.png", "x" * 250 + ".png", "100%'_\".png"]
    for number, name in enumerate(names):
        picture(name, seed=number + 1)
    assert counts(index()) == {"embedded": 5}
    assert sorted(ids(collection)) == sorted(names)
