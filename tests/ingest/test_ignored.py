"""Contents that are ignored stay out, under whatever name; pictures leave by filters, too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import InputError
from mmembed.filters.parse import parse_where
from mmembed.ingest import Removed
from tests.ingest.outcomes import counts, ids

MakePicture = Callable[..., Path]
Index = Callable[..., Any]


@pytest.fixture
def red(index: Index, picture: MakePicture) -> Path:
    """`red.png`, its copy `deep/copy.png`, and `blue.png`, which are indexed."""
    red = picture("red.png")
    picture("blue.png", "blue")
    picture("deep/copy.png")
    index()
    return red


def test_an_ignored_content_stays_out_under_every_name(
    collection: Collection, index: Index, red: Path, photos: Path
) -> None:
    dry = collection.remove_path(red, ignore=True, dry_run=True)
    assert dry == collection.remove_path(red, ignore=True) == Removed(2, 0, 0, copies=1)
    shutil.copy(red, photos / "third.png")
    assert counts(index()) == {"unchanged": 1, "kept_out": 3}
    red.rename(photos / "fourth.png")
    assert counts(index(rehash=True)) == {"unchanged": 1, "kept_out": 3}
    assert list(ids(collection)) == ["blue.png"]


def test_ignored_files_are_read_once(
    collection: Collection, index: Index, red: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.remove_path(red, ignore=True)
    monkeypatch.setattr("mmembed.ingest.prepare.read_file", lambda *_, **__: 1 / 0)
    assert counts(index()) == {"unchanged": 1, "kept_out": 2}


def test_another_picture_in_its_place_comes_in(
    collection: Collection, index: Index, red: Path, picture: MakePicture
) -> None:
    collection.remove_path(red, ignore=True)
    picture("red.png", "green")
    assert counts(index()) == {"embedded": 1, "unchanged": 1, "kept_out": 1}
    red.write_bytes((red.parent / "deep" / "copy.png").read_bytes())
    assert counts(index()) == {"removed": 1, "unchanged": 1, "kept_out": 2}
    assert list(ids(collection)) == ["blue.png"]


def test_the_list_is_shown_and_undone(
    collection: Collection, index: Index, red: Path, photos: Path
) -> None:
    collection.remove_path(red, ignore=True)
    [one] = collection.ignored()
    assert sorted(one.files) == sorted([str(photos / "deep" / "copy.png"), str(red)])
    assert collection.stop_ignoring([photos / "other.png", "0" * 7, "f" * 64]) == [0, 0, 0]
    assert collection.stop_ignoring([one.sha256[:8]]) == [1]
    assert counts(index()) == {"embedded": 1, "copies": 1, "unchanged": 1}
    collection.remove_path(red, ignore=True)
    assert collection.stop_ignoring([photos / "deep"]) == [1]
    assert collection.ignored() == []


def test_an_indexing_takes_back_what_lay_below_its_path(
    collection: Collection, index: Index, red: Path, photos: Path
) -> None:
    collection.remove_path(red, ignore=True)
    assert index(photos / "deep", include_removed=True).embedded == 1
    assert counts(index()) == {"copies": 1, "unchanged": 2}


def test_pictures_leave_by_a_filter(collection: Collection, index: Index, red: Path) -> None:
    by_hand = ids(collection)["blue.png"]
    collection.update(by_hand, tags=["out"])
    upload = collection.add_image(b"".join([red.read_bytes(), b"x"]), name="up", tags=["out"])
    where = parse_where("tag:out")
    assert collection.remove_where(where, dry_run=True) == Removed(1, 0, 1)
    assert collection.remove_path(red.parent / "deep", where=where) == Removed(0, 0, 0)
    assert collection.remove_where(where, keep_out=True) == Removed(1, 0, 1)
    assert collection.item(upload.id).id == upload.id
    assert counts(index()) == {"unchanged": 2, "kept_out": 1}


def test_a_gone_folder_leaves_where_that_is_said(
    collection: Collection, index: Index, red: Path, photos: Path
) -> None:
    shutil.rmtree(photos / "deep")
    with pytest.raises(InputError, match="no such file or folder"):
        index(photos / "deep")
    with pytest.raises(InputError, match="no such file or folder"):
        index(photos / "deeep", missing="leave_all")
    assert index(missing="stay").missing == 1
    assert counts(index(photos / "deep", missing="leave_all")) == {"removed": 1}
    red.unlink()
    (photos / "blue.png").unlink()
    assert index().kept_because_empty
    assert counts(index(missing="leave_all")) == {"removed": 2}


def test_what_is_excluded_leaves_though_missing_files_stay(
    open_collection: Callable[..., Collection], index: Index, red: Path, photos: Path
) -> None:
    (photos / "blue.png").unlink()
    other = open_collection(exclude=("deep",))
    report = other.index([photos], progress=lambda *_: None, missing="stay")
    assert (report.removed, report.missing) == (1, 1)


def test_a_copy_of_an_ignored_content_needs_no_model(
    collection: Collection, index: Index, red: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.remove_path(red, ignore=True)
    shutil.copy(red, photos / "third.png")
    monkeypatch.setattr("mmembed.ingest.prepare.decode", lambda *_, **__: 1 / 0)
    assert counts(index()) == {"unchanged": 1, "kept_out": 3}
