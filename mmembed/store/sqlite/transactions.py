"""Changes the catalog: one lock, one transaction a change, and no acknowledged change is lost."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmembed.errors import StoreBusy, StoreError, StoreFull, Unstorable
from mmembed.store.protocol import Purpose
from mmembed.store.sqlite.background_check import is_busy, is_damage, is_full
from mmembed.store.sqlite.disk_reserve import BYTES as RESERVE_BYTES
from mmembed.store.sqlite.file_identity import LOG
from mmembed.store.sqlite.lock_files import (
    INDEX_LOCK,
    VIEWS_LOCK,
    WRITE_LOCK,
    WRITE_WAIT_S,
    exclusive,
    make_upload_lock,
    upload_lock_path,
)
from mmembed.store.sqlite.migrations import Progress
from mmembed.store.sqlite.open_catalog import BUSY_TIMEOUT_S
from mmembed.store.sqlite.queries import CatalogReader
from mmembed.store.sqlite.schema import FILE_NAME, remedy
from mmembed.store.sqlite.troubles import WRITE_FAILED
from mmembed.store.sqlite.wal_stamp import History
from mmembed.store.sqlite.word_rows import write_words, write_words_left

log = logging.getLogger(__name__)

CHECKPOINT_BYTES = 16 * 2**20
"""Bytes of the write-ahead log from which a checkpoint runs."""
SMALL_LOG_BYTES = 2**18
CHECKPOINT_WAIT_MS = 250
"""Milliseconds that a checkpoint waits for readers; then it does what it can, and the next one the
rest."""


class Transactions(CatalogReader):
    """A catalog that can be changed."""

    def __init__(self, folder: Path, migrating: Progress | None = None) -> None:
        self._writing = threading.Lock()
        self._wal = Path(f"{folder / FILE_NAME}{LOG}")
        self._history = History(folder / FILE_NAME)
        super().__init__(folder, migrating)

    def close(self) -> None:
        """Close all connections. The last one of all processes runs a checkpoint."""
        with self._writing:
            last = self._place.trouble() is None and self._presence and self._presence.take()
            if last:
                self._history.fold(self._connection)
            self._close(self._history.close if last else None)

    def check_place(self) -> None:
        """Raises StoreError if the folder is no longer the opened one, or its catalog is known to
        be damaged: a change would be lost."""
        self._check_place()
        damage = self.condition.known("damaged")
        if damage is not None:
            raise StoreError(damage)

    def _check_place(self) -> None:
        trouble = self._place.trouble()
        self.condition.note("moved", trouble)
        if trouble is not None:
            raise StoreError(trouble)

    @contextmanager
    def _transaction(self, *, adds: bool = True) -> Iterator[sqlite3.Connection]:
        """adds: whether it may need the space that is reserved for removals."""
        self.check_place()
        lock = exclusive(
            self.folder / WRITE_LOCK, purpose="writing the catalog", wait_s=WRITE_WAIT_S
        )
        # Take the file lock first: waiting for another process must not block our writers.
        with lock, self._writing:
            if adds:
                self._reserve.check()
            self._history.begin()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                write_words(self._connection)
                write_words_left(self._connection)
                self._check_place()
                self._connection.execute("COMMIT")
            except BaseException as error:
                # However it ended, by Ctrl-C or a full disk: nothing half-done stays open.
                if self._connection_in_transaction():
                    self._connection.execute("ROLLBACK")
                if isinstance(error, (sqlite3.Error, UnicodeEncodeError, OverflowError)):
                    raise self._not_kept(error) from error
                raise
            self._check_place()  # otherwise it was written into a file that is lost
            self.condition.note(WRITE_FAILED, None)
            if not self._history.note():
                self._checking.again()
            if self._is_log_large():
                self._fold()

    def _not_kept(self, error: Exception) -> StoreError:
        reason = f"{self.folder}: the change was not kept: {error}"
        if _of_the_data(error):
            return Unstorable(reason)
        if not isinstance(error, sqlite3.Error):
            return StoreError(reason)
        if is_busy(error):
            return StoreBusy(f"{reason}; another program is writing to the catalog, try again")
        if is_damage(error):
            self.condition.note("damaged", f"{reason}; {remedy(self.folder)}")
        self.condition.note(WRITE_FAILED, reason)
        if is_full(error) or self._reserve.is_short():
            return StoreFull(f"{reason}; remove items, or free some space on the disk")
        return StoreError(reason)

    def _connection_in_transaction(self) -> bool:
        try:
            return self._connection.in_transaction
        except sqlite3.ProgrammingError:  # closed
            return False

    def _log_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    def _is_log_large(self) -> bool:
        size = self._log_bytes()
        # On a nearly full disk it stays small: a checkpoint takes as much space as the log.
        return size > CHECKPOINT_BYTES or (size > SMALL_LOG_BYTES and self._reserve.is_tight())

    def _fold(self) -> None:
        """Run a checkpoint; the caller holds the write lock."""
        try:
            self._history.fold(self._connection)
            self._connection.execute(f"PRAGMA busy_timeout = {CHECKPOINT_WAIT_MS}")
            try:
                # On a nearly full disk the log keeps its space, and is written again from its
                # start.
                mode = "RESTART" if self._reserve.is_tight() else "TRUNCATE"
                self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
                self._history.folded()
        except (sqlite3.Error, OSError) as error:
            # The change itself is safe in the log.
            log.warning("%s: cannot be folded into the catalog now: %s", self._wal, error)

    def make_room(self) -> None:
        """A checkpoint frees the log's space, but needs as much space before. A large log stays
        while there is other space."""
        given_up = self._reserve.give_up()
        if given_up and self._log_bytes() > RESERVE_BYTES:
            return
        lock = exclusive(self.folder / WRITE_LOCK, purpose="making room", wait_s=WRITE_WAIT_S)
        with lock, self._writing:
            self._fold()

    def ready_upload_lock(self, sha256: str) -> None:
        """Make the lock file of a content, which needs room the first time: on a full disk, the
        room that is reserved. Raises StoreError."""
        try:
            make_upload_lock(self.folder, sha256)
        except StoreFull:
            self.make_room()

    @contextmanager
    def exclusive(self, purpose: Purpose, *, part: str = "", wait_s: float = 0) -> Iterator[None]:
        """See Store.exclusive. No purpose is the write lock: other processes may write
        meanwhile."""
        if purpose == "publishing":
            self._check_place()  # the views of a damaged catalog may be saved
            path, said = self.folder / VIEWS_LOCK, "publishing the views"
        else:
            self.check_place()  # else files of another folder of this name would be touched
            path, said = self.folder / INDEX_LOCK, "indexing"
        if purpose == "uploading":
            make_upload_lock(self.folder, part)
            path, said = upload_lock_path(self.folder, part), "keeping an upload"
        with exclusive(path, purpose=said, wait_s=wait_s):
            yield


def _of_the_data(error: Exception) -> bool:
    """Whether the rows are at fault, and not the disk or the catalog."""
    if isinstance(error, sqlite3.ProgrammingError):  # a closed catalog cannot be used either
        return "binding" in str(error)
    foreign = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError)
    return isinstance(error, (*foreign, UnicodeEncodeError, OverflowError))
