"""Pictures in tars are indexed where they lie, as those in a folder are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import NotFound
from mmembed.filters.parse import parse_where
from mmembed.sources import sources
from tests.conftest import Index, OpenCollection
from tests.ingest.outcomes import counts
from tests.tars import packed, png, tar_at

SHARD: dict[str, bytes | str] = {
    "000/red.png": png("red"),
    "000/red.txt": "a red one\nsaid twice",
    "000/blue.png": png("blue"),
    "000/blue.json": json.dumps({"caption": "a blue one", "tags": ["sea"], "year": 2024}),
    "__MACOSX/red.png": png("green"),
    ".hidden.png": png("green"),
    "readme.md": "no picture",
}


@pytest.fixture
def shard(photos: Path) -> Path:
    return tar_at(photos / "shard-0.tar", SHARD)


def paths(collection: Collection) -> list[str]:
    return sorted(collection.store.known_files())


def item_at(collection: Collection, path: object) -> Any:
    return collection.item(collection.store.known_files()[str(path)].id)


def test_a_tar_gives_what_its_unpacked_folder_gives(
    collection: Collection, index: Index, shard: Path, tmp_path: Path
) -> None:
    report = index()
    assert counts(report) == {"embedded": 2, "hidden": 1, "system": 1, "other": 1}
    assert paths(collection) == [f"{shard}/000/blue.png", f"{shard}/000/red.png"]
    red, blue = (item_at(collection, f"{shard}/000/{name}.png") for name in ("red", "blue"))
    assert red.captions == ("a red one", "said twice")
    assert (blue.captions, blue.tags, blue.meta) == (("a blue one",), ("sea",), {"year": 2024})
    assert (red.width, red.bytes, red.date[:10]) == (16, len(png("red")), "2023-11-14")
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    (unpacked / "red.png").write_bytes(png("red"))
    assert index(unpacked).copies == 1
    for where, found in (
        (f"folder:{shard}", 2),
        (f"folder:{shard}/000 and tag:sea", 1),
        (f"folder:{shard.parent}", 2),
        ("meta.year>2023", 1),
    ):
        assert collection.count("image", parse_where(where)) == found, where
    vectors = collection.store.embeddings_of("image", [red.sha256, blue.sha256])
    assert np.allclose(vectors[red.sha256] @ vectors[red.sha256], 1, atol=1e-2)


def test_originals_and_thumbnails_come_out_of_the_tar(
    collection: Collection, index: Index, shard: Path
) -> None:
    index()
    item = item_at(collection, f"{shard}/000/red.png")
    with collection.original(item.id).file as file:
        assert file.read() == png("red")
        assert os.fstat(file.fileno()).st_mtime == 1_700_000_000
    assert collection.thumbnail(item.id, 320)[0][8:12] == b"WEBP"
    blue = item_at(collection, f"{shard}/000/blue.png")
    tar_at(shard, {"000/red.png": png("green")})
    with pytest.raises(NotFound, match="has changed since it was indexed; index its folder again"):
        collection.original(item.id)
    assert collection.thumbnail(item.id, 320), "made before, of the indexed content"
    with pytest.raises(NotFound):
        collection.thumbnail(blue.id, 320)
    shard.unlink()
    with pytest.raises(NotFound, match="no longer there"):
        collection.original(item.id)


def test_an_unchanged_tar_is_not_read_again(
    collection: Collection, index: Index, shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was read")

    for name in ("list_tar", "opened"):
        monkeypatch.setattr(sources, name, never)
    assert counts(index()) == {"unchanged": 2, "hidden": 1, "system": 1, "other": 1}
    assert item_at(collection, f"{shard}/000/red.png").captions == ("a red one", "said twice")


def test_a_changed_tar_is_read_again_and_embedded_where_needed(
    collection: Collection, index: Index, shard: Path, encoder: Any
) -> None:
    index()
    ids = collection.store.known_files()
    files = {**SHARD, "000/red.txt": "another one", "000/new.png": png("pink")}
    del files["000/blue.png"], files["000/blue.json"]
    tar_at(shard, {"first.md": "x" * 5000, **files})
    report = index()
    assert (report.embedded, report.touched, report.removed) == (1, 1, 1)
    assert paths(collection) == [f"{shard}/000/new.png", f"{shard}/000/red.png"]
    red = item_at(collection, f"{shard}/000/red.png")
    assert (red.id, red.captions) == (ids[f"{shard}/000/red.png"].id, ("another one",))
    del files["000/red.txt"]
    tar_at(shard, files)
    index()
    assert item_at(collection, red.path).captions == ()


@pytest.mark.parametrize("keep", [3000, 700, 0])
def test_a_tar_that_was_cut_takes_nothing_away(
    collection: Collection, index: Index, shard: Path, keep: int
) -> None:
    index()
    shard.write_bytes(shard.read_bytes()[:keep])
    report = index()
    assert [failure.name for failure in report.failures][-1] == str(shard)
    assert report.removed == 0
    assert paths(collection) == [f"{shard}/000/blue.png", f"{shard}/000/red.png"]
    tar_at(shard, SHARD)
    assert counts(index())["touched"] == 2


def test_broken_members_fail_alone(collection: Collection, index: Index, photos: Path) -> None:
    shard = tar_at(
        photos / "s.tar",
        {"a.png": b"no picture", "b.png": png("red"), "b.json": "{", "c.png": b"",
         "d.png": png("blue"), "d.txt": b"\xff\xfe", "e.png": png("pink"), "e.txt": "x" * 20_000},
    )  # fmt: skip
    report = index()
    assert report.embedded == 3
    failed = {(Path(one.name).name, one.code) for one in report.failures}
    assert failed == {
        *(("a.png", "UnsupportedFormat"), ("b.png", "ManifestError"), ("c.png", "ImageError")),
        *(("d.png", "ManifestError"), ("e.png", "ManifestError")),
    }
    assert paths(collection) == [f"{shard}/{name}.png" for name in "bde"]
    again = index()
    assert {Path(one.name).name for one in again.failures} == {"a.png", "c.png"}


def test_tars_are_named_excluded_removed_and_kept_out(
    open_collection: OpenCollection, photos: Path
) -> None:
    one, other = (tar_at(photos / f"{name}.tar", SHARD) for name in ("one", "other"))

    def run(collection: Collection, *places: Path) -> dict[str, Any]:
        return counts(collection.index(list(places), progress=lambda *_: None))

    collection = open_collection(exclude=("other.tar", "blue*"))
    assert run(collection, photos)["embedded"] == 1
    assert paths(collection) == [f"{one}/000/red.png"]
    assert run(collection, other)["copies"] == 1, "named by its own path"
    plain = open_collection()
    run(plain, photos)
    assert len(paths(plain)) == 4
    assert plain.remove_path(one, keep_out=True).images == 2
    assert "kept_out" in run(plain, photos)
    assert paths(plain) == [f"{other}/000/blue.png", f"{other}/000/red.png"]
    other.unlink()
    (photos / "left.png").write_bytes(png("red"))
    assert run(plain, photos)["moved"] == 1, "a tar that is gone takes its pictures along"
    assert paths(plain) == [str(photos / "left.png")]


def test_captions_of_a_manifest_beside_a_tar(
    collection: Collection, index: Index, shard: Path
) -> None:
    rows = [{"file_name": "shard-0.tar/000/red.png", "caption": "from outside"}]
    (shard.parent / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    index()
    item = item_at(collection, f"{shard}/000/red.png")
    assert item.captions == ("a red one", "said twice", "from outside")
    (shard.parent / "captions.jsonl").unlink()
    index()
    assert item_at(collection, item.path).captions == ("a red one", "said twice")


def test_a_compressed_tar_that_is_named_is_a_failure(index: Index, photos: Path) -> None:
    (photos / "a.tar").write_bytes(b"\x1f\x8b\x08" + packed(SHARD)[:900])
    [failure] = index(photos / "a.tar").failures
    assert "cannot be read as a tar" in failure.message
