"""Captions and tags follow the files that say them; what was set by hand stays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.ingest import Report
from tests.ingest.outcomes import captions, counts, forget_origins, ids, tags

MakePicture = Callable[..., Path]
Index = Callable[..., Report]


def write_rows(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("way", ["deleted", "emptied", "another"])
def test_a_caption_goes_with_its_text_file(
    collection: Collection, index: Index, picture: MakePicture, way: str
) -> None:
    picture("b.png", "blue").with_suffix(".txt").write_text("stays")
    beside = picture("a.png").with_suffix(".txt")
    beside.write_text("one\ntwo")
    index()
    if way == "deleted":
        beside.unlink()
    elif way == "emptied":
        beside.write_text("\n \n")
    else:
        beside.write_text("two")
    left = ("two",) if way == "another" else ()
    assert counts(index()) == {"unchanged": 2, "recaptioned": 1}
    assert captions(collection, "a.png") == left
    assert collection.store.item(ids(collection)["a.png"]).caption == (left[0] if left else None)
    assert captions(collection, "b.png") == ("stays",)
    assert collection.store.count("caption") == 1 + len(left)
    assert counts(index()) == {"unchanged": 2}


def test_captions_and_tags_go_with_the_rows_that_say_them(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("a.png")
    picture("b.png", "blue")
    manifest = photos / "captions.jsonl"
    rows: list[dict[str, object]] = [
        {"file_name": "a.png", "caption": "a one", "tags": ["x", "y"]},
        {"file_name": "a.png", "caption": "a two"},
        {"file_name": "b.png", "caption": "b one", "tags": ["x"]},
    ]
    write_rows(manifest, *rows)
    index()
    assert captions(collection, "a.png") == ("a one", "a two")
    write_rows(manifest, {**rows[0], "tags": ["y"]}, rows[2])
    assert counts(index()) == {"unchanged": 2, "recaptioned": 1}
    assert captions(collection, "a.png") == ("a one",)
    assert (tags(collection, "a.png"), tags(collection, "b.png")) == (("y",), ("x",))
    manifest.unlink()
    assert counts(index()) == {"unchanged": 2, "recaptioned": 2}
    assert (captions(collection, "a.png"), tags(collection, "a.png")) == ((), ())
    assert (captions(collection, "b.png"), tags(collection, "b.png")) == ((), ())


def test_a_manifest_is_the_same_from_whatever_folder_it_is_named(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("a.png")
    (photos / "sub").mkdir()
    manifest = write_rows(photos / "captions.jsonl", {"file_name": "a.png", "caption": "before"})
    index(photos, manifests=[photos / "sub" / ".." / manifest.name])
    write_rows(manifest, {"file_name": "a.png", "caption": "after"})
    index()
    assert captions(collection, "a.png") == ("after",)


def test_what_was_set_by_hand_stays(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    beside = picture("a.png").with_suffix(".txt")
    beside.write_text("from the file\nboth")
    write_rows(photos / "captions.jsonl", {"file_name": "a.png", "tags": ["file", "both"]})
    index()
    item = ids(collection)["a.png"]
    collection.update(item, captions=["both", "by hand"], tags=["both", "by hand"])
    report = index()
    assert report.failures == []
    assert captions(collection, "a.png") == ("from the file", "both", "by hand")
    assert tags(collection, "a.png") == ("both", "by hand", "file")
    assert counts(index()) == {"unchanged": 1}
    beside.unlink()
    (photos / "captions.jsonl").unlink()
    index()
    assert captions(collection, "a.png") == ("both", "by hand")
    assert tags(collection, "a.png") == ("both", "by hand")
    picture("a.png", "purple")  # also where the picture itself changes
    assert index().embedded == 1
    assert captions(collection, "a.png") == ("both", "by hand")
    assert tags(collection, "a.png") == ("both", "by hand")


def test_a_source_that_was_not_read_takes_nothing_away(
    collection: Collection, index: Index, picture: MakePicture, photos: Path, tmp_path: Path
) -> None:
    beside = picture("a.png").with_suffix(".txt")
    beside.write_text("beside")
    found = write_rows(photos / "captions.jsonl", {"file_name": "a.png", "caption": "found"})
    given = write_rows(tmp_path / "given.jsonl", {"file_name": "photos/a.png", "caption": "given"})
    inside = write_rows(photos / "inside.jsonl", {"file_name": "a.png", "caption": "inside"})
    index(manifests=[given, inside])
    said = ("beside", "given", "inside", "found")
    assert captions(collection, "a.png") == said
    assert counts(index()) == {"unchanged": 1, "other": 1}  # two manifests are not named again
    beside.write_bytes(b"caf\xe9")
    found.write_text("garbage")
    assert len(index().failures) == 2
    assert sorted(captions(collection, "a.png")) == sorted(said)
    found.write_text('{"file_name": "a.png", "caption": "new"}\nbroken\n')
    index()
    assert set(captions(collection, "a.png")) == {*said, "new"}
    beside.unlink()
    write_rows(found, {"file_name": "a.png", "caption": "new"})
    write_rows(given, {"file_name": "nothing.png", "caption": "x"})
    index(manifests=[given])
    assert set(captions(collection, "a.png")) == {"new", "inside"}
    inside.unlink()
    index()
    assert captions(collection, "a.png") == ("new",)


def test_a_caption_that_two_files_say_goes_with_the_last(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    beside = picture("a.png").with_suffix(".txt")
    beside.write_text("same")
    found = write_rows(photos / "captions.jsonl", {"file_name": "a.png", "caption": "same"})
    index()
    found.unlink()
    assert counts(index()) == {"unchanged": 1}
    assert captions(collection, "a.png") == ("same",)
    beside.unlink()
    index()
    assert captions(collection, "a.png") == ()


def test_a_moved_picture_takes_its_text_file_along(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    path = picture("a.png")
    path.with_suffix(".txt").write_text("words")
    picture("b.png", "blue")
    index()
    (photos / "new").mkdir()
    for one in (path, path.with_suffix(".txt")):
        one.rename(photos / "new" / one.name)
    assert counts(index()) == {"moved": 1, "unchanged": 1}
    assert captions(collection, "a.png") == ("words",)
    assert counts(index()) == {"unchanged": 2}
    (photos / "new" / "a.txt").unlink()
    index()
    assert captions(collection, "a.png") == ()


def test_words_of_an_earlier_version_stay_unless_a_file_says_them(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    beside = picture("a.png").with_suffix(".txt")
    beside.write_text("known\nold")
    index()
    forget_origins(collection)
    beside.write_text("known")
    index()
    assert captions(collection, "a.png") == ("known", "old")
    beside.unlink()
    index()
    assert captions(collection, "a.png") == ("old",)


def test_a_link_that_leaves_the_folders_is_not_read(
    collection: Collection, index: Index, picture: MakePicture, photos: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "id_rsa"
    secret.write_text("BEGIN PRIVATE KEY")
    picture("a.png").with_suffix(".txt").symlink_to(secret)
    (photos / "words.text").write_text("inside")
    picture("b.png", "blue").with_suffix(".txt").symlink_to("words.text")
    secret.with_name("c.jsonl").write_text('{"file_name": "photos/b.png", "caption": "outside"}')
    (photos / "captions.jsonl").symlink_to(secret.with_name("c.jsonl"))
    report = index()
    assert captions(collection, "a.png") == ()
    assert captions(collection, "b.png") == ("inside",)
    assert len(report.failures) == 2
    for failure in report.failures:
        assert "outside the folders that are indexed; not read" in failure.message
        assert "PRIVATE" not in failure.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "kept", "message"),
    [
        ("good\n" + "x" * 10_001 + "\nbetter", ("good", "better"), "a.txt:2: 10,001 characters"),
        ("\n".join(map(str, range(1_030))), None, "a.txt:1025: over 1,024 captions"),
    ],
)
def test_a_line_over_a_limit_costs_itself(
    collection: Collection, index: Index, picture: MakePicture, content: str,
    kept: tuple[str, ...] | None, message: str,
) -> None:  # fmt: skip
    picture("a.png").with_suffix(".txt").write_text(content)
    report = index()
    [failure] = report.failures
    assert message in failure.message
    found = captions(collection, "a.png")
    assert found == kept if kept else len(found) == 1_024


def test_limits_of_the_settings_hold_for_files(
    open_collection: Callable[..., Collection], picture: MakePicture, photos: Path
) -> None:
    collection = open_collection(max_text_chars=5)
    picture("a.png").with_suffix(".txt").write_text("123456\n12345")
    write_rows(photos / "captions.jsonl", {"file_name": "a.png", "caption": "abcdefg"})
    report = collection.index([photos], progress=lambda *_: None)
    assert len(report.failures) == 2
    assert captions(collection, "a.png") == ("12345",)


def test_bad_rows_of_a_named_manifest_are_failures_too(
    collection: Collection, index: Index, picture: MakePicture, photos: Path, tmp_path: Path
) -> None:
    picture("a.png")
    given = tmp_path / "given.jsonl"
    given.write_text("[" * 50_000 + '\n{"file_name": "photos/a.png", "caption": "good"}\n')
    report = index(manifests=[given])
    assert captions(collection, "a.png") == ("good",)
    [failure] = report.failures
    assert failure.name == str(given)
    assert failure.message.startswith(f"{given}:1: not JSON")


def test_nothing_is_written_where_nothing_is_new(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("a.png").with_suffix(".txt").write_text("words")
    picture("b.png", "blue")
    write_rows(photos / "captions.jsonl", {"file_name": "b.png", "caption": "c", "tags": ["t"]})
    index()
    collection.update(ids(collection)["b.png"], tags=["t", "mine"])
    index()
    changes = os.stat(collection.settings.data / "catalog.sqlite3-wal").st_size
    assert counts(index()) == {"unchanged": 2}
    assert os.stat(collection.settings.data / "catalog.sqlite3-wal").st_size == changes
