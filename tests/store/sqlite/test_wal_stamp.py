"""A log is applied to the catalog that it was written for, whole, or to none."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmembed.errors import StoreError
from mmembed.store.entries import CaptionEntry, Model
from mmembed.store.sqlite import Catalog, restore
from mmembed.store.sqlite.wal_file import read_index, read_log
from mmembed.store.sqlite.wal_stamp import History, read_stamp, strangers
from tests.store.sqlite.crashes import CATALOG, by_backup, captions, crash

pytestmark = pytest.mark.slow


def by_vacuum(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as db:
        db.execute("VACUUM INTO ?", (str(target),))


def by_copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def in_place(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def by_rename(source: Path, target: Path) -> None:
    shutil.copyfile(source, target.with_name("aside"))
    target.with_name("aside").rename(target)


def with_its_time(source: Path, target: Path) -> None:
    shutil.copy2(source, target.with_name("aside"))
    target.with_name("aside").rename(target)


@pytest.mark.parametrize("put", [in_place, by_rename, with_its_time])
@pytest.mark.parametrize("back_up", [by_backup, by_vacuum, by_copy])
@pytest.mark.parametrize("fold_at", [-1, 25])
def test_a_backup_put_over_a_crashed_catalog_is_noticed(
    tmp_path: Path,
    back_up: Callable[[Path, Path], None],
    put: Callable[[Path, Path], None],
    fold_at: int,
) -> None:
    folder, backup = tmp_path / "data", tmp_path / "backup"
    crash(folder, 0, 10)
    assert captions(folder) == list(range(10))  # and folded at its close
    back_up(folder / CATALOG, backup)
    crash(folder, 10, 40, fold_at)
    put(backup, folder / CATALOG)
    with pytest.raises(StoreError, match=r"was replaced.*mmembed restore"):
        Catalog(folder)
    restore(folder / CATALOG, folder)
    assert captions(folder) == list(range(10))


@pytest.mark.parametrize("fold_at", [-1, 25])
@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("copy", [shutil.copyfile, shutil.copy2])
def test_a_whole_closed_folder_put_over_a_crashed_one_is_noticed(
    tmp_path: Path, fold_at: int, index: bool, copy: Callable[[Path, Path], None]
) -> None:
    folder, backup = tmp_path / "data", tmp_path / "backup"
    crash(folder, 0, 10)
    assert captions(folder) == list(range(10))
    shutil.copytree(folder, backup)
    assert not (backup / f"{CATALOG}-wal").exists()
    crash(folder, 10, 40, fold_at)
    for path in backup.glob("catalog*"):
        copy(path, folder / path.name)
    if not index:
        (folder / f"{CATALOG}-shm").unlink()
    with pytest.raises(StoreError, match=r"was replaced.*mmembed restore"):
        Catalog(folder)
    restore(folder / CATALOG, folder)
    assert captions(folder) == list(range(10))


def test_what_dies_right_after_its_first_commit_is_no_stranger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the stamp of its log was written."""
    crash(tmp_path, 0, 10)
    assert captions(tmp_path) == list(range(10))
    with monkeypatch.context() as patch:
        patch.setattr(History, "note", lambda self: True)
        crash(tmp_path, 10, 11)
    assert captions(tmp_path) == list(range(11))


def test_a_folder_that_is_closed_once_more_is_still_closed(tmp_path: Path) -> None:
    crash(tmp_path, 0, 10)
    for _ in range(2):
        assert captions(tmp_path) == list(range(10))
        stamp = read_stamp(tmp_path / CATALOG)
        assert stamp is not None
        assert stamp.closed
    one, other = Catalog(tmp_path), Catalog(tmp_path)
    other.write_caption(CaptionEntry("caption 10", np.ones(4, np.float32)))
    other.close()
    stamp = read_stamp(tmp_path / CATALOG)
    assert stamp is not None
    assert not stamp.closed, "another has it open, and its log is there"
    one.close()
    assert captions(tmp_path) == list(range(11))


@pytest.mark.parametrize("back_up", [by_backup, by_vacuum])
def test_a_backup_of_the_same_log_is_noticed(
    tmp_path: Path, back_up: Callable[[Path, Path], None]
) -> None:
    """It was taken while the log that lies there now was growing."""
    folder, backup = tmp_path / "data", tmp_path / "backup"
    crash(folder, 0, 10)
    log, index = folder / f"{CATALOG}-wal", folder / f"{CATALOG}-shm"
    aside = tmp_path / "aside"
    shutil.copytree(folder, aside)
    back_up(aside / CATALOG, backup)
    assert log.stat().st_size
    assert index.exists()
    in_place(backup, folder / CATALOG)
    with pytest.raises(StoreError, match="was replaced"):
        Catalog(folder)


def test_a_crashed_folder_is_copied_as_it_is(tmp_path: Path) -> None:
    crash(tmp_path / "data", 0, 10)
    crash(tmp_path / "data", 10, 20)
    for number, index in ((1, True), (2, False)):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(tmp_path / "data", copy, copy_function=shutil.copyfile)
        if not index:
            (copy / f"{CATALOG}-shm").unlink()
        assert captions(copy) == list(range(20))
    assert captions(tmp_path / "data") == list(range(20))


def test_a_copy_of_an_open_folder_whose_index_came_last_is_taken(tmp_path: Path) -> None:
    data, copied = tmp_path / "data", tmp_path / "copied"
    copied.mkdir()
    catalog = Catalog(data)
    catalog.claim(Model("four", "f", 4))
    vector = np.ones(4, np.float32)
    for number, part in enumerate((CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm")):
        catalog.write_caption(CaptionEntry(f"caption {number}", vector))
        shutil.copy2(data / part, copied / part)
    shutil.copy2(data / "catalog.history", copied)
    catalog.close()
    assert captions(copied) == [0, 1]


def test_a_torn_commit_is_no_damage_where_boots_cannot_be_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setattr("mmembed.store.sqlite.wal_stamp.BOOT", tmp_path / "none")
    crash(data, 0, 5)
    found = read_log(data / f"{CATALOG}-wal")
    assert found is not None
    assert strangers(data / CATALOG, replace(found, lost_commits=1), None) is None
    assert strangers(data / CATALOG, replace(found, lost_commits=2), None) is not None


def test_a_full_disk_while_folding_leaves_no_wrong_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    crash(data, 0, 10)
    assert read_stamp(data / CATALOG) is not None

    def full(path: Path, *content: bytes, **how: object) -> None:
        raise OSError(28, "No space left on device")

    catalog = Catalog(data)
    monkeypatch.setattr("mmembed.store.sqlite.wal_stamp.files.replace", full)
    with closing(sqlite3.connect(data / CATALOG)) as reader:  # the log stays, partly folded
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM items").fetchone()
        catalog.write_caption(CaptionEntry("caption 10", np.ones(4, np.float32)))
        catalog._fold()
        shutil.copytree(data, tmp_path / "crashed")
    assert read_stamp(data / CATALOG) is None
    catalog.close()
    assert captions(data) == list(range(11))
    assert captions(tmp_path / "crashed") == list(range(11))


@pytest.mark.parametrize("fold_at", [-1, 5, 9, 19])
def test_a_crash_alone_is_no_fault(tmp_path: Path, fold_at: int) -> None:
    crash(tmp_path, 0, 10, fold_at)
    crash(tmp_path, 10, 20, fold_at)
    assert captions(tmp_path) == list(range(20))
    assert captions(tmp_path) == list(range(20))


@pytest.mark.parametrize("died", [False, True])
def test_a_fold_that_is_broken_off_is_no_fault(tmp_path: Path, died: bool) -> None:
    crash(tmp_path, 0, 20)
    stamp = read_stamp(tmp_path / CATALOG)
    assert stamp is not None
    catalog = Catalog(tmp_path)
    catalog._history.fold(catalog._connection)
    copy = tmp_path / "copy"
    copy.mkdir()
    reader = sqlite3.connect(tmp_path / CATALOG, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM items").fetchone()
    catalog._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    if not died:
        catalog._history.folded()
    for path in tmp_path.glob("catalog*"):
        shutil.copy(path, copy)
    reader.close()
    catalog.close()
    assert captions(copy) == list(range(20))


def test_a_log_that_is_deleted_after_a_crash_is_missed(tmp_path: Path) -> None:
    crash(tmp_path, 0, 10)
    (tmp_path / f"{CATALOG}-wal").unlink()
    with pytest.raises(StoreError, match="has lost its log"):
        Catalog(tmp_path)


def test_a_log_that_is_cut_short_is_noticed(tmp_path: Path) -> None:
    crash(tmp_path, 0, 10)
    log = tmp_path / f"{CATALOG}-wal"
    os.truncate(log, 32 + (log.stat().st_size - 32) // 4120 // 2 * 4120)
    with pytest.raises(StoreError, match="damaged"):
        Catalog(tmp_path)


@pytest.mark.parametrize("index", [True, False])
def test_a_flipped_bit_in_the_log_is_noticed(tmp_path: Path, index: bool) -> None:
    crash(tmp_path, 0, 4)
    if not index:
        (tmp_path / f"{CATALOG}-shm").unlink()
    log = tmp_path / f"{CATALOG}-wal"
    content = log.read_bytes()
    for place in [*range(0, 60, 3), *range(60, len(content), 1717), len(content) - 1]:
        harmed = bytearray(content)
        harmed[place] ^= 1 << place % 8
        log.write_bytes(harmed)
        with pytest.raises(StoreError, match="log that is damaged"):
            Catalog(tmp_path)
    log.write_bytes(content)
    assert captions(tmp_path) == list(range(4))


def test_what_died_in_the_midst_of_a_write_is_no_damage(tmp_path: Path) -> None:
    crash(tmp_path, 0, 10)
    log, index = tmp_path / f"{CATALOG}-wal", tmp_path / f"{CATALOG}-shm"
    content = log.read_bytes()
    frame = bytearray(content[-4120:])
    frame[4:8] = bytes(4)  # of a transaction without its commit
    log.write_bytes(content + frame + frame[:1000])
    assert captions(tmp_path) == list(range(10))
    assert not index.exists()


def test_the_log_is_read_as_sqlite_reads_it(tmp_path: Path) -> None:
    for page_bytes in (512, 4096, 65536):
        path = tmp_path / f"{page_bytes}"
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(f"PRAGMA page_size = {page_bytes}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")
        for size in (10, 5000, 200_000):
            db.execute("INSERT INTO t VALUES (randomblob(?))", (size,))
        found = read_log(Path(f"{path}-wal"))
        index = read_index(Path(f"{path}-shm"))
        [(_, frames, _)] = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        assert found is not None
        assert index is not None
        assert (found.committed, found.lost_commits) == (frames, 0)
        assert (index.committed, index.salts) == (frames, found.salts)
        db.close()


def test_what_is_copied_over_an_open_catalog_is_found(tmp_path: Path) -> None:
    folder, backup = tmp_path / "data", tmp_path / "backup"
    crash(folder, 0, 10)
    captions(folder)
    by_vacuum(folder / CATALOG, backup)
    crash(folder, 10, 200)
    captions(folder)
    catalog = Catalog(folder)

    def write(number: int) -> None:
        vector = np.array([2, number, 1, 1], np.float32)
        catalog.write_caption(CaptionEntry(f"caption {number}", vector))

    write(200)
    in_place(backup, folder / CATALOG)

    def write_on() -> None:
        for number in range(201, 2000):
            write(number)
            time.sleep(0.01)

    with pytest.raises(StoreError, match=r"damaged|malformed|not kept"):
        write_on()
    assert "damaged" in [one.code for one in catalog.troubles()]
    catalog.close()


def test_a_log_that_another_program_folds_is_no_fault(tmp_path: Path) -> None:
    crash(tmp_path, 0, 10)
    catalog = Catalog(tmp_path)
    vector = np.array([1, 2, 3, 1], np.float32)
    catalog.write_caption(CaptionEntry("caption 10", vector))
    with closing(sqlite3.connect(tmp_path / CATALOG)) as other:
        other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    catalog.write_caption(CaptionEntry("caption 11", vector * 2))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tmp_path.glob("catalog*"):
        shutil.copy(path, copy)
    assert catalog.troubles() == []
    catalog.close()
    assert captions(copy) == captions(tmp_path) == list(range(12))
