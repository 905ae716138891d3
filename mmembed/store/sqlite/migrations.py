"""Migrates catalogs of earlier layouts to today's; a copy of the old one stays beside.

    layout 1: is there room? → fold the log → a new file, in one transaction → exchange the files
    later:    is there room? → fold the log → a copy → each step in one transaction

An interrupted step leaves the layout that it began with.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from mmembed.errors import StoreBusy, StoreError, StoreFull
from mmembed.files import move, sync
from mmembed.store.sqlite import layout_1, layout_3, schema
from mmembed.store.sqlite.background_check import is_busy, is_full
from mmembed.store.sqlite.kept_copies import check_places, copy_of, exchange, keep_copy
from mmembed.store.sqlite.lock_files import WRITE_LOCK, WRITE_WAIT_S, exclusive
from mmembed.store.sqlite.schema import (
    BASE_VERSION,
    FILE_NAME,
    newest,
    remedy,
    statements_of,
    version,
)
from mmembed.store.sqlite.wal_stamp import History
from mmembed.store.sqlite.word_rows import fill_words

log = logging.getLogger(__name__)

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many rows are done, and how many there are."""

ROOM = 1.5
"""Times the catalog's size that must be free, for the new file beside the old one."""
WITHOUT_JOURNAL = ("journal_mode = OFF", "synchronous = OFF", "secure_delete = OFF")
SPARE_BYTES = 16 * 2**20
CACHE_KIB = 200 * 1024
LOG_EVERY_S = 10.0
LAYOUT_AT = 60
"""Where a database file says its layout: four bytes, the highest first."""


def layout_in(path: Path) -> int:
    """The layout that a file says, without SQLite: no connection of this process may be open,
    closing the file would free its locks. 0 where there is none."""
    try:
        with path.open("rb") as file:
            header = file.read(LAYOUT_AT + 4)
    except OSError:
        return 0
    return int.from_bytes(header[LAYOUT_AT:], "big") if len(header) == LAYOUT_AT + 4 else 0


def pending(folder: Path) -> Path | None:
    """Where the catalog of a folder will be kept that has to be brought to today's layout; None
    where it has that. The same holds as for `layout_in`."""
    path = folder / FILE_NAME
    layout = layout_in(path)
    return copy_of(path, layout) if 0 < layout < newest() else None


def migrate(
    db: sqlite3.Connection, path: Path, *, alone: bool, progress: Progress | None = None
) -> None:
    """Bring a catalog of an earlier layout to today's. Another file may lie at its path then: the
    connection is to be closed. Without `progress`, it is logged.

    alone: whether no other process has it open, nor can open it. Raises StoreBusy where one
    has, StoreFull where the disk has too little room, StoreError where it cannot be changed.
    """
    layout = version(db)
    step = f"from layout {layout} to {newest()}"
    if not alone:
        raise StoreBusy(
            f"{path}: has to be brought {step}, and another process has it open; stop the server "
            "and the commands that use it, then try again"
        )
    purpose = f"bringing the catalog {step}"
    with exclusive(path.with_name(WRITE_LOCK), purpose=purpose, wait_s=WRITE_WAIT_S):
        copy = copy_of(path, layout)
        try:
            _check_tables(db, path, layout)
            check_places(path, copy)
            _check_room(db, path, step)
            _fold(db, path)
            log.info("%s: is brought %s; as it was, it stays in %s", path, step, copy.name)
            started = time.monotonic()
            if layout < BASE_VERSION:
                exchange(path, _rebuilt(path, progress or progress_in_log(path)), copy)
            else:
                keep_copy(db, path, copy)
                _take_steps(db, progress or progress_in_log(path))
        except sqlite3.Error as error:
            raise _unchanged(path, step, error) from error
        log.info("%s: layout %d, in %.1f s", path, newest(), time.monotonic() - started)


def _unchanged(path: Path, step: str, error: sqlite3.Error) -> StoreError:
    reason = f"{path}: cannot be brought {step}"
    if is_busy(error):
        return StoreBusy(f"{reason}: another program has it open; close it, then try again")
    kind = StoreFull if is_full(error) else StoreError
    return kind(f"{reason}: {error}; it is as it was")


def upgrade(path: Path, progress: Progress) -> None:
    """Bring a file that nobody has open to today's layout; no copy is kept. Raises sqlite3.Error,
    OSError."""
    with closing(connect(path)) as db:
        layout = version(db)
        if BASE_VERSION <= layout < newest():
            _take_steps(db, progress)
    if 0 < layout < BASE_VERSION:
        move(_rebuilt(path, progress), path)


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, for one thread. Raises sqlite3.Error."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rwc", uri=True, isolation_level=None)


def _rebuilt(path: Path, progress: Progress) -> Path:
    """A new file of today's layout, whole on the disk, with the rows of one of layout 1. It is
    filled in one transaction, which needs no journal: an interrupted migration begins anew."""
    new = path.with_name(f"{path.stem}.new{path.suffix}")
    new.unlink(missing_ok=True)
    try:
        with closing(connect(new)) as db:
            for setting in (*WITHOUT_JOURNAL, f"cache_size = -{CACHE_KIB}"):
                db.execute(f"PRAGMA {setting}")
            db.execute("ATTACH ? AS before", (f"{path.absolute().as_uri()}?immutable=1",))
            copied = layout_1.rows_of(db)
            done, total = 0, copied + layout_1.images_of(db)
            db.execute("BEGIN EXCLUSIVE")
            for count in layout_1.to_layout_2(db):
                done = min(done + count, copied)
                progress(done, total)
            db.execute(f"PRAGMA user_version = {BASE_VERSION}")
            db.execute("COMMIT")
            _check_counts(db, path)
            _take_steps(db, lambda written, of: progress(total - of + written, total))
        with new.open("rb") as file:
            sync(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return new


def _check_counts(db: sqlite3.Connection, path: Path) -> None:
    for table in ("vectors", "items", "tags", "failures", "changes"):
        readable, expected = (
            int(db.execute(f"SELECT count(*) FROM {schema}.{table}").fetchone()[0])
            for schema in ("main", "before")
        )
        if readable != expected:
            raise StoreError(
                f"{path}: is damaged: {readable} of its {expected} {table} can be read; it is as "
                f"it was; {remedy(path.parent)}"
            )


def _take_steps(db: sqlite3.Connection, progress: Progress) -> None:
    """Run every step after the base that a catalog lacks, each in a transaction of its own."""
    for layout in range(version(db), newest()):
        db.execute("BEGIN IMMEDIATE")
        try:
            if layout + 1 == layout_3.VERSION:
                _add_words(db, progress)
            else:
                _run(db, schema.LATER[layout - BASE_VERSION])
            db.execute(f"PRAGMA user_version = {layout + 1}")
            db.execute("COMMIT")
        except BaseException:  # Ctrl-C, too
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _add_words(db: sqlite3.Connection, progress: Progress) -> None:
    """The tables of words, with the words of all images, and then their triggers."""
    _run(db, layout_3.TABLES)
    [total] = db.execute("SELECT count(*) FROM items WHERE kind = 'image'").fetchone()
    done = 0

    def written(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    fill_words(db, written)
    _run(db, layout_3.TRIGGERS)


def _run(db: sqlite3.Connection, script: str) -> None:
    for statement in statements_of(script):
        db.execute(statement)


def _check_tables(db: sqlite3.Connection, path: Path, layout: int) -> None:
    if layout >= BASE_VERSION:
        return
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    lost = sorted(set(layout_1.TABLES) - {str(row[0]) for row in rows})
    if lost:
        raise StoreError(
            f"{path}: is not a whole catalog: it lacks table {lost[0]}; {remedy(path.parent)}"
        )


def _fold(db: sqlite3.Connection, path: Path) -> None:
    """Go on without a log: a transaction that writes everything anew would write it twice."""
    history = History(path)
    history.fold(db)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    [mode] = db.execute("PRAGMA journal_mode = DELETE").fetchone()
    if mode != "delete":
        raise StoreBusy(f"{path}: another program has it open; close it, then try again")
    history.close()


def _check_room(db: sqlite3.Connection, path: Path, step: str) -> None:
    pages, page_bytes = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size")
    )
    needed = int(pages * page_bytes * ROOM) + SPARE_BYTES
    status = os.statvfs(path.parent)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise StoreFull(
            f"{path}: to bring it {step}, {_megabytes(needed)} have to be free for a copy and the "
            f"new tables, and {_megabytes(free)} are; free some space, or move the folder to a "
            "larger disk"
        )


def _megabytes(size: int) -> str:
    return f"{-(-size // 10**6):,} MB"


def progress_in_log(path: Path) -> Progress:
    """Writes progress into the log, now and then."""
    begun = time.monotonic()
    said = 0

    def progress(done: int, total: int) -> None:
        nonlocal said
        times = int((time.monotonic() - begun) / LOG_EVERY_S)
        if times > said:
            said = times
            log.info("%s: %d of %d rows have the new layout", path, done, total)

    return progress
