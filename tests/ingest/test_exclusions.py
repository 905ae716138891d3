"""What an indexing passes over: the collection's own files, parts of systems, and patterns."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import InputError
from mmembed.ingest import Passing, Report, patterns_of, scan
from tests.ingest.outcomes import counts, ids

MakePicture = Callable[..., Path]
Index = Callable[..., Report]
OpenCollection = Callable[..., Collection]


# -- data folders ----------------------------------------------------------------------


def test_pictures_in_the_data_folder_itself_are_indexed(
    open_collection: OpenCollection, picture: MakePicture, photos: Path
) -> None:
    """`mmembed index . --data .`"""
    collection = open_collection(data=photos, thumbnails=True)
    for name in ("red.png", "sub/blue.png", "originals/green.png", "thumbnails/black.png"):
        picture(name, Path(name).stem)
    upload = collection.add_image(picture("up.png", "pink").read_bytes(), name="up")
    (photos / "up.png").unlink()
    report = collection.index([photos], progress=lambda *_: None)
    assert counts(report) == {"embedded": 4, "collections": 1}
    report = collection.index([photos], progress=lambda *_: None)
    assert counts(report) == {"unchanged": 4, "collections": 1}
    assert collection.store.item(upload.id).id == upload.id
    (photos / "red.png").unlink()
    assert collection.index([photos], progress=lambda *_: None).removed == 1
    assert collection.store.count("image") == 4


def test_another_collection_within_is_passed_over(
    collection: Collection, open_collection: OpenCollection, index: Index, picture: MakePicture,
    photos: Path,
) -> None:  # fmt: skip
    other = open_collection(data=photos / "other", thumbnails=True)
    other.add_image(picture("up.png", "pink").read_bytes(), name="up")
    (photos / "up.png").unlink()
    picture("red.png")
    picture("other/blue.png", "blue")
    assert counts(index()) == {"embedded": 2, "collections": 1}
    assert sorted(ids(collection)) == ["blue.png", "red.png"]


def test_a_scan_of_a_part_of_a_data_folder_takes_nothing_in(
    open_collection: OpenCollection, picture: MakePicture, tmp_path: Path
) -> None:
    collection = open_collection(thumbnails=True)
    collection.index([picture("red.png").parent], progress=lambda *_: None)
    report = collection.index([tmp_path / "data" / "thumbnails"], progress=lambda *_: None)
    assert (report.total, report.removed) == (0, 0)
    assert report.empty == [str(tmp_path / "data" / "thumbnails")]


# -- parts of systems ------------------------------------------------------------------

SYSTEM = [
    "@eaDir/a.png", "#recycle/b.png", "$RECYCLE.BIN/S-1/c.png", "System Volume Information/d.png",
    "web/node_modules/left-pad/e.png", "__MACOSX/f.png", "lost+found/g.png", "@EADIR/h.png",
    "Lightroom/Previews.lrdata/1/i.png", "iPhoto.photolibrary/Thumbnails/j.png",
    "P.photoslibrary/resources/derivatives/k.png", "lib/python3/site-packages/l.png",
    "@Recycle/m.png", "#snapshot/n.png",
]  # fmt: skip


def test_parts_of_systems_are_passed_over_and_counted(
    collection: Collection, open_collection: OpenCollection, picture: MakePicture, photos: Path
) -> None:
    for number, name in enumerate(SYSTEM):
        picture(name, seed=number + 1)
    picture("P.photoslibrary/originals/0/kept.png", "blue")
    picture("iPhoto.photolibrary/Masters/2009/old.png", "green")
    picture("recycle/mine.png", "black")
    report = collection.index([photos], progress=lambda *_: None)
    assert sorted(ids(collection)) == ["kept.png", "mine.png", "old.png"]
    assert counts(report) == {"embedded": 3, "system": len(SYSTEM)}
    everything = open_collection(include_system=True)
    report = everything.index([photos], progress=lambda *_: None)
    assert (report.total, report.system) == (len(SYSTEM) + 3, 0)
    report = collection.index([photos], progress=lambda *_: None)
    assert (report.removed, report.system) == (len(SYSTEM), len(SYSTEM))
    assert sorted(ids(collection)) == ["kept.png", "mine.png", "old.png"]


def test_a_folder_that_asks_for_no_media_is_passed_over(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("seen.png")
    picture("cache/a.png", "blue")
    picture("cache/deeper/b.png", "green")
    (photos / "cache" / ".nomedia").touch()
    assert counts(index()) == {"embedded": 1, "system": 1}
    assert counts(index(photos / "cache")) == {"embedded": 2, "hidden": 1}


def test_a_part_of_a_system_that_is_asked_for_is_entered(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("seen.png")
    picture("@eaDir/a.png", "blue")
    assert counts(index(photos / "@eaDir")) == {"embedded": 1}
    assert counts(index(photos, photos / "@eaDir")) == {"embedded": 1, "unchanged": 1}
    assert counts(index()) == {"unchanged": 1, "removed": 1, "system": 1}


# -- patterns --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.gif", "a.png private/b.png scans/2019/c.png scans/2020/deep/d.png"),
        ("private", "a.png e.gif scans/2019/c.png scans/2020/deep/d.png"),
        ("private/", "a.png e.gif scans/2019/c.png scans/2020/deep/d.png"),
        ("a.png/", "a.png e.gif private/b.png scans/2019/c.png scans/2020/deep/d.png"),
        ("./private/", "a.png e.gif scans/2019/c.png scans/2020/deep/d.png"),
        ("scans/20??", "a.png e.gif private/b.png"),
        ("scans/*/deep", "a.png e.gif private/b.png scans/2019/c.png"),
        ("**/d.png", "a.png e.gif private/b.png scans/2019/c.png"),
        ("**/deep/", "a.png e.gif private/b.png scans/2019/c.png"),
        ("[!a].png", "a.png e.gif"),
        ("[a-c].png", "e.gif scans/2020/deep/d.png"),
        ("2019/c.png", "a.png e.gif private/b.png scans/2019/c.png scans/2020/deep/d.png"),
        ("{root}/scans", "a.png e.gif private/b.png"),
        ("{root}/**/[bc].png", "a.png e.gif scans/2020/deep/d.png"),
        ("A.PNG", "a.png e.gif private/b.png scans/2019/c.png scans/2020/deep/d.png"),
    ],
)
def test_patterns(photos: Path, pattern: str, left: str) -> None:
    for name in ("a.png", "e.gif", "private/b.png", "scans/2019/c.png", "scans/2020/deep/d.png"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).touch()
    patterns = patterns_of([pattern.replace("{root}", str(photos))])
    found = scan([photos], Passing(patterns))
    assert sorted(os.path.relpath(path, photos) for path in found.files) == left.split()
    assert bool(found.excluded) == (len(found.files) < 5)


def test_names_with_signs_of_patterns_can_be_excluded(photos: Path) -> None:
    for name in ("a+b (1).png", "a^b.png", "aab.png"):
        (photos / name).touch()
    found = scan([photos], Passing(patterns_of(["a+b (1).png", "a[^]b.png"])))
    assert [os.path.basename(path) for path in found.files] == ["aab.png"]


@pytest.mark.parametrize("pattern", ["", "  ", "/", "!kept.png"])
def test_patterns_that_are_none(
    open_collection: OpenCollection, photos: Path, pattern: str
) -> None:
    collection = open_collection(exclude=(pattern,))
    with pytest.raises(InputError, match="--exclude"):
        collection.index([photos], progress=lambda *_: None)


def test_what_is_excluded_later_leaves_the_collection(
    collection: Collection, open_collection: OpenCollection, picture: MakePicture, photos: Path
) -> None:
    picture("seen.png")
    picture("private/a.png", "blue")
    assert collection.index([photos], progress=lambda *_: None).embedded == 2
    strict = open_collection(exclude=("private/",))
    report = strict.index([photos], progress=lambda *_: None)
    assert counts(report) == {"unchanged": 1, "removed": 1, "excluded": 1}
    alone = open_collection(exclude=("*.png",))
    report = alone.index([photos], progress=lambda *_: None)
    assert counts(report) == {"removed": 1, "excluded": 2}


def test_a_picture_that_moves_out_of_an_excluded_folder_keeps_its_id(
    collection: Collection, open_collection: OpenCollection, picture: MakePicture, photos: Path
) -> None:
    inside = picture("private/a.png", "blue")
    picture("seen.png")
    collection.index([photos], progress=lambda *_: None)
    before = ids(collection)["a.png"]
    shutil.move(inside, photos / "public.png")
    report = open_collection(exclude=("private/",)).index([photos], progress=lambda *_: None)
    assert report.moved == 1
    assert ids(collection)["public.png"] == before


def test_rows_that_name_excluded_pictures_are_no_failures(
    open_collection: OpenCollection, picture: MakePicture, photos: Path
) -> None:
    for name in ("seen.png", "private/a.png", "b.png"):
        picture(name, seed=len(name))
    rows = [f'{{"file_name": "{name}", "caption": "c"}}' for name in ("private/a.png", "b.png")]
    (photos / "captions.jsonl").write_text("\n".join(rows))
    collection = open_collection(exclude=("private/", "b.png"))
    report = collection.index([photos], progress=lambda *_: None)
    assert (report.embedded, report.excluded, report.failures) == (1, 2, [])
