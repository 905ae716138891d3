"""The connections to a catalog: one that writes, a few that read, and its known faults."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mmembed.errors import StoreError
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.entries import Trouble
from mmembed.store.sqlite.background_check import Checking, is_damage
from mmembed.store.sqlite.disk_reserve import Reserve
from mmembed.store.sqlite.file_identity import LOG, FileIdentity, keep_for_ever
from mmembed.store.sqlite.migrations import Progress
from mmembed.store.sqlite.open_catalog import connect, reading_connection
from mmembed.store.sqlite.reader_pool import Readers
from mmembed.store.sqlite.rows import legible
from mmembed.store.sqlite.schema import FILE_NAME, remedy
from mmembed.store.sqlite.troubles import Condition

NOTES = {
    "moved": "The data folder was moved, deleted or replaced: results are of its earlier state.",
    "damaged": "The catalog is damaged: something may be missing here, or wrong.",
}


class Connections:
    """An open catalog, safe to use from several threads.

    Readers do not wait for writers, here or in another process.
    """

    def __init__(self, folder: Path, migrating: Progress | None = None) -> None:
        """migrating: told how far a catalog of an earlier layout is brought to today's."""
        self.folder = folder
        path = folder / FILE_NAME
        opened = connect(folder, migrating)
        self._presence = opened.presence
        self._connection = opened.connection
        self._place = FileIdentity(path)
        self._readers = Readers(partial(reading_connection, path, opened.options, self._place))
        self._reserve = Reserve(folder)
        self.condition = Condition(folder, self._place, self._reserve)
        self._checking = Checking(
            self.condition, partial(reading_connection, path, opened.options, self._place), folder
        )
        try:
            self._checking.begin(path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections."""
        self._close()

    def _close(self, closed: Callable[[], None] | None = None) -> None:
        """closed: called once they are closed, before other processes may open the catalog."""
        self._checking.stop()
        self._readers.close()
        if self._may_close():
            self._connection.close()
            if closed is not None:
                closed()
        if self._presence is not None:
            self._presence.leave()
            self._presence = None

    def _may_close(self) -> bool:
        """SQLite deletes the log by its name, which may belong to another catalog by now. A deleted
        log is still open here, and its content is saved."""
        log = Path(f"{self.folder / FILE_NAME}{LOG}")
        moved = self._place.trouble(besides=None if log.exists() else log)
        if moved is not None:
            keep_for_ever(self._connection)
        return moved is None

    def _rows(
        self, sql: str, values: Sequence[object] = (), *, where: Where = EVERYTHING
    ) -> list[tuple[Any, ...]]:
        """where: the filter that is part of the statement, and may make it slow: such a statement
        may also raise Abandoned, QueryError, Overloaded."""
        read = self._readers.rows if where == EVERYTHING else self._readers.slow_rows
        try:
            return read(sql, values)
        except (OverflowError, UnicodeEncodeError):
            return []  # a number or text that no row can hold
        except (sqlite3.Error, UnicodeDecodeError) as error:  # a message may quote damage
            if "decode to UTF-8" in str(error):  # in one row; the others are not affected
                return read(sql, values, text=legible)
            reason = f"{self.folder}: the catalog cannot be read: {error}"
            if is_damage(error):
                self.condition.note("damaged", f"{reason}; {remedy(self.folder)}")
            raise StoreError(reason) from error

    def version(self) -> int:
        """A number that rises with each change by any process. Raises StoreError."""
        try:
            return self._readers.version()
        except sqlite3.Error as error:
            raise StoreError(f"{self.folder}: the catalog cannot be read: {error}") from error

    def _number(self, sql: str, values: Sequence[object] = (), *, where: Where = EVERYTHING) -> int:
        rows = self._rows(sql, values, where=where)
        return int(rows[0][0] or 0) if rows else 0

    def check(self) -> list[str]:
        """Check that the catalog is complete and sound. Returns the faults. Raises StoreError."""
        return self._checking.faults()

    def troubles(self) -> list[Trouble]:
        """Check that the catalog can be read and written. Returns all faults."""
        try:
            self._readers.rows("SELECT count(*) FROM meta")
            self.condition.note("unreadable", None)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.condition.note("unreadable", f"{self.folder}: cannot be read: {error}")
        faults = self.condition.troubles(writable=self._presence is not None)
        if self._presence is None:
            faults.append(Trouble("read_only", f"{self.folder}: may not be written"))
        return faults

    def notes(self) -> tuple[str, ...]:
        """The known faults that matter to searches, without a new check."""
        known = [code for code in ("moved", "damaged") if self.condition.known(code)]
        return tuple(NOTES[code] for code in known)
