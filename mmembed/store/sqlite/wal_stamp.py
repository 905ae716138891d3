"""Checks that a catalog and the write-ahead log beside it belong together.

SQLite applies any log that it finds, also to a backup that was put in place after a crash. So a
small file names the state of the catalog for which its log was begun.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mmembed import files
from mmembed.store.sqlite.file_identity import LOG
from mmembed.store.sqlite.wal_file import LogFile, LogIndex

log = logging.getLogger(__name__)

FILE = "catalog.history"
BOOT = Path("/proc/sys/kernel/random/boot_id")
SALTS_AT = 16


@dataclass(frozen=True)
class WalStamp:
    """A log, and the catalog under it."""

    salts: str
    """The random mark of the log, hex."""
    log_inode: int
    inode: int
    bytes: int
    mtime_ns: int
    schema: int
    pages: int
    free: int
    boot: str
    """Boot of the machine; an index of the log from another boot proves nothing."""
    folding: bool = False
    """Whether a checkpoint was running, which changes the catalog step by step."""
    schema_after: int = 0
    """The schema that the catalog has then."""
    closed: bool = False
    """Whether that log was checkpointed whole and is gone, and no other was begun since."""


class History:
    """The stamp of an open catalog; the holder of the write lock keeps it."""

    def __init__(self, catalog: Path) -> None:
        self._catalog = catalog
        self._log = Path(f"{catalog}{LOG}")
        self._file = catalog.with_name(FILE)
        self._noted: tuple[str, str, int] | None = None
        self._boot = boot()
        self._begun = False
        self._failed = False

    def begin(self) -> None:
        """A change is about to be written: from now on there may be a log."""
        if self._begun:
            return
        stamp = read_stamp(self._catalog)
        closed = stamp is not None and stamp.closed
        self._begun = stamp is None or not closed or self._put(replace(stamp, closed=False))
        if closed:
            self._sync()  # a power cut must not keep the log and forget this

    def close(self) -> None:
        """The last connection anywhere is closed, and with it the log is gone."""
        stamp = read_stamp(self._catalog)
        if stamp is not None and not stamp.closed and _salts(self._log) is None:
            self._sync()  # nor may it bring the log back
            self._put(replace(stamp, closed=True))

    def _sync(self) -> None:
        with suppress(OSError):
            files.sync_folder(self._catalog.parent)

    def note(self) -> bool:
        """Note the state of the catalog that the just written log continues. Returns whether
        mmembed left that state, here or in another process."""
        salts, changed_at = _salts(self._log), os.stat(self._catalog).st_mtime_ns
        if salts is None or self._noted == (salts, self._boot, changed_at):
            return True
        stamp = read_stamp(self._catalog)
        if stamp is None or stamp.salts != salts or _differs(self._catalog, stamp):
            same_log = self._noted is not None and self._noted[0] == salts
            self._write(salts, folding=False)
            return not same_log
        self._noted = salts, stamp.boot, changed_at
        return True

    def fold(self, connection: sqlite3.Connection) -> None:
        """A checkpoint is about to change the catalog to the state that the connection sees."""
        salts = _salts(self._log)
        if salts is not None:
            [after] = connection.execute("PRAGMA schema_version").fetchone()
            self._write(salts, folding=True, schema_after=int(after))

    def folded(self) -> None:
        """The checkpoint is done as far as possible; the rest of the log continues from there."""
        salts = _salts(self._log)
        if salts is not None:
            self._write(salts, folding=False)

    def _write(self, salts: str, *, folding: bool, schema_after: int = 0) -> None:
        self._noted = None
        try:
            stamp = _stamp(self._catalog, self._log, salts, self._boot)
        except (sqlite3.Error, OSError) as error:
            self._lost(error)
            return
        if self._put(replace(stamp, folding=folding, schema_after=schema_after)) and not folding:
            self._noted = salts, self._boot, stamp.mtime_ns

    def _put(self, stamp: WalStamp) -> bool:
        try:
            stamped = json.dumps(asdict(stamp), indent=1).encode()
            files.replace(self._file, stamped, durable=True, one_writer=True)
        except OSError as error:
            self._lost(error)
            return False
        self._failed = False
        return True

    def _lost(self, error: Exception) -> None:
        """Without a stamp a crash loses nothing: only a wrong restore would not be noticed."""
        if not self._failed:
            log.warning("%s: cannot be written: %s", self._file, error)
        self._failed = True
        with suppress(OSError):  # its content would soon be wrong
            self._file.unlink(missing_ok=True)


def strangers(catalog: Path, log_file: LogFile, index: LogIndex | None) -> str | None:
    """Why this log is not of this catalog, or not all of it; None without a fault."""
    stamp = read_stamp(catalog)
    replaced = stamp is not None and _is_replaced(catalog, stamp, log_file)
    if replaced:
        return "was replaced, by a backup perhaps, and its log is of the catalog before"
    known = index is not None and index.salts == log_file.salts
    same_boot = stamp is not None and _is_of_this_boot(stamp)
    # An index that was copied a moment after the log of an open catalog may know more than the log.
    if known and index is not None and not (stamp and _is_copied(catalog, stamp)):
        broken = log_file.committed < index.committed
    else:  # one torn commit may be the end of a power cut; two were acknowledged
        broken = log_file.lost_commits > (0 if same_boot else 1)
    return "has a log that is damaged: changes that were kept cannot be read" if broken else None


def lost_log(catalog: Path, index: LogIndex | None) -> str | None:
    """Why a catalog without a log should have one; None without a fault."""
    stamp = read_stamp(catalog)
    if index is None or stamp is None or not _is_of_this_boot(stamp):
        return None
    if index.committed <= index.folded:
        return None
    if index.salts.hex() != stamp.salts or _differs(catalog, stamp):
        return None  # it was replaced, and the former log was removed, as it should be
    return "has lost its log: changes that were kept are missing"


def read_stamp(catalog: Path) -> WalStamp | None:
    """The stored stamp of a catalog and its log; None if there is no readable one."""
    try:
        return WalStamp(**json.loads(catalog.with_name(FILE).read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _is_replaced(catalog: Path, stamp: WalStamp, log_file: LogFile) -> bool:
    if stamp.salts != log_file.salts.hex():
        # The stamp belongs to another log. It is no evidence about this log, unless there should be
        # none.
        return stamp.closed and log_file.committed > 0
    schemas = (stamp.schema, stamp.schema_after) if stamp.folding else (stamp.schema,)
    if stamp.schema and _shape(catalog)[0] not in schemas:
        return True  # copies that SQLite makes of a database have another one
    if stamp.folding or not _differs(catalog, stamp):
        return False
    if not _is_copied(catalog, stamp):
        return True
    return _shape(catalog) != (stamp.schema, stamp.pages, stamp.free)


def _is_of_this_boot(stamp: WalStamp) -> bool:
    """Whether the machine has certainly not rebooted since; False if boots cannot be
    distinguished."""
    return stamp.boot != "" and stamp.boot == boot()


def _is_copied(catalog: Path, stamp: WalStamp) -> bool:
    """Whether the log is another file than the noted one: the whole folder was copied."""
    return os.stat(f"{catalog}{LOG}").st_ino != stamp.log_inode


def _differs(catalog: Path, stamp: WalStamp) -> bool:
    status = os.stat(catalog)
    now = status.st_ino, status.st_size, status.st_mtime_ns
    return now != (stamp.inode, stamp.bytes, stamp.mtime_ns)


def _stamp(catalog: Path, log_path: Path, salts: str, boot_id: str) -> WalStamp:
    status = os.stat(catalog)
    return WalStamp(
        salts, os.stat(log_path).st_ino, status.st_ino, status.st_size, status.st_mtime_ns,
        *_shape(catalog), boot_id,
    )  # fmt: skip


def _shape(catalog: Path) -> tuple[int, int, int]:
    """Digest of the catalog alone, as if there were no log. SQLite reads it: closing the file
    oneself would free the locks of the connections that are open."""
    with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?immutable=1", uri=True)) as db:
        names = ("schema_version", "page_count", "freelist_count")
        schema, pages, free = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int(schema), int(pages), int(free)


def _salts(log_path: Path) -> str | None:
    """No lock of SQLite's is on the log, so that it may be opened and closed."""
    with suppress(OSError), log_path.open("rb") as file:
        return file.read(SALTS_AT + 8)[SALTS_AT:].hex() or None
    return None


def boot() -> str:
    """The id of this boot of the machine; empty if it is unknown."""
    with suppress(OSError):
        return BOOT.read_text().strip()
    return ""
