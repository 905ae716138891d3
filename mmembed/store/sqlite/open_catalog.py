"""Opens a catalog: checks it first, makes it if there is none, and refuses it if it was altered."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from mmembed import files
from mmembed.errors import StoreBusy, StoreError, StoreFull
from mmembed.store.sqlite.background_check import is_busy, is_full
from mmembed.store.sqlite.disk_reserve import Reserve
from mmembed.store.sqlite.file_identity import LOG, FileIdentity
from mmembed.store.sqlite.filter_sql import add_functions
from mmembed.store.sqlite.kept_copies import copies_of, copy_of
from mmembed.store.sqlite.lock_files import WRITE_LOCK, WRITE_WAIT_S, Presence, exclusive
from mmembed.store.sqlite.migrations import Progress, migrate
from mmembed.store.sqlite.schema import FILE_NAME, lacking, newest, remedy, statements, version
from mmembed.store.sqlite.wal_file import read_index, read_log
from mmembed.store.sqlite.wal_stamp import FILE as HISTORY_FILE
from mmembed.store.sqlite.wal_stamp import lost_log, strangers

BUSY_TIMEOUT_S = 30
INDEX = "-shm"
REMAINS = ("originals", "images.usearch", "captions.usearch", "thumbnails", HISTORY_FILE)
"""Files that lie in a data folder only after an indexing."""

Older: TypeAlias = Callable[[sqlite3.Connection], None]
"""The migration of a catalog of an earlier layout."""

REPLACED = "replaced-"
"""Prefix of the folders into which restoring moves the former files."""


@dataclass(frozen=True)
class Opened:
    """A catalog that is open."""

    connection: sqlite3.Connection
    """The connection that writes."""
    options: str
    """Opens further connections beside it."""
    presence: Presence | None


def connect(folder: Path, migrating: Progress | None = None) -> Opened:
    """Open the catalog of a data folder; missing ones are made. A catalog of an earlier layout is
    migrated first; migrating: called with the progress.

    Autocommit mode: transactions are begun explicitly. A folder that cannot be written, on a
    read-only disk for example, can still be read. Then other processes cannot see that it is open.
    Raises StoreError if the folder cannot be used or the file is no sound catalog of this version.
    Raises StoreBusy while it is being restored or migrated, or another program has locked it;
    StoreFull if there is no room, not even that which is reserved for removals.
    """
    path = folder / FILE_NAME
    presence = None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        presence = _presence(folder)
        refuse_what_is_lost(folder)
        if presence is not None and presence.alone:
            examine(path)
        connection, options = _connection(path, partial(_migrate, path, presence, migrating))
        if presence is not None:
            presence.share()
        return Opened(connection, options, presence)
    except BaseException as error:
        if presence is not None:
            presence.leave()
        if _is_for_room(error, reserve := Reserve(folder)):
            if reserve.give_up():  # a catalog that is not open could remove nothing
                return connect(folder, migrating)
            raise StoreFull(reserve.shortage()) from error
        if isinstance(error, sqlite3.Error | UnicodeError):  # damage may be quoted in the message
            raise _unusable(path, error) from error
        if isinstance(error, OSError):
            raise StoreError(f"{path}: cannot be opened as a catalog: {error}") from error
        raise


def examine(path: Path) -> None:
    """Check the files of a catalog that no process has open. Raises StoreError if its log is of
    another catalog, or damaged, or gone; OSError."""
    if not path.exists():
        return
    index = read_index(Path(f"{path}{INDEX}"))
    log_file = read_log(Path(f"{path}{LOG}"))
    fault = lost_log(path, index) if log_file is None else strangers(path, log_file, index)
    if fault is not None:
        raise StoreError(
            f"{path}: {fault}. To go on with the file as it is, without its log: "
            f"`mmembed restore {path} --data {path.parent}`. To restore a backup: the same with "
            f"the backup. Should neither have been touched: delete {HISTORY_FILE} and "
            f"{path.name}{INDEX}, and start again"
        )


def refuse_what_is_lost(folder: Path) -> None:
    """Raises StoreError, with the remedy, for a folder that has the remains of a catalog, and none:
    a new one beside them would hide the loss."""
    path = folder / FILE_NAME
    if path.exists() and path.stat().st_size:
        return
    remains = [name for name in REMAINS if (path.parent / name).exists()]
    for kept in (f"{REPLACED}*", copies_of(path)):
        remains += sorted(file.name for file in path.parent.glob(kept))
    if remains:
        raise StoreError(
            f"{path}: is {'empty' if path.exists() else 'missing'}, but its folder holds "
            f"{', '.join(remains)}; {remedy(path.parent)}, or move {remains[0]} away to begin anew"
        )


def _presence(folder: Path) -> Presence | None:
    try:
        return Presence(folder)
    except (StoreBusy, StoreFull):
        raise
    except StoreError:
        return None


def _connection(path: Path, older: Older) -> tuple[sqlite3.Connection, str]:
    try:
        return _open(path, "mode=rwc", older), "mode=rw"
    except sqlite3.OperationalError:
        if not path.is_file() or _writable(path.parent):
            raise
        return _open_unwritable(path, older), "immutable=1"


def _open(path: Path, options: str, older: Older) -> sqlite3.Connection:
    connection = raw_connection(path, options)
    try:
        if 0 < version(connection) < newest():
            older(connection)
            connection.close()
            connection = raw_connection(path, options)
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def raw_connection(path: Path, options: str) -> sqlite3.Connection:
    """A connection in autocommit mode, which any thread may use. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    # Only the holder of the write lock checkpoints: SQLite before 3.51.3 can corrupt a
    # database whose log is reset by two connections at once.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    # Sorting needs no temporary file: its disk may be full.
    connection.execute("PRAGMA temp_store = MEMORY")
    add_functions(connection)
    return connection


def reading_connection(path: Path, options: str, place: FileIdentity) -> sqlite3.Connection:
    """Another connection to an open catalog, for reading. Raises sqlite3.Error, also if another
    file lies there now."""
    _check(place)  # else a log might be made beside a file that is not ours
    connection = raw_connection(path, options)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM meta").fetchone()
        _check(place)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(place: FileIdentity) -> None:
    trouble = place.trouble()
    if trouble is not None:
        raise sqlite3.OperationalError(trouble)


def _open_unwritable(path: Path, older: Older) -> sqlite3.Connection:
    """SQLite needs a log beside a catalog even to read it, unless nothing can change it."""
    log = Path(f"{path}{LOG}")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{path}: its last changes lie in {log.name}, and the folder cannot be written; "
            "open it once where writing works, or copy it"
        )
    return _open(path, "immutable=1", older)


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # FULL: an acknowledged change survives a power cut, not only a crash.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    if version(connection) == 0:
        _create(connection, path)
    check_layout(connection, path)
    if _journal(connection) != "wal" and _writable(path.parent):
        # A backup that was made with VACUUM INTO.
        with exclusive(path.with_name(WRITE_LOCK), purpose="opening", wait_s=WRITE_WAIT_S):
            connection.execute("PRAGMA journal_mode = WAL")
    # From here on its log is open, and stays the same file.
    connection.execute("SELECT count(*) FROM meta").fetchone()


def _migrate(
    path: Path, presence: Presence | None, progress: Progress | None, connection: sqlite3.Connection
) -> None:
    layout = version(connection)
    if presence is None:
        raise StoreError(
            f"{path}: has layout {layout}, this version of mmembed reads {newest()}, and the "
            "folder may not be written; open it once where it may, or copy it"
        )
    presence.say(f"bringing the catalog from layout {layout} to {newest()}")
    migrate(connection, path, alone=presence.alone, progress=progress)


def check_layout(connection: sqlite3.Connection, path: Path) -> None:
    """Raises StoreError if a database is no catalog of this version; sqlite3.Error."""
    layout = version(connection)
    if layout not in (0, newest()):
        copy = copy_of(path, newest())
        before = f"`mmembed restore {copy} --data {path.parent}`" if copy.exists() else "a backup"
        raise StoreError(
            f"{path}: written by another version of mmembed (layout {layout}, this one reads "
            f"{newest()}); use that version, go back to {before}, or index into a new folder "
            "with --data"
        )
    fault = lacking(connection)
    if fault is not None:
        raise StoreError(f"{path}: is not a whole catalog: it {fault}; {remedy(path.parent)}")


def _journal(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def _create(connection: sqlite3.Connection, path: Path) -> None:
    with exclusive(path.with_name(WRITE_LOCK), purpose="making the catalog", wait_s=WRITE_WAIT_S):
        if version(connection) == newest():
            return  # another process was quicker
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{path}: is a database of another program; choose another --data")
        identity = uuid.UUID(bytes=os.urandom(16)).hex
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(
            f"BEGIN IMMEDIATE; {statements()}"
            f"INSERT INTO meta VALUES ('collection', '{identity}');"
            f"PRAGMA user_version = {newest()}; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"
        )


def _is_for_room(error: BaseException, reserve: Reserve) -> bool:
    """Whether a catalog could not be opened because the disk is full: SQLite makes files beside it
    even to read, and calls their failure a disk I/O error."""
    if files.is_full(error):
        return True
    if not isinstance(error, sqlite3.OperationalError):
        return False
    return is_full(error) or ("disk I/O" in str(error) and reserve.is_short())


def _unusable(path: Path, error: Exception) -> StoreError:
    if isinstance(error, sqlite3.Error) and is_busy(error):
        return StoreBusy(f"{path}: another program has locked it; close that, then try again")
    hint = "" if isinstance(error, sqlite3.ProgrammingError) else f"; {remedy(path.parent)}"
    if path.exists() and not _writable(path):
        hint = "; it may not be written by this user, as its folder may: change its owner or mode"
    return StoreError(f"{path}: cannot be opened as a catalog: {error}{hint}")
