"""Which folders a request may have indexed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmembed.collection.allowed_folders import allowed_folder
from mmembed.errors import InputError, MmembedError, NotFound
from mmembed.ingest import Passing, patterns_of

PASSING = Passing(patterns_of(["secret"]))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`photos` with folders and links in it, beside `photos-private`."""
    for name in ("photos/2024/May", "photos/.hidden/a", "photos/secret/a", "photos/@eaDir",
                 "photos-private/a"):  # fmt: skip
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "photos/out").symlink_to(tmp_path / "photos-private")
    (tmp_path / "photos/in").symlink_to(tmp_path / "photos/2024")
    (tmp_path / "photos/file.jpg").touch()
    (tmp_path / "door").symlink_to(tmp_path / "photos")
    return tmp_path / "photos"


def asked(folder: str | Path, *roots: str | Path) -> str:
    return allowed_folder(str(folder), [str(one) for one in roots], lambda root: PASSING)


def test_the_folder_itself_and_all_below_it(root: Path) -> None:
    assert asked(root, root) == str(root)
    assert asked(f"{root}/2024//May/", "/nowhere", f"{root}/") == f"{root}/2024/May"
    assert asked(f"{root}/2024/../in", root) == f"{root}/in"
    door = root.parent / "door"
    assert asked(door / "2024", door) == f"{door}/2024"
    assert asked(root / ".hidden", root / ".hidden") == str(root / ".hidden"), "it was named"


@pytest.mark.parametrize(
    "folder",
    ["..", "../photos-private", "../photos-private/a", "out", "out/a", "2024/../../photos-private",
     "../no-such-folder", "../../../../../etc"],
)  # fmt: skip
def test_nothing_else_and_no_word_on_whether_it_is_there(root: Path, folder: str) -> None:
    with pytest.raises(InputError, match="lies in no folder that requests may have indexed"):
        asked(f"{root}/{folder}", root)


@pytest.mark.parametrize("folder", [".hidden", ".hidden/a", "secret", "secret/a", "@eaDir"])
def test_what_an_indexing_of_the_whole_passes_over_cannot_be_named(root: Path, folder: str) -> None:
    with pytest.raises(InputError, match="hidden, excluded, or a system's folder"):
        asked(root / folder, root)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/photos/2025", NotFound), ("/photos/file.jpg", NotFound), ("photos", InputError),
     ("", InputError), ("~", InputError), ("s3://bucket/a", InputError), ("/photos\0", InputError),
     ("/photos/\udcff", NotFound)],
)  # fmt: skip
def test_no_folder_at_all(root: Path, folder: str, kind: type[MmembedError]) -> None:
    named = f"{root.parent}{folder}" if folder.startswith("/") else folder
    with pytest.raises(kind) as refused:
        asked(named, root)
    assert refused.value.param == "folder"


def test_none_by_default(root: Path) -> None:
    with pytest.raises(InputError, match="MMEMBED_INDEX_FOLDERS names those that may"):
        asked(root)
