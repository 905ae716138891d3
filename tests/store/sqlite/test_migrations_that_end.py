"""A migration that is interrupted or refused leaves the old layout or the new one, whole."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mmembed import files
from mmembed.errors import StoreBusy, StoreError, StoreFull
from mmembed.store.sqlite import Catalog, kept_copies, open_catalog, schema
from mmembed.store.sqlite.lock_files import Presence
from tests.store.sqlite.old_layouts import (
    EXPECTED,
    KEPT,
    NAME,
    ROOT,
    MakeFolder,
    digest,
    items_of,
    layout_of,
    rows,
)

NEWEST = schema.newest()
DYING = """
import os, signal, sys
from pathlib import Path
from mmembed.store.sqlite import Catalog, layout_1, migrations

folder, moment = Path(sys.argv[1]), sys.argv[2]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def before(module, name):
    setattr(module, name, die)

def after(module, name):
    real = getattr(module, name)
    def call(*arguments, **named):
        real(*arguments, **named)
        die()
    setattr(module, name, call)

layout_1.ROWS = 5
reports = []
def progress(done, total):
    reports.append(done)
    if moment.isdigit() and len(reports) > int(moment):
        die()

match moment:
    case "after the log is folded":
        after(migrations, "_fold")
    case "before the exchange":
        before(migrations, "exchange")
    case "with both names":
        after(os, "link")
    case "after the exchange":
        after(migrations, "exchange")
Catalog(folder, progress)
"""


# -- interruptions ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    ["0", "2", "9", "30", "after the log is folded", "before the exchange", "with both names",
     "after the exchange"],
)  # fmt: skip
def test_a_killed_migration_leaves_the_old_layout_or_the_new(
    old: MakeFolder, opened: Callable[[Path], Catalog], moment: str
) -> None:
    folder = old()
    ended = subprocess.run(
        [sys.executable, "-c", DYING, str(folder), moment], cwd=ROOT, check=False
    )
    assert ended.returncode == -9
    assert layout_of(folder) == (NEWEST if moment == "after the exchange" else 1)
    if layout_of(folder) == 1:
        assert (
            rows(folder, "SELECT id, vector_id FROM items ORDER BY id")
            == (EXPECTED["vector_of_item"])
        )
    catalog = opened(folder)
    assert items_of(catalog) == EXPECTED["items"]
    assert catalog.check() == []
    assert rows(folder, "SELECT count(*) FROM items", KEPT) == [[len(EXPECTED["items"])]]
    assert sorted(path.name for path in folder.glob("*.sqlite3")) == [KEPT, NAME]


def test_an_interrupt_leaves_the_old_layout(old: MakeFolder) -> None:
    folder = old()

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Catalog(folder, interrupt)
    assert layout_of(folder) == 1
    assert sorted(path.name for path in folder.glob("*.sqlite3")) == [NAME]
    Catalog(folder).close()
    assert layout_of(folder) == NEWEST


# -- refusals --------------------------------------------------------------------------


def test_a_full_disk_is_told_before_anything_is_written(
    old: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = old()
    before = digest(folder / NAME)
    free = os.statvfs_result((4096, 4096, 10, 10, 10, 9, 9, 9, 0, 255))
    monkeypatch.setattr("os.statvfs", lambda path: free)
    with pytest.raises(
        StoreFull, match=rf"from layout 1 to {NEWEST}, 17 MB have to be free.*and 1 MB are"
    ):
        Catalog(folder)
    assert digest(folder / NAME) == before
    assert sorted(path.name for path in folder.glob("*.sqlite3")) == [NAME]


def test_a_catalog_that_another_process_has_open_is_left_alone(old: MakeFolder) -> None:
    folder = old()
    other = Presence(folder)
    other.share()
    try:
        with pytest.raises(StoreBusy, match=r"another process has it open; stop the server"):
            Catalog(folder)
    finally:
        other.leave()
    assert layout_of(folder) == 1


@pytest.mark.parametrize("in_a_transaction", [False, True])
def test_a_catalog_that_another_program_has_open_is_busy(
    old: MakeFolder, monkeypatch: pytest.MonkeyPatch, in_a_transaction: bool
) -> None:
    monkeypatch.setattr(open_catalog, "BUSY_TIMEOUT_S", 0.05)
    folder = old()
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as other:
        if in_a_transaction:
            other.execute("BEGIN IMMEDIATE")
        other.execute("SELECT count(*) FROM items").fetchone()
        with pytest.raises(StoreBusy, match="another program has it open; close it") as raised:
            Catalog(folder)
    assert "backup" not in str(raised.value)
    assert layout_of(folder) == 1
    Catalog(folder).close()


def test_a_folder_in_the_place_of_the_copy_is_named(old: MakeFolder) -> None:
    folder = old()
    before = digest(folder / NAME)
    (folder / KEPT).mkdir()
    with pytest.raises(StoreError, match=rf"{KEPT}: is a folder.*move it"):
        Catalog(folder)
    assert digest(folder / NAME) == before
    assert sorted(path.name for path in folder.glob("*.sqlite3")) == [KEPT, NAME]


def test_a_link_is_not_replaced_by_a_file(old: MakeFolder) -> None:
    folder = old()
    (folder / NAME).rename(folder / "elsewhere")
    (folder / NAME).symlink_to(folder / "elsewhere")
    with pytest.raises(StoreError, match=r"is a link, which a new file would replace"):
        Catalog(folder)
    assert (folder / NAME).is_symlink()


def test_the_copy_of_an_earlier_migration_stays(old: MakeFolder) -> None:
    folder = old()
    (folder / KEPT).write_text("earlier")
    Catalog(folder).close()
    assert layout_of(folder) == NEWEST
    assert rows(folder, "SELECT count(*) FROM items", KEPT) == [[len(EXPECTED["items"])]]
    assert (folder / KEPT.replace(".sqlite3", ".1.sqlite3")).read_text() == "earlier"


def test_an_exchange_that_fails_leaves_nothing(
    old: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = old()
    real = files.move

    def move(path: Path, to: Path) -> None:
        if ".new" in path.name:
            raise OSError(errno.EIO, "Input/output error")
        real(path, to)

    def link(*_: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(kept_copies, "move", move)
    with pytest.raises(StoreError, match="Input/output error"):
        Catalog(folder)
    monkeypatch.undo()
    assert layout_of(folder) == 1
    assert [path.name for path in folder.glob("*.sqlite3")] == [NAME]


def test_a_newer_layout_is_refused_with_a_way_back(old: MakeFolder) -> None:
    folder = old()
    Catalog(folder).close()
    shutil.copy(folder / NAME, folder / f"catalog.layout-{NEWEST}.sqlite3")
    with closing(sqlite3.connect(folder / NAME)) as db:
        db.execute(f"PRAGMA user_version = {NEWEST + 1}")
    before = digest(folder / NAME)
    message = (
        rf"layout {NEWEST + 1}, this one reads {NEWEST}\); use that version.*"
        rf"mmembed restore .*layout-{NEWEST}\.sqlite3"
    )
    with pytest.raises(StoreError, match=message):
        Catalog(folder)
    assert digest(folder / NAME) == before


def test_a_folder_that_may_not_be_written_is_named(
    old: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = old()

    def locked(folder: Path) -> None:
        raise StoreError(f"{folder}: cannot be locked")

    monkeypatch.setattr("mmembed.store.sqlite.open_catalog.Presence", locked)
    with pytest.raises(
        StoreError, match=rf"has layout 1.*reads {NEWEST}.*open it once where it may"
    ):
        Catalog(folder)
    assert layout_of(folder) == 1


def test_a_catalog_without_a_table_is_refused(old: MakeFolder) -> None:
    folder = old()
    with closing(sqlite3.connect(folder / NAME)) as db:
        db.execute("DROP TABLE tags")
    with pytest.raises(StoreError, match=r"lacks table tags; .*mmembed restore"):
        Catalog(folder)
    assert layout_of(folder) == 1
