"""Writing the catalog: one lock, one transaction a change, the vector with its row."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmembed.catalog import additions
from mmembed.catalog.checking import is_busy, is_damage, is_full
from mmembed.catalog.condition import WRITE_FAILED
from mmembed.catalog.entries import (
    CaptionEntry,
    ImageEntry,
    Mark,
    describe,
    insert_caption,
    mark_file,
    set_by_hand,
    write_image,
)
from mmembed.catalog.history import History
from mmembed.catalog.lock import INDEX_LOCK, VIEWS_LOCK, WRITE_LOCK, WRITE_WAIT_S, exclusive
from mmembed.catalog.opening import BUSY_TIMEOUT_S, remedy
from mmembed.catalog.place import LOG
from mmembed.catalog.reading import CatalogReader, Model
from mmembed.catalog.reserve import BYTES as RESERVE_BYTES
from mmembed.catalog.rows import storable
from mmembed.catalog.schema import FILE_NAME
from mmembed.catalog.words import Reading, add_tags, by_hand, choose_first_caption, set_tags
from mmembed.errors import (
    ModelMismatch,
    NotFound,
    StoreBusy,
    StoreError,
    StoreFull,
    Unstorable,
)
from mmembed.types import Failure

log = logging.getLogger(__name__)

CHECKPOINT_BYTES = 16 * 2**20
"""The write-ahead log is folded into the database when it has grown past this."""
SMALL_LOG_BYTES = 2**18
CHECKPOINT_WAIT_MS = 250
"""How long a checkpoint waits for readers; else it does what it can, and the next one the rest."""


class Catalog(CatalogReader):
    """The truth of a collection. Every change is durable when its method returns.

    Methods raise StoreBusy where another process holds the write lock for too long and
    StoreError where the disk refuses; in both cases nothing of the change is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._writing = threading.Lock()
        self._wal = Path(f"{folder / FILE_NAME}{LOG}")
        self._history = History(folder / FILE_NAME)
        super().__init__(folder)

    def close(self) -> None:
        """Close all connections. The last one anywhere folds the log into the catalog."""
        with self._writing:
            if self._place.trouble() is None and self._presence and self._presence.take():
                self._history.fold()
            super().close()

    def check_place(self) -> None:
        """Raises StoreError where the folder is no longer the one that was opened, or its catalog
        is known to be damaged: what is written now would be lost."""
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
        """adds: whether it may need room that is kept for removing."""
        self.check_place()
        lock = exclusive(
            self.folder / WRITE_LOCK, purpose="writing the catalog", wait_s=WRITE_WAIT_S
        )
        # In this order: who waits for another process does not keep our writers waiting.
        with lock, self._writing:
            if adds:
                self._reserve.check()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                if not (complete := self._complete):
                    additions.add(self._connection)
                yield self._connection
                self._check_place()
                self._connection.execute("COMMIT")
                if not complete:
                    del self._complete  # it is asked again
            except BaseException as error:
                # However it ended, by Ctrl-C or a full disk: nothing half-done stays open.
                if self._connection_in_transaction():
                    self._connection.execute("ROLLBACK")
                if isinstance(error, (sqlite3.Error, UnicodeEncodeError, OverflowError)):
                    raise self._not_kept(error) from error
                raise
            self._check_place()  # else it was kept where nobody will find it
            self.condition.note(WRITE_FAILED, None)
            self._history.note()
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
        # On a nearly full disk it stays small: to fold it takes as much room as it has.
        return size > CHECKPOINT_BYTES or (size > SMALL_LOG_BYTES and self._reserve.is_tight())

    def _fold(self) -> None:
        """Bring the log into the catalog; whoever calls holds the write lock."""
        try:
            self._history.fold()
            self._connection.execute(f"PRAGMA busy_timeout = {CHECKPOINT_WAIT_MS}")
            try:
                # On a nearly full disk the log keeps its room, and is written again from its start.
                mode = "RESTART" if self._reserve.is_tight() else "TRUNCATE"
                self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
                self._history.folded()
        except (sqlite3.Error, OSError) as error:
            # The change itself is safe in the log.
            log.warning("%s: cannot be folded into the catalog now: %s", self._wal, error)

    def complete(self) -> None:
        """Give a folder of an earlier version the tables that it lacks."""
        if not self._complete:
            with self._transaction():
                pass

    def claim(self, model: Model) -> None:
        """Bind an empty folder to a model, or make sure that it is bound to this one.

        Raises ModelMismatch, with the remedy, where it was built with another.
        """
        known = self.model()
        if known is None:
            rows = [(f"model_{k}", str(v)) for k, v in vars(model).items()]
            with self._transaction() as db:
                db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", rows)
            known = self.model()
        if known is None or known.fingerprint != model.fingerprint:
            raise ModelMismatch(_mismatch(self.folder, known, model))

    def write(self, entries: Sequence[ImageEntry], failures: Sequence[Failure] = ()) -> list[int]:
        """Add images, or replace what was known under their paths; returns their ids.

        Failures of the same batch are noted; a path that succeeds loses its old failure.
        """
        with self._transaction() as db:
            ids = [write_image(db, entry) for entry in entries]
            db.executemany("DELETE FROM failures WHERE path = ?", [(e.path,) for e in entries])
            db.executemany(
                "INSERT OR REPLACE INTO failures (path, error, message) VALUES (?, ?, ?)",
                [(f.name, f.error, f.message) for f in failures],
            )
        return ids

    def write_caption(self, entry: CaptionEntry, tags: Sequence[str] = ()) -> int:
        """Add a caption that belongs to no image; the same text keeps its id."""
        with self._transaction() as db:
            found = db.execute(
                "SELECT id FROM items WHERE kind = 'caption' AND sha256 = ? AND image_id IS NULL",
                (entry.sha256,),
            ).fetchone()
            item_id = int(found[0]) if found else insert_caption(db, entry)
            add_tags(db, item_id, by_hand(tags))
        return item_id

    def set_captions(self, image_id: int, captions: Sequence[CaptionEntry]) -> None:
        """Make these the image's captions, by hand; those that stay keep their ids."""
        with self._transaction() as db:
            row = db.execute("SELECT path FROM items WHERE id = ?", (image_id,)).fetchone()
            if row is None:
                raise NotFound(f"item {image_id}: no such item")
            set_by_hand(db, image_id, row[0], captions)

    def set_tags(self, item_id: int, tags: Sequence[str]) -> None:
        """Make these the item's tags, by hand. Raises NotFound."""
        with self._transaction() as db:
            if db.execute("SELECT 1 FROM items WHERE id = ?", (item_id,)).fetchone() is None:
                raise NotFound(f"item {item_id}: no such item")
            set_tags(db, item_id, by_hand(tags))

    def describe(self, described: Sequence[tuple[int, Reading, Sequence[CaptionEntry]]]) -> None:
        """Bring the captions and tags of images up to what files say of them; entries are needed
        for the captions that are new. What was set by hand stays."""
        with self._transaction() as db:
            for image_id, reading, captions in described:
                row = db.execute("SELECT path FROM items WHERE id = ?", (image_id,)).fetchone()
                if row is not None:  # else removed meanwhile
                    describe(db, image_id, row[0], reading, captions)

    def move(self, moves: Sequence[tuple[int, str, int, Mark]]) -> None:
        """Images, by id, whose file lies at another path, or has another time in nanoseconds or
        another mark; the content stays."""
        with self._transaction() as db:
            for item_id, path, mtime_ns, mark in moves:
                changed = db.execute(
                    "UPDATE items SET path = ?, mtime_ns = ? WHERE id = ?",
                    (path, storable(mtime_ns), item_id),
                )
                if changed.rowcount:  # else removed meanwhile
                    mark_file(db, item_id, mark)
                db.execute("UPDATE items SET path = ? WHERE image_id = ?", (path, item_id))
                db.execute("DELETE FROM failures WHERE path = ?", (path,))

    def mark_files(self, marks: Sequence[tuple[int, Mark]]) -> None:
        """Remember the state of images' files, by id, where nothing else of them is new."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO file_marks SELECT id, ?, ?, ? FROM items WHERE id = ?",
                [(*mark, item_id) for item_id, mark in marks],
            )

    def keep_out(self, paths: Mapping[str, str | None]) -> None:
        """Files and folders that later indexings pass over; with a file, its sha256."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO kept_out VALUES (?, ?)", list(paths.items()))

    def let_in(self, paths: Sequence[str]) -> None:
        """Let later indexings take these files and folders again."""
        with self._transaction() as db:
            db.executemany("DELETE FROM kept_out WHERE path = ?", [(path,) for path in paths])

    def remove(self, item_ids: Sequence[int]) -> int:
        """Remove items, with the captions of removed images; returns how many were there.

        On a full disk, too: it takes the room that is kept for it then, and removes one item
        after the other.
        """
        try:
            return self._remove(item_ids)
        except StoreFull:
            self._make_room()
        return sum(self._remove([item_id]) for item_id in item_ids)

    def _remove(self, item_ids: Sequence[int]) -> int:
        with self._transaction(adds=False) as db:
            return sum(_remove(db, item_id) for item_id in item_ids)

    def _make_room(self) -> None:
        """What the log takes up is freed when it is folded, which needs as much room before: a
        large one is left alone while there is other room."""
        given_up = self._reserve.give_up()
        if given_up and self._log_bytes() > RESERVE_BYTES:
            return
        lock = exclusive(self.folder / WRITE_LOCK, purpose="making room", wait_s=WRITE_WAIT_S)
        with lock, self._writing:
            self._fold()

    def forget_failures(self, gone: Callable[[str], bool]) -> None:
        """Drop the noted failures of paths for which `gone` is true."""
        paths = [(f.name,) for f in self.failures() if gone(f.name)]
        if paths:
            with self._transaction(adds=False) as db:
                db.executemany("DELETE FROM failures WHERE path = ?", paths)

    @contextmanager
    def publishing_lock(self) -> Iterator[None]:
        """Held while views are saved, so that two don't write the same files. Not the write
        lock: a large view takes a while, and others may write meanwhile."""
        self._check_place()
        purpose = "publishing the views"
        with exclusive(self.folder / VIEWS_LOCK, purpose=purpose, wait_s=WRITE_WAIT_S):
            yield

    @contextmanager
    def indexing_lock(self) -> Iterator[None]:
        """Held for a whole indexing, so that two don't embed the same files."""
        self.check_place()
        with exclusive(self.folder / INDEX_LOCK, purpose="indexing", wait_s=0):
            yield


def _remove(db: sqlite3.Connection, item_id: int) -> int:
    row = db.execute("SELECT image_id FROM items WHERE id = ?", (item_id,)).fetchone()
    if row is None:
        return 0
    db.execute("DELETE FROM items WHERE id = ?", (item_id,))
    if row[0] is not None:
        choose_first_caption(db, row[0])
    return 1


def _of_the_data(error: Exception) -> bool:
    """Whether the rows are to blame, and not the disk or the catalog."""
    if isinstance(error, sqlite3.ProgrammingError):  # what is closed cannot be used either
        return "binding" in str(error)
    foreign = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError)
    return isinstance(error, (*foreign, UnicodeEncodeError, OverflowError))


def _mismatch(folder: Path, known: Model | None, model: Model) -> str:
    if known is not None and known.name == model.name:
        return (
            f"{folder} holds vectors of another version of {model.name}: its weights or settings "
            "have changed since, and the two cannot be compared; index again into another folder "
            "with --data"
        )
    return (
        f"{folder} holds vectors of {known.name if known else 'another model'}, not of "
        f"{model.name}, and the two cannot be compared; choose that model, or another folder "
        "with --data"
    )
