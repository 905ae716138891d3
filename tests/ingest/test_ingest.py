"""Folders become the collection, and every run says honestly what it did."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmembed.collection.collection import Collection
from mmembed.errors import InputError, ManifestError, Overloaded, StoreBusy, StoreError
from mmembed.ingest import Report, StageTime, flow, pipeline, prepare
from mmembed.ingest.stage_profile import STAGES, Profile, limit
from mmembed.media import decode
from mmembed.store.sqlite import Catalog
from mmembed.types import Box, Embeddings, Pixels
from tests.embedded import embedded
from tests.fake_encoder import FakeEncoder

MakePicture = Callable[..., Path]
Index = Callable[..., Report]
OpenCollection = Callable[..., Collection]


def counts(report: Report) -> dict[str, Any]:
    """What a report says beyond its zeros."""
    names = (
        "embedded", "copies", "unchanged", "touched", "moved", "removed", "recaptioned",
        "hidden", "linked", "other", "system", "excluded", "kept_out", "collections",
        "kept_because_empty", "interrupted",
    )  # fmt: skip
    found = {name: getattr(report, name) for name in names if getattr(report, name)}
    return {**found, **({"failures": len(report.failures)} if report.failures else {})}


def ids(collection: Collection) -> dict[str, int]:
    """Item ids by file name."""
    return {Path(path).name: one.id for path, one in collection.store.known_files().items()}


def captions(collection: Collection, name: str) -> tuple[str, ...]:
    return collection.store.item(ids(collection)[name]).captions


def tags(collection: Collection, name: str) -> tuple[str, ...]:
    return collection.store.item(ids(collection)[name]).tags


def three(picture: MakePicture) -> list[Path]:
    return [picture(f"{colour}.png", colour) for colour in ("red", "green", "blue")]


# -- new, changed, touched, moved, copied, deleted -------------------------------------


def test_new_pictures_are_embedded_and_known_ones_are_not(
    index: Index, picture: MakePicture, encoder: FakeEncoder
) -> None:
    three(picture)
    assert counts(index()) == {"embedded": 3}
    assert encoder.batches == [3]
    picture("sub/deeper/black.png", "black")
    assert counts(index()) == {"embedded": 1, "unchanged": 3}
    assert counts(index()) == {"unchanged": 4}
    assert encoder.batches == [3, 1]


def test_a_changed_picture_keeps_its_id(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    three(picture)
    index()
    before = ids(collection)
    collection.store.set_tags(before["red.png"], ["mine"])
    picture("red.png", "purple")
    assert counts(index()) == {"embedded": 1, "unchanged": 2}
    assert ids(collection) == before
    assert tags(collection, "red.png") == ("mine",)
    assert embedded(collection).extent("image")[1] == 3


def test_a_touched_picture_is_not_embedded_again(
    index: Index, picture: MakePicture, encoder: FakeEncoder
) -> None:
    paths = three(picture)
    index()
    for path in paths:
        os.utime(path, ns=(5, 5))
    encoder.batches.clear()
    assert counts(index()) == {"touched": 3}
    assert counts(index()) == {"unchanged": 3}
    assert encoder.batches == []


def test_a_moved_picture_keeps_its_id_tags_and_captions(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    photos: Path,
    encoder: FakeEncoder,
) -> None:
    red = three(picture)[0]
    red.with_suffix(".txt").write_text("a red thing")
    index()
    red_id = ids(collection)["red.png"]
    collection.store.set_tags(red_id, ["mine"])
    encoder.batches.clear()
    (photos / "elsewhere").mkdir()
    red.rename(photos / "elsewhere" / "scarlet.png")
    assert counts(index()) == {"moved": 1, "unchanged": 2}
    assert encoder.batches == []
    item = collection.store.item(red_id)
    assert item.path == str(photos / "elsewhere" / "scarlet.png")
    assert (item.tags, item.captions) == (("mine",), ("a red thing",))
    assert collection.store.page(after=0, limit=9, kind="caption")[0].path == item.path
    assert collection.store.count("image") == 3


def test_a_copy_shares_the_vector(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    photos: Path,
    encoder: FakeEncoder,
) -> None:
    red = picture()
    index()
    shutil.copy(red, photos / "copy.png")
    assert counts(index()) == {"copies": 1, "unchanged": 1}
    assert encoder.batches == [1]
    item = collection.store.item(ids(collection)["copy.png"])
    assert (item.width, item.height, item.format) == (16, 16, "PNG")
    assert embedded(collection).extent("image")[1] == 1


def test_the_same_content_is_embedded_once_in_a_run(
    index: Index,
    picture: MakePicture,
    photos: Path,
    encoder: FakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where a copy was decoded before the batch with its twin was committed."""
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 4)
    red = picture("0.png")
    for number in range(1, 20):
        shutil.copy(red, photos / f"{number}.png")
    assert counts(index()) == {"embedded": 1, "copies": 19}
    assert sum(encoder.batches) == 1


def test_deleted_pictures_go(collection: Collection, index: Index, picture: MakePicture) -> None:
    red, *_ = three(picture)
    red.with_suffix(".txt").write_text("words")
    index()
    red.unlink()
    assert counts(index()) == {"removed": 1, "unchanged": 2}
    assert collection.store.count() == 2


def test_two_pictures_that_change_names_are_both_kept(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    encoder: FakeEncoder,
) -> None:
    """Each content loses its only item before it is written under the other name."""
    red, green, _ = three(picture)
    red.with_suffix(".txt").write_text("words of red")
    green.with_suffix(".txt").write_text("words of green")
    index()
    for one, other in ((red, green), (red.with_suffix(".txt"), green.with_suffix(".txt"))):
        aside = one.with_name("aside")
        one.rename(aside)
        other.rename(one)
        aside.rename(other)
    for path in (red, green):
        os.utime(path, ns=(7, 7))
    encoder.batches.clear()
    assert counts(index()) == {"copies": 2, "unchanged": 1}
    assert encoder.batches == []
    assert captions(collection, "red.png") == ("words of green",)
    assert embedded(collection).extent("image")[1] == 3
    assert embedded(collection).extent("caption")[1] == 2


def test_the_old_content_of_a_changed_picture_may_live_on_elsewhere(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """«Save a copy, then edit»: the copy is committed after the original has changed."""
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 1)
    original = picture("a.png", "red")
    index()
    shutil.copy(original, photos / "z original.png")
    picture("a.png", "blue")
    report = index()
    assert (report.embedded, report.copies, report.failures) == (1, 1, [])
    assert embedded(collection).extent("image")[1] == 2


def test_a_single_file_may_be_indexed(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    red, *_ = three(picture)
    assert counts(index(red)) == {"embedded": 1}
    assert list(ids(collection)) == ["red.png"]


def test_folders_within_folders_are_walked_once(
    index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("a/b/red.png")
    (photos / "a" / "notes.odt").touch()
    report = index(photos, photos / "a", photos / "a" / "b", photos)
    assert counts(report) == {"embedded": 1, "other": 1}


# -- captions and tags -----------------------------------------------------------------


def test_captions_come_from_text_files(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    path = picture()
    path.with_suffix(".txt").write_bytes(
        "\ufeffzwei Busse  \r\n\r\n   \nund ein «Zug» 🚂\nzwei Busse\n".encode()
    )
    index()
    assert captions(collection, "a.png") == ("zwei Busse", "und ein «Zug» 🚂")


def test_a_changed_caption_is_taken_without_embedding_the_picture_again(
    collection: Collection, index: Index, picture: MakePicture, encoder: FakeEncoder
) -> None:
    path = picture()
    path.with_suffix(".txt").write_text("one\ntwo")
    index()
    encoder.batches.clear()
    path.with_suffix(".txt").write_text("two\nthree")
    assert counts(index()) == {"unchanged": 1, "recaptioned": 1}
    assert encoder.batches == [1]  # the text «three», and no picture
    assert captions(collection, "a.png") == ("two", "three")
    assert counts(index()) == {"unchanged": 1}
    path.with_suffix(".txt").write_text("three\ntwo")
    assert counts(index()) == {"unchanged": 1, "recaptioned": 1}
    assert captions(collection, "a.png") == ("three", "two")
    assert counts(index()) == {"unchanged": 1}
    assert encoder.batches == [1]


def test_a_text_file_that_cannot_be_read_costs_only_its_captions(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    path = picture()
    path.with_suffix(".txt").write_bytes(b"caf\xe9")
    report = index()
    assert report.embedded == 1
    [failure] = report.failures
    assert failure.name == str(path)
    assert "a.txt: cannot be read as UTF-8" in failure.message


def test_odd_things_called_like_caption_files_do_no_harm(
    index: Index, picture: MakePicture, photos: Path
) -> None:
    os.mkfifo(picture("a.png").with_suffix(".txt"))
    picture("b.png", "blue").with_suffix(".txt").mkdir()
    picture("c.png", "green").with_suffix(".txt").symlink_to("nowhere")
    picture("d.png", "black").with_suffix(".txt").write_bytes(b"x" * 70_000)
    os.mkfifo(photos / "captions.jsonl")
    (photos / "metadata.csv").mkdir()
    report = index()
    assert report.embedded == 4
    assert sorted(f.message.split(": ", 1)[1] for f in report.failures) == [
        "not a regular file",
        "over 65536 bytes; not taken for a caption",
    ]


MANIFESTS: dict[str, str] = {
    "jsonl": (
        '\ufeff{"file_name": "red.png", "caption": "a", "tags": ["x", "y"]}\n\n'
        '{"file_name": "red.png", "captions": ["b", "a"], "tags": "z;x"}\n'
        '{"image": "sub/blue.png", "text": "c, d", "keywords": "k"}\n'
    ),
    "csv": (
        '\ufefffile_name,caption,captions,tags\r\nred.png,a,,x|y\r\nred.png,b,"[""a""]","z, x"\r\n'
        'sub/blue.png,"c, d",,k\r\n'
    ),
    "tsv": "filename\ttext\ttags\nred.png\ta\tx,y\nred.png\tb\tz\nsub/blue.png\tc, d\tk\n",
}


def check_manifest(collection: Collection) -> None:
    assert captions(collection, "red.png") == ("a", "b")
    assert tags(collection, "red.png") == ("x", "y", "z")
    assert captions(collection, "blue.png") == ("c, d",)
    assert tags(collection, "blue.png") == ("k",)


@pytest.mark.parametrize("kind", MANIFESTS)
@pytest.mark.parametrize("stem", ["metadata", "captions"])
def test_manifests_are_found(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    photos: Path,
    kind: str,
    stem: str,
) -> None:
    picture("red.png")
    picture("sub/blue.png", "blue")
    (photos / f"{stem}.{kind}").write_bytes(MANIFESTS[kind].encode())
    assert counts(index()) == {"embedded": 2}
    check_manifest(collection)
    assert counts(index()) == {"unchanged": 2}


def test_a_parquet_manifest_is_read(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    picture("red.png")
    picture("sub/blue.png", "blue")
    rows = {
        "file_name": ["red.png", "red.png", "sub/blue.png"],
        "captions": [["a"], ["b", "a"], ["c, d"]],
        "tags": [["x", "y"], ["z"], ["k"]],
        "size": [1, 2, 3],
    }
    parquet.write_table(pyarrow.table(rows), photos / "metadata.parquet")
    assert counts(index()) == {"embedded": 2}
    check_manifest(collection)
    (photos / "metadata.parquet").write_bytes(b"PAR1 not really")
    [failure] = index().failures
    assert "metadata.parquet: not a Parquet file" in failure.message


def test_an_explicit_manifest_may_lie_elsewhere(
    collection: Collection, index: Index, picture: MakePicture, tmp_path: Path
) -> None:
    red = picture("red.png")
    manifest = tmp_path / "words.jsonl"
    manifest.write_text(
        json.dumps({"file_name": str(red), "caption": "absolute"})
        + "\n"
        + json.dumps({"file_name": "photos/red.png", "caption": "relative"})
    )
    report = index(manifests=[manifest])
    assert counts(report) == {"embedded": 1}
    assert captions(collection, "red.png") == ("absolute", "relative")


def test_captions_of_a_picture_add_up_over_all_sources(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("red.png").with_suffix(".txt").write_text("from the text file")
    (photos / "captions.csv").write_text("file,caption\nred.png,from csv\n")
    (photos / "metadata.jsonl").write_text('{"file": "red.png", "caption": "from jsonl"}')
    index()
    assert captions(collection, "red.png") == ("from the text file", "from csv", "from jsonl")


def test_an_explicit_manifest_that_is_not_there_stops_before_anything_is_done(
    collection: Collection, index: Index, picture: MakePicture, tmp_path: Path
) -> None:
    picture()
    with pytest.raises(ManifestError, match=r"none\.jsonl: cannot be read"):
        index(manifests=[tmp_path / "none.jsonl"])
    assert collection.store.count() == 0


def test_captions_of_pictures_that_are_not_there_are_failures(
    index: Index, picture: MakePicture, photos: Path, tmp_path: Path
) -> None:
    picture("red.png")
    outside = tmp_path / "outside.png"
    outside.touch()
    lines = ["red.png", "gone.png", "../outside.png", "../nowhere.png", "x\0y.png", "\\ud800.png"]
    (photos / "captions.jsonl").write_text(
        "\n".join(f'{{"file_name": "{name}", "caption": "c"}}'.replace("\0", "\\u0000")
                  for name in lines)
    )  # fmt: skip
    report = index()
    names = [Path(failure.name).name for failure in report.failures]
    assert names == ["gone.png", "nowhere.png", "x\0y.png", "\\ud800.png"]
    assert "no such image, though" in report.failures[0].message
    assert "captions.jsonl:2 names it" in report.failures[0].message
    for failure in report.failures:
        failure.message.encode()


def test_half_a_character_in_a_caption_does_not_stop_the_run(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("red.png")
    (photos / "captions.jsonl").write_text(
        '{"file_name": "red.png", "caption": "half \\ud83d", "tags": ["\\udc00"]}'
    )
    assert counts(index()) == {"embedded": 1}
    assert captions(collection, "red.png") == ("half ?",)
    with pytest.raises(InputError, match="not valid text"):
        collection.add_caption("half \ud83d")


def test_tags_are_added_to_those_given_by_hand(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("red.png")
    index()
    collection.store.set_tags(ids(collection)["red.png"], ["mine"])
    (photos / "captions.jsonl").write_text('{"file_name": "red.png", "tags": ["x"]}')
    assert counts(index()) == {"unchanged": 1}
    assert tags(collection, "red.png") == ("mine", "x")


def test_nothing_is_written_where_nothing_is_new(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    for path in three(picture):
        path.with_suffix(".txt").write_text(f"words of {path.name}")
    (photos / "captions.jsonl").write_text('{"file_name": "red.png", "tags": ["x"]}')
    index()
    version = embedded(collection)._connection.total_changes
    assert counts(index()) == {"unchanged": 3}
    assert embedded(collection)._connection.total_changes == version


# -- what is missing, hidden, linked or out of reach -----------------------------------


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


# -- pictures and models that fail -----------------------------------------------------


def test_a_broken_picture_fails_alone_until_it_is_mended(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    three(picture)
    whole = picture("b.png", "black").read_bytes()
    (photos / "b.png").write_bytes(whole[: len(whole) // 2])
    (photos / "zero.jpg").touch()
    (photos / "text.jpg").write_text("no picture at all")
    report = index()
    assert counts(report) == {"embedded": 3, "failures": 3}
    noted = {Path(f.name).name: f.message for f in collection.store.failures()}
    assert set(noted) == {"b.png", "zero.jpg", "text.jpg"}
    assert noted["zero.jpg"].startswith(str(photos / "zero.jpg"))
    (photos / "b.png").write_bytes(whole)
    (photos / "zero.jpg").unlink()
    report = index()
    assert counts(report) == {"embedded": 1, "unchanged": 3, "failures": 1}
    assert [Path(f.name).name for f in collection.store.failures()] == ["text.jpg"]


UNFORESEEN = "could not be processed (RuntimeError); the log has the details"


class Fragile(FakeEncoder):
    """Raises for pictures that are mostly blue, and gives no number for green ones."""

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        red, green, blue = pixels.mean(axis=(1, 2)).T / 255
        if (blue > 0.6).any():
            raise RuntimeError("blue screen")
        rows = super().embed_preprocessed(pixels)
        rows[(green > 0.5) & (red < 0.4)] = np.nan
        return rows

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        rows = super().embed_texts(texts)
        for row, text in zip(rows, texts, strict=True):
            if "void" in text:
                row[:] = 0
            if "crash" in text:
                raise IndexError("tokens")
        return rows


class TestFragile:
    """A model that fails for one input of a batch."""

    @pytest.fixture
    def encoder(self) -> FakeEncoder:
        return Fragile()

    def test_only_the_picture_that_it_cannot_embed_fails(
        self, collection: Collection, index: Index, picture: MakePicture, photos: Path
    ) -> None:
        three(picture)
        shutil.copy(photos / "blue.png", photos / "blue copy.png")
        picture("black.png", "black")
        report = index()
        assert sorted(ids(collection)) == ["black.png", "red.png"]
        assert {Path(f.name).name: f.message.split(": ", 1)[1] for f in report.failures} == {
            "blue.png": UNFORESEEN,
            "blue copy.png": UNFORESEEN,
            "green.png": "fake: the model gave a vector that is not finite",
        }
        assert len(collection.store.failures()) == 3
        assert counts(report) == {"embedded": 2, "failures": 3}

    def test_only_the_caption_that_it_cannot_embed_fails(
        self, collection: Collection, index: Index, picture: MakePicture
    ) -> None:
        path = picture("red.png")
        path.with_suffix(".txt").write_text("good\nvoid\nbetter\ncrash")
        report = index()
        assert report.embedded == 1
        assert captions(collection, "red.png") == ("good", "better")
        assert [f.code for f in report.failures] == ["ModelError", "ProcessingError"]
        path.with_suffix(".txt").write_text("void\nbest")
        report = index()
        assert captions(collection, "red.png") == ("best",)
        assert len(report.failures) == 1


def test_preprocessing_that_fails_costs_one_picture(
    index: Index, picture: MakePicture, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def preprocess(image: Image.Image, box: Box | None = None) -> Pixels:
        if image.getpixel((0, 0)) == (220, 30, 30):
            raise ZeroDivisionError("red")
        return FakeEncoder.preprocess(encoder, image, box)

    monkeypatch.setattr(encoder, "preprocess", preprocess)
    three(picture)
    report = index()
    assert counts(report) == {"embedded": 2, "failures": 1}
    assert report.failures[0].code == "ProcessingError"


def test_a_busy_model_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    busy = iter([True, True, False])

    def embed(_: Sequence[int]) -> Embeddings:
        if next(busy):
            raise Overloaded("full")
        return np.ones((2, 3), np.float32)

    assert len(flow.embed_each([1, 2], embed)) == 2
    monkeypatch.setattr(flow, "PATIENCE", 3)

    def never(_: Sequence[int]) -> Embeddings:
        raise Overloaded("full")

    with pytest.raises(Overloaded):
        flow.embed_each([1, 2], never)


def test_a_model_that_cannot_be_loaded_is_no_failure_of_the_pictures(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> FakeEncoder:
        raise StoreError("no such model")

    monkeypatch.setattr(collection.embedder.model, "_load", broken)
    picture()
    with pytest.raises(StoreError, match="no such model"):
        index()
    assert collection.store.failures() == []


# -- interruptions and others at work --------------------------------------------------


def test_an_interrupt_keeps_what_was_committed_and_the_next_run_completes(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    encoder: FakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 4)
    for number in range(20):
        picture(f"{number:02}.png", seed=number + 1)
    real = Catalog.write
    calls = iter(range(99))

    def write(self: Catalog, *arguments: Any) -> list[int]:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "write", write)
        report = index()
    assert report.interrupted
    assert collection.store.count("image") == 8
    assert threading.active_count() < 20
    encoder.batches.clear()
    assert counts(index()) == {"embedded": 12, "unchanged": 8}
    assert sum(encoder.batches) == 12
    assert embedded(collection).extent("image") == (20, 20)


def test_an_interrupted_run_removes_nothing(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    red, *_ = three(picture)
    index()
    red.unlink()
    picture("new.png", "black")

    def write(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "write", write)
        assert counts(index()) == {"interrupted": True, "unchanged": 2}
    assert collection.store.count("image") == 3
    assert counts(index()) == {"embedded": 1, "unchanged": 2, "removed": 1}


def test_a_full_disk_in_the_middle_loses_nothing_that_was_committed(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 4)
    for number in range(40):
        picture(f"{'x' * 200}{number:02}.png", seed=number + 1)
    database = embedded(collection)._connection
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages + 6}")
    with pytest.raises(StoreError, match="full"):
        index()
    kept = collection.store.count("image")
    assert 0 < kept < 40
    database.execute("PRAGMA max_page_count = 1000000")
    assert counts(index()) == {"embedded": 40 - kept, "unchanged": kept}
    assert collection.store.check() == []


def test_two_indexings_at_once_are_refused(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    open_collection: Callable[..., Collection],
    photos: Path,
) -> None:
    picture()
    other = open_collection()

    def during(done: int, total: int, failed: int) -> None:
        with pytest.raises(StoreBusy, match=r"indexing.*wait for it to end"):
            other.index([photos], progress=lambda *_: None)

    assert collection.index([photos], progress=during).embedded == 1


def test_a_picture_that_changes_while_it_is_read_is_read_again_by_the_next_run(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture("a.png", "red")
    real = decode.read_file

    def read_file(source: str, **options: Any) -> bytes:
        picture("a.png", "blue")
        os.utime(path, ns=(1, 1))
        return real(source, **options)

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "read_file", read_file)
        assert counts(index()) == {"embedded": 1}
    assert counts(index()) == {"touched": 1}
    assert counts(index()) == {"unchanged": 1}


def test_a_picture_that_goes_while_it_is_indexed_is_a_failure(
    index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(picture)
    real = decode.read_file

    def read_file(source: str, **options: Any) -> bytes:
        if source.endswith("red.png"):
            Path(source).unlink()
        return real(source, **options)

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "read_file", read_file)
        assert counts(index()) == {"embedded": 2, "failures": 1}
    assert counts(index()) == {"unchanged": 2}


def test_items_removed_by_others_during_the_run_do_no_harm(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    """The only other item of a content, and an image whose captions are to change."""
    red = picture("red.png")
    red.with_suffix(".txt").write_text("old")
    picture("blue.png", "blue")
    index()
    red.with_suffix(".txt").write_text("new")
    shutil.copy(photos / "blue.png", photos / "copy.png")
    known = ids(collection)

    def during(done: int, total: int, failed: int) -> None:
        collection.store.remove(list(known.values()))

    report = collection.index([photos], progress=during)
    assert report.failures == []
    assert set(ids(collection)) == {"copy.png"}
    assert counts(index()) == {"copies": 1, "embedded": 1, "unchanged": 1}


def test_progress_ends_with_all_files(collection: Collection, picture: MakePicture) -> None:
    path = three(picture)[0].parent
    seen: list[tuple[int, int, int]] = []
    (path / "broken.png").touch()
    collection.index([path], progress=lambda *state: seen.append(state))
    assert seen[0] == (0, 4, 0)
    assert seen[-1] == (4, 4, 1)


def test_a_profile_adds_up_what_each_stage_took() -> None:
    profile = Profile(threads=2)
    with profile.stage("decode"):
        time.sleep(0.02)
    with profile.stage("embed"):
        time.sleep(0.03)
    times = {one.stage: one for one in profile.times(elapsed=0.1)}
    assert times["decode"].seconds >= 0.02
    assert times["decode"].busy == pytest.approx(times["decode"].seconds / 0.1 / 2)
    assert times["embed"].busy == pytest.approx(times["embed"].seconds / 0.1)
    assert times["commit"].seconds == 0
    assert limit(list(times.values())) == "embed"


def test_the_limit_is_whatever_is_busy_most() -> None:
    busy = {"read": 0.3, "decode": 0.4, "preprocess": 0.2, "embed": 0.8, "commit": 0.1}
    assert limit([StageTime(name, 1.0, share) for name, share in busy.items()]) == (
        "reading and decoding"
    )


def test_the_stages_of_an_indexing_are_timed(
    open_collection: OpenCollection, picture: MakePicture
) -> None:
    report = open_collection(thumbnails=True).index([picture()], progress=lambda *_: None)
    assert [one.stage for one in report.stages if one.seconds > 0] == list(STAGES)


def test_a_content_that_comes_again_in_the_next_group_is_embedded_once(
    index: Index, picture: MakePicture, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 1)
    for name in "abcdef":
        picture(f"{name}.png", "red")
    assert counts(index()) == {"embedded": 1, "copies": 5}
    assert encoder.batches == [1]
