"""Captions and tags come from text files and manifests."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import InputError, ManifestError
from tests.fake_encoder import FakeEncoder
from tests.folder_store import folder_store
from tests.ingest.outcomes import Index, MakePicture, captions, counts, ids, tags, three


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


@pytest.mark.slow
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
    collection.store.update(ids(collection)["red.png"], tags=["mine"])
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
    version = folder_store(collection)._connection.total_changes
    assert counts(index()) == {"unchanged": 3}
    assert folder_store(collection)._connection.total_changes == version
