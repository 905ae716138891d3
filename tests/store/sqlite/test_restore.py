"""A backup takes the place of a catalog, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from mmembed.cli import main
from mmembed.errors import InputError, StoreError
from mmembed.store.sqlite import Catalog, restore
from tests.store.sqlite.crashes import CATALOG, by_backup, captions, crash


@pytest.mark.slow
def test_restore_keeps_what_it_replaces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMEMBED_MODEL", "bundled")
    folder, backup = tmp_path / "data", tmp_path / "backup.sqlite3"
    crash(folder, 0, 10)
    captions(folder)
    by_backup(folder / CATALOG, backup)
    crash(folder, 10, 20)
    (folder / "images.usearch").write_bytes(b"a view of the other history")
    assert main(["restore", str(backup), "--data", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "0 images, 10 captions" in printed
    assert captions(folder) == list(range(10))
    [aside] = folder.glob("replaced-*")
    assert str(aside) in printed
    assert captions(aside) == list(range(20))
    assert not (folder / "images.usearch").exists()
    restore(aside / CATALOG, folder)
    assert captions(folder) == list(range(20))
    assert len(list(folder.glob("replaced-*"))) == 2


def test_restore_into_a_folder_that_lost_its_catalog(tmp_path: Path) -> None:
    folder, backup = tmp_path / "data", tmp_path / "backup"
    crash(folder, 0, 10)
    captions(folder)
    shutil.copy(folder / CATALOG, backup)
    for path in folder.glob(f"{CATALOG}*"):
        path.unlink()
    with pytest.raises(StoreError, match=r"is missing, but .*mmembed restore"):
        Catalog(folder)
    assert restore(backup, folder) is not None
    assert captions(folder) == list(range(10))
    assert restore(backup, tmp_path / "new") is None
    assert captions(tmp_path / "new") == list(range(10))


def test_restore_refuses_what_is_in_use_or_no_backup(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    crash(folder, 0, 10)
    catalog = Catalog(folder)
    backup = tmp_path / "backup"
    by_backup(folder / CATALOG, backup)
    with pytest.raises(StoreError, match="in use; stop the server"):
        restore(backup, folder)
    assert catalog.count() == 10
    catalog.close()
    content = backup.read_bytes()
    with closing(sqlite3.connect(tmp_path / "theirs")) as db:
        db.execute("CREATE TABLE t (x)")
    for name, harmed in {
        "text": b"words" * 1000,
        "empty": b"",
        "cut": content[: len(content) // 2],
        "blank": content[:8192] + bytes(len(content) - 8192),
        "theirs": (tmp_path / "theirs").read_bytes(),
    }.items():
        (tmp_path / name).write_bytes(harmed)
        with pytest.raises(InputError, match=name):
            restore(tmp_path / name, folder)
    with pytest.raises(InputError, match="no such file"):
        restore(tmp_path / "nowhere", folder)
    assert captions(folder) == list(range(10))
    assert not list(folder.glob("*restor*"))


@pytest.mark.slow
@pytest.mark.parametrize("steps", range(1, 7))
def test_a_restore_that_ends_half_way_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    folder, backup = tmp_path / "data", tmp_path / "backup"
    crash(folder, 0, 10)
    captions(folder)
    by_backup(folder / CATALOG, backup)
    crash(folder, 10, 20)
    left = [steps]

    def rename(path: Path, target: Path) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        os.rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with suppress(KeyboardInterrupt):
            restore(backup, folder)
    if left[0] <= 0 and steps > 1:
        with pytest.raises(StoreError, match="mmembed restore"):
            Catalog(folder)
    restore(backup, folder)
    assert captions(folder) == list(range(10))
