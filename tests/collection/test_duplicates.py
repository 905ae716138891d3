"""The duplicates of a collection, and moving them away and back."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed import files
from mmembed.collection.collection import Collection
from mmembed.collection.duplicates import Duplicates
from mmembed.errors import InputError, StoreBusy
from mmembed.explore.duplicates import move_log
from mmembed.filters.parse import parse_where
from mmembed.ingest import Report
from mmembed.media.perceptual_hash import WITHOUT_PARTS
from tests.photographs import copies, jpeg, photograph, taken_at

Index = Callable[..., Report]


def quiet(done: int, total: int, failed: int) -> None:
    """Shows nothing."""


@pytest.fixture
def album(photos: Path) -> dict[str, bytes]:
    """Files by name: a shot in four files, two of them equal; a burst; and others."""
    shot = photograph(0)
    some = {
        "shot.jpg": jpeg(shot, 95, taken_at("2024:05:01 10:00:00")),
        "same.jpg": jpeg(shot, 95, taken_at("2024:05:01 10:00:00")),
        "sent/small.jpg": jpeg(copies(shot)["smaller"], 60),
        "sent/mirrored.jpg": jpeg(copies(shot)["mirrored"], 70),
        **{f"other {seed}.jpg": jpeg(photograph(seed)) for seed in range(1, 5)},
    }
    for name, data in some.items():
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(data)
    return some


def named(collection: Duplicates, where: str = "") -> list[tuple[str, list[str]]]:
    """Classes and file names, the kept ones first."""
    found = collection.duplicates(parse_where(where))
    return [
        (
            group.kind,
            [Path(item.path or "").name for item in (group.kept, *(s.item for s in group.others))],
        )
        for group in collection.described_duplicates(found.groups)
    ]


def paths(collection: Collection) -> set[str]:
    return {item.path or "" for item in collection.items(limit=100, kind="image")}


def test_indexing_makes_what_duplicates_are_found_by(
    album: dict[str, bytes], collection: Collection, index: Index
) -> None:
    assert collection.duplicates().groups == ()
    index()
    [identical, same_shot, *rest] = named(collection)
    assert identical == ("identical", ["same.jpg", "shot.jpg"])
    assert same_shot[1][0] == "same.jpg"
    assert set(same_shot[1][1:]) == {"small.jpg", "mirrored.jpg"}
    assert {kind for kind, _ in rest} <= {"look_alike"}, "the model of tests sees few colours"
    assert collection.duplicates().unhashed == 0
    assert named(collection, "width<100") == []


def test_uploads_are_hashed_too(collection: Collection) -> None:
    shot = photograph(0)
    for image in (shot, copies(shot)["smaller"]):
        collection.add_image(jpeg(image), name="upload")
    [group] = collection.duplicates().groups
    assert group.kind == "same_shot"


def test_pictures_of_earlier_versions_are_hashed_on_request(
    album: dict[str, bytes], collection: Collection, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmembed.ingest.prepare.hashes_of", lambda picture: None)
    index()
    found = collection.duplicates()
    assert found.unhashed == found.pictures == 7
    (Path(collection.items(limit=1)[0].path or "")).write_bytes(b"another picture")
    hashed = collection.hash_pictures(quiet)
    assert (hashed.pictures, hashed.failed) == (7, 0) or (hashed.pictures, hashed.failed) == (6, 1)
    assert collection.duplicates().unhashed == hashed.failed
    again = collection.hash_pictures(quiet)
    assert (again.pictures, again.failed) == (0, hashed.failed)


def test_crops_are_found_once_earlier_hashes_are_completed(
    collection: Collection, index: Index, photos: Path
) -> None:
    shot = photograph(0)
    (photos / "whole.jpg").write_bytes(jpeg(shot))
    (photos / "crop.jpg").write_bytes(jpeg(shot.crop((0, 0, 272, 204))))
    index()
    store = collection.store
    for some in list(store.all_image_hashes()):
        store.add_image_hashes({sha256: row[:WITHOUT_PARTS] for sha256, row in some.items()})
    before = named(collection)
    assert collection.duplicates().unhashed == 2
    assert collection.hash_pictures(quiet).pictures == 2
    assert collection.duplicates().unhashed == 0
    assert collection.hash_pictures(quiet).pictures == 0
    assert ("same_shot", ["whole.jpg", "crop.jpg"]) in named(collection)
    assert ("same_shot", ["whole.jpg", "crop.jpg"]) not in before


def test_what_was_said_is_heeded_and_forgotten(
    album: dict[str, bytes], collection: Collection, index: Index
) -> None:
    index()
    by_name = {Path(item.path or "").name: item.id for item in collection.items(limit=100)}
    both = [by_name["shot.jpg"], by_name["same.jpg"]]
    collection.say_not_duplicates(both)
    assert [kind for kind, _ in named(collection) if kind == "identical"] == []
    collection.say_not_duplicates([by_name["same.jpg"], by_name["small.jpg"]])
    for _, group in named(collection):
        assert not {"same.jpg", "small.jpg"} <= set(group)
    assert collection.forget_not_duplicates(both) == 1
    assert named(collection)[0] == ("identical", ["same.jpg", "shot.jpg"])


# -- moving ----------------------------------------------------------------------------


def test_spare_pictures_move_and_come_back(
    album: dict[str, bytes], collection: Collection, index: Index, photos: Path, tmp_path: Path
) -> None:
    index()
    before = paths(collection)
    target = tmp_path / "spare"
    planned = collection.move_duplicates(target, dry_run=True)
    assert (planned.pictures, planned.log, target.exists()) == (3, None, False)
    moved = collection.move_duplicates(target)
    assert (moved.pictures, moved.failures) == (3, [])
    assert {path.name for path in photos.rglob("*.jpg")} == {
        "same.jpg",
        *(f"other {seed}.jpg" for seed in range(1, 5)),
    }
    there = {path.name: path for path in target.rglob("*.jpg")}
    assert {name: path.read_bytes() for name, path in there.items()} == {
        name: album[f"sent/{name}" if name != "shot.jpg" else name] for name in there
    }
    assert {path for path in paths(collection) if path.startswith(str(target))} == set(
        map(str, there.values())
    )
    assert not [kind for kind, _ in named(collection) if kind in ("identical", "same_shot")]
    assert index().removed == 0, "the catalog knows where they are"
    assert moved.log is not None
    back = collection.undo_moves(moved.log, quiet)
    assert (back.pictures, back.failures) == (3, [])
    assert paths(collection) == before
    assert {name: (photos / name).read_bytes() for name in album} == album
    assert [path.name for path in target.rglob("*")] == [moved.log.name]
    assert collection.undo_moves(moved.log, quiet).pictures == 0
    assert index().embedded == 0


def test_chosen_classes_alone_are_moved(
    album: dict[str, bytes], collection: Collection, index: Index, tmp_path: Path
) -> None:
    index()
    moved = collection.move_duplicates(tmp_path / "spare", classes=["identical"])
    assert moved.pictures == 1


def test_no_file_is_overwritten(
    album: dict[str, bytes], collection: Collection, index: Index, photos: Path, tmp_path: Path
) -> None:
    index()
    target = tmp_path / "spare"
    taken = target / photos.relative_to("/") / "shot.jpg"
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"a file of someone")
    moved = collection.move_duplicates(target, classes=["identical"])
    assert taken.read_bytes() == b"a file of someone"
    assert taken.with_name("shot (2).jpg").read_bytes() == album["shot.jpg"]
    (photos / "shot.jpg").write_bytes(b"a new file")
    assert moved.log is not None
    back = collection.undo_moves(moved.log, quiet)
    assert "there is a file again" in back.failures[0].message
    assert (photos / "shot.jpg").read_bytes() == b"a new file"
    assert taken.with_name("shot (2).jpg").read_bytes() == album["shot.jpg"]


def test_what_is_not_the_indexed_picture_stays(
    album: dict[str, bytes], collection: Collection, index: Index, photos: Path, tmp_path: Path
) -> None:
    index()
    (photos / "shot.jpg").write_bytes(b"changed since")
    small = photos / "sent/small.jpg"
    elsewhere = small.rename(tmp_path / "elsewhere.jpg")
    small.symlink_to(elsewhere)
    (photos / "sent/mirrored.jpg").unlink()
    moved = collection.move_duplicates(tmp_path / "spare")
    assert moved.pictures == 0
    messages = " ".join(failure.message for failure in moved.failures)
    assert "shot.jpg: its file has changed since it was indexed" in messages
    assert "small.jpg: is a link" in messages
    assert "mirrored.jpg: cannot be moved: No such file" in messages
    assert (photos / "shot.jpg").read_bytes() == b"changed since"
    assert elsewhere.exists()


def test_nothing_moves_without_the_picture_to_keep(
    album: dict[str, bytes], collection: Collection, index: Index, photos: Path, tmp_path: Path
) -> None:
    index()
    (photos / "same.jpg").unlink()
    moved = collection.move_duplicates(tmp_path / "spare")
    assert moved.pictures == 0
    assert all("the picture to keep" in failure.message for failure in moved.failures)


def test_between_file_systems_a_verified_copy_comes_first(
    album: dict[str, bytes], collection: Collection, index: Index, photos: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    index()
    move = files.move

    def across(path: Path, to: Path) -> None:
        if str(path).startswith(str(photos)) != str(to).startswith(str(photos)):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(path))
        move(path, to)

    monkeypatch.setattr(files, "move", across)
    modified = (photos / "shot.jpg").stat().st_mtime_ns
    moved = collection.move_duplicates(tmp_path / "spare", classes=["identical"])
    assert (moved.pictures, moved.failures) == (1, [])
    [there] = (tmp_path / "spare").rglob("shot.jpg")
    assert there.read_bytes() == album["shot.jpg"]
    assert there.stat().st_mtime_ns == modified
    assert not (photos / "shot.jpg").exists()
    assert moved.log is not None
    assert collection.undo_moves(moved.log, quiet).pictures == 1
    assert (photos / "shot.jpg").read_bytes() == album["shot.jpg"]


def test_a_move_that_was_killed_is_settled(
    album: dict[str, bytes], collection: Collection, index: Index, photos: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """After the file was moved, and before the catalog knew."""
    index()

    def dying(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(collection.store), "move", dying)
        moved = collection.move_duplicates(tmp_path / "spare", classes=["identical"])
    assert (moved.interrupted, moved.pictures) == (True, 0)
    assert str(photos / "shot.jpg") in paths(collection)
    assert not (photos / "shot.jpg").exists()
    assert collection.move_duplicates(tmp_path / "spare", classes=["identical"]).pictures == 0
    assert str(photos / "shot.jpg") not in paths(collection)
    assert moved.log is not None
    assert collection.undo_moves(moved.log, quiet).pictures == 1
    assert str(photos / "shot.jpg") in paths(collection)


@pytest.mark.parametrize("left", [b"", None])
def test_what_an_interrupted_move_left_is_taken_away(
    album: dict[str, bytes], collection: Collection, index: Index, photos: Path, tmp_path: Path,
    left: bytes | None,
) -> None:  # fmt: skip
    """An empty file that took the name, or a whole copy beside the picture."""
    index()
    moved = collection.move_duplicates(tmp_path / "spare", classes=["identical"])
    assert moved.log is not None
    collection.undo_moves(moved.log, quiet)
    target = move_log.read_log(moved.log)[0].target
    Path(target).parent.mkdir(parents=True)
    Path(target).write_bytes(album["shot.jpg"] if left is None else left)
    assert collection.undo_moves(moved.log, quiet).failures == []
    assert not Path(target).exists()
    assert (photos / "shot.jpg").read_bytes() == album["shot.jpg"]


def test_logs_are_read_with_care(tmp_path: Path, collection: Collection) -> None:
    log = tmp_path / "log.jsonl"
    with pytest.raises(InputError, match="cannot be read"):
        collection.undo_moves(log, quiet)
    log.write_text("hello\n")
    with pytest.raises(InputError, match="is no log of moved pictures"):
        collection.undo_moves(log, quiet)
    first = json.dumps({"log": move_log.FIRST})
    log.write_text(f'{first}\n{{"item": 1, "sou')
    assert collection.undo_moves(log, quiet).pictures == 0, "a torn last line is no move"
    log.write_text(f'{first}\n{{"item": 1}}\n{{"item": 2}}\n')
    with pytest.raises(InputError, match="line 2 is damaged"):
        collection.undo_moves(log, quiet)


def test_nothing_moves_beside_an_indexing(
    album: dict[str, bytes], collection: Collection, index: Index, tmp_path: Path
) -> None:
    index()
    with collection.store.exclusive("indexing"), pytest.raises(StoreBusy):
        collection.move_duplicates(tmp_path / "spare")
