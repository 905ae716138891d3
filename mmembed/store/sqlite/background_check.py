"""Checks a catalog at opening: a small one before it is used, a large one in the background."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mmembed.errors import StoreError
from mmembed.store.sqlite.file_identity import LOG
from mmembed.store.sqlite.integrity import faults
from mmembed.store.sqlite.schema import remedy
from mmembed.store.sqlite.troubles import Condition

log = logging.getLogger(__name__)

AT_ONCE_BYTES = 8 * 2**20
"""Bytes of a catalog that is checked before it is used: some 50 ms."""
STEPS = 20_000
"""Instructions of SQLite's machine between two checks for a stop."""
STOP_S = 2.0
"""Seconds that closing waits for a check. Before version 3.41, SQLite walks through a table of many
gigabytes without looking whether it is to stop."""
BUSY, LOCKED, CORRUPT, FULL, NOT_A_DATABASE = 5, 6, 11, 13, 26
"""SQLite's codes."""


class Checking:
    """Looks for damage on a connection of its own, and reports the condition of the catalog."""

    def __init__(
        self, condition: Condition, open_one: Callable[[], sqlite3.Connection], folder: Path
    ) -> None:
        self._condition = condition
        self._open = open_one
        self._folder = folder
        self._ended = threading.Event()
        self._thread = self._new_thread()

    def begin(self, catalog: Path) -> None:
        """Raises StoreError for a small catalog that is damaged; a large one's is found later."""
        size = sum(p.stat().st_size for p in (catalog, Path(f"{catalog}{LOG}")) if p.exists())
        if size > AT_ONCE_BYTES:
            self._thread.start()
        elif damage := self.faults():
            raise StoreError(self._said(damage))

    def again(self) -> None:
        """Another program has changed the file under the log: check the rest."""
        log.warning("%s: the catalog was changed by another program; checking it", self._folder)
        if not self._thread.is_alive():
            self._thread = self._new_thread()
            self._thread.start()

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._beside, name="mmembed-check", daemon=True)

    def stop(self) -> None:
        """The catalog is being closed. A check that goes on reads from a connection of its own, and
        closes it."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def faults(self, *, pause: bool = False) -> list[str]:
        """The faults of the catalog, or an empty list. Raises StoreError."""
        try:
            with closing(self._open()) as connection:
                connection.set_progress_handler(self._ended.is_set, STEPS)
                return faults(connection, pause=pause)
        except (sqlite3.Error, UnicodeError) as error:
            raise StoreError(f"{self._folder}: the catalog cannot be checked: {error}") from error

    def _beside(self) -> None:
        try:
            damage = self.faults(pause=True)
        except StoreError as error:
            if not self._ended.is_set():
                log.warning("%s", error)
            return
        if damage:
            log.error("%s", self._said(damage))
            self._condition.note("damaged", self._said(damage))

    def _said(self, damage: list[str]) -> str:
        return (
            f"{self._folder}: the catalog is damaged ({'; '.join(damage)}); {remedy(self._folder)}"
        )


def is_damage(error: Exception) -> bool:
    """Whether SQLite says that the file itself is broken."""
    return (
        isinstance(error, UnicodeDecodeError)
        or _code(error) in (CORRUPT, NOT_A_DATABASE)
        or any(text in str(error) for text in ("malformed", "decode", "no such table"))
    )


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection held a lock for too long."""
    return _code(error) in (BUSY, LOCKED) or "is locked" in str(error)


def is_full(error: sqlite3.Error) -> bool:
    """Whether there was no room left."""
    return _code(error) == FULL or "is full" in str(error)


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # Python 3.10 has none
