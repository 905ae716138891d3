"""Sidecars and archives: names of their own, and nothing that was there is lost."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from mmembed.errors import NotFound
from mmembed.exchange.write_export import Exported
from mmembed.exchange.write_sidecars import write_sidecars
from mmembed.exchange.write_zip import LIST, ArchiveNames, write_zip
from mmembed.exchange.xmp import with_tags
from mmembed.types import Item


def items(*paths: str, tags: tuple[str, ...] = ("dog",)) -> list[Item]:
    return [Item(n, "image", f"sha {n}", path=path, tags=tags) for n, path in enumerate(paths, 1)]


def sidecars(
    some: Sequence[Item], folder: Path | None, is_upload: Callable[[str, str], bool] | None = None
) -> Exported:
    exported = Exported(folder or Path("beside"))
    write_sidecars([some], exported, folder, is_upload or (lambda path, sha256: False))
    return exported


def test_a_tree_of_its_own(tmp_path: Path) -> None:
    some = items("/photos/a.jpg", "/photos/../b/a.jpg", "/photos/é 🦊/no.tags.jpg", "/up/c.png")
    some[2] = Item(3, "image", "x", path="/photos/none.jpg")
    exported = sidecars(some, tmp_path, lambda path, sha256: path.startswith("/up"))
    assert exported.counts == {"sidecars new": 3}
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.xmp"))
    assert names == ["photos/a.jpg.xmp", "photos/b/a.jpg.xmp", "uploads/c.png.xmp"]
    assert sidecars(some[:1], tmp_path).counts == {"sidecars unchanged": 1}


def test_beside_the_pictures_sidecars_are_merged(tmp_path: Path) -> None:
    there, broken, linked = (tmp_path / f"{name}.jpg.xmp" for name in ("there", "broken", "link"))
    there.write_bytes(with_tags(None, ["mine"]) or b"")
    there.chmod(0o640)
    broken.write_bytes(b"<x")
    real = tmp_path / "real.xmp"
    real.write_bytes(with_tags(None, ["of the link"]) or b"")
    linked.symlink_to(real)
    (tmp_path / "folder.jpg.xmp").mkdir()
    some = items(
        *(str(tmp_path / f"{n}.jpg") for n in ("there", "broken", "link", "new", "folder"))
    )
    some += items("/nowhere/at/all.jpg", f"/tmp/{'n' * 300}.jpg", "/nul\0.jpg")
    exported = sidecars(some, None)
    assert exported.counts == {"sidecars merged": 2, "sidecars new": 1}
    assert broken.read_bytes() == b"<x"
    assert b"mine" in there.read_bytes()
    assert b"dog" in there.read_bytes()
    assert there.stat().st_mode & 0o777 == 0o640
    assert linked.is_symlink()
    assert b"dog" in real.read_bytes()
    assert len(exported.failures) == 5
    assert "broken.jpg.xmp: is no XML" in exported.failures[0].message
    assert "stays as it is" in exported.failures[0].message
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".new")]


def test_a_link_to_nothing_makes_no_file_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.xmp"
    (tmp_path / "a.jpg.xmp").symlink_to(elsewhere)
    [failure] = sidecars(items(str(tmp_path / "a.jpg")), None).failures
    assert "is a link to" in failure.message
    assert not elsewhere.exists()


def test_nothing_is_written_beside_uploads(tmp_path: Path) -> None:
    exported = sidecars(items(str(tmp_path / "a.jpg")), None, lambda path, sha256: True)
    assert exported.counts == {"uploads left out": 1}
    assert not os.listdir(tmp_path)


def test_an_archive_has_each_picture_under_a_name_of_its_own(tmp_path: Path) -> None:
    some = items("/a/x.jpg", "/b/X.JPG", "/c/x.jpg", "/gone.jpg", f"/{LIST}", "/d/a\nb?.png")

    def opened(item: Item) -> BinaryIO:
        if item.path == "/gone.jpg":
            raise NotFound("item 4: its file is no longer there")
        return io.BytesIO(f"bytes of {item.id}".encode())

    exported = Exported(tmp_path / "all.zip")
    write_zip([some[:2], some[2:]], exported, opened)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        rows = list(csv.DictReader(io.StringIO(archive.read(LIST).decode())))
        names = {int(row["id"]): row["name"] for row in rows}
        assert names == {
            1: "x.jpg", 2: "X (2).JPG", 3: "x (3).jpg", 5: "pictures (2).csv", 6: "a_b_.png",
        }  # fmt: skip
        assert archive.read("x (3).jpg") == b"bytes of 3"
        assert sorted(archive.namelist()) == sorted([*names.values(), LIST])
    assert exported.counts == {"pictures": 5}
    assert [failure.name for failure in exported.failures] == ["/gone.jpg"]


def test_an_interrupted_archive_is_not_there(tmp_path: Path) -> None:
    def opened(item: Item) -> BinaryIO:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_zip([items("/a.jpg")], Exported(tmp_path / "all.zip"), opened)
    assert not os.listdir(tmp_path)


def test_long_names_are_cut() -> None:
    names = ArchiveNames()
    long = "é" * 150 + ".jpeg"
    first, second = names.of(f"/a/{long}"), names.of(f"/b/{long}")
    assert first != second
    assert all(len(name.encode()) < 255 and name.endswith(".jpeg") for name in (first, second))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("https://host/..", "picture"),
        ("s3://bucket/a/...", "picture"),
        ("/a/ .jpg. ", "jpg"),
        ("/a/CON.jpg", "_CON.jpg"),
        ("/a/com1", "_com1"),
        ("/a/console.jpg", "console.jpg"),
        ("/a/x\\..\\y.jpg", "x_.._y.jpg"),
        ("/a/C:evil.jpg", "C_evil.jpg"),
        ("/a/b\0c.jpg", "b_c.jpg"),
        ("/a/x." + "🦊" * 40, "x." + "🦊" * 4),
    ],
)
def test_a_name_leads_nowhere_and_holds_everywhere(path: str, name: str) -> None:
    assert ArchiveNames().of(path) == name


@pytest.mark.slow
def test_many_equal_names_are_not_tried_one_by_one() -> None:
    names = ArchiveNames()
    given = [names.of(f"/{number}/cover.jpg") for number in range(70_000)]
    assert given[-1] == "cover (70000).jpg"
    assert len(set(given)) == 70_000
    assert names.of("/x/cover (2).jpg") == "cover (2) (2).jpg"
