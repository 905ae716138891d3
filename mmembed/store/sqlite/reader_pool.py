"""A few connections that read side by side, while another one writes."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

from mmembed.store.sqlite.slow_reads import SlowReads

MOST = 10
"""Connections; each holds two open files."""
WAIT_S = 0.1
CLOSE_WAIT_S = 10.0


class Readers:
    """Connections for reading, opened when needed; each statement sees all that was committed
    before it. Any thread may ask."""

    def __init__(self, open_one: Callable[[], sqlite3.Connection]) -> None:
        """open_one: opens another connection; raises sqlite3.Error if that is impossible, or would
        read another file than the others."""
        self._open = open_one
        self._slow = SlowReads()
        # Taken and given back without a lock, the last one first: its cache is the warmest.
        self._idle: deque[sqlite3.Connection] = deque()
        self._open_now = 0
        self._change = threading.Condition()
        self._waiting = 0
        self._closed = False
        self._versions: dict[tuple[int, int], int] = {}
        """The count of changes by what each connection saw of them."""
        self._counting = threading.Lock()
        self._counter: sqlite3.Connection | None = None

    def rows(
        self, sql: str, values: Sequence[object] = (), text: Callable[[bytes], str] | None = None
    ) -> list[tuple[Any, ...]]:
        """Every row of an answer. text: decodes its texts, which otherwise must be UTF-8. Raises
        sqlite3.Error."""
        with self._connection() as connection:
            connection.text_factory = text or str
            return connection.execute(sql, values).fetchall()

    def slow_rows(
        self, sql: str, values: Sequence[object] = (), text: Callable[[bytes], str] | None = None
    ) -> list[tuple[Any, ...]]:
        """The same for a statement that may take long: see SlowReads, whose errors it raises."""
        with self._slow.turn(), self._connection() as connection, self._slow.watching(connection):
            connection.text_factory = text or str
            return connection.execute(sql, values).fetchall()

    def version(self) -> int:
        """A number that rises with each change by any process. Raises sqlite3.Error."""
        with self._connection() as connection:
            seen = id(connection), _data_version(connection)
        known = self._versions.get(seen)
        return self._counted(seen) if known is None else known

    def _counted(self, seen: tuple[int, int]) -> int:
        """Each connection counts the changes that it saw. One of them counts for all."""
        with self._counting:
            if self._closed:
                raise sqlite3.ProgrammingError("the catalog is closed")
            if self._counter is None:
                self._counter = self._open()
            count = _data_version(self._counter)
            latest = {key: known for key, known in self._versions.items() if known == count}
            self._versions = {**latest, seen: count}
        return count

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._another()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close all connections; slow statements end, connections in use are waited for."""
        self._slow.close()
        deadline = time.monotonic() + CLOSE_WAIT_S
        self._closed = True
        with self._counting:
            if self._counter is not None:
                self._counter.close()
                self._counter = None
        with self._change:
            self._closed = True
            self._close_idle()
            while self._open_now and time.monotonic() < deadline:
                self._change.wait(WAIT_S)
                self._close_idle()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        self._idle.append(connection)
        if self._waiting or self._closed:
            self._given_back()

    def _given_back(self) -> None:
        with self._change:
            if self._closed:
                self._close_idle()
                self._change.notify_all()
            else:
                self._change.notify()  # one connection is free: for one of them

    def _close_idle(self) -> None:
        # Not the connections in use: SQLite would answer with freed memory.
        with suppress(IndexError):
            while True:
                self._idle.pop().close()
                self._open_now -= 1

    def _another(self) -> sqlite3.Connection:
        with self._change:
            self._waiting += 1
            try:
                while not self._closed:
                    with suppress(IndexError):
                        return self._idle.pop()
                    if self._open_now < MOST and (new := self._opened()):
                        return new
                    self._change.wait(WAIT_S)
                raise sqlite3.ProgrammingError("the catalog is closed")
            finally:
                self._waiting -= 1

    def _opened(self) -> sqlite3.Connection | None:
        """A new connection; None if one of the others has to do."""
        try:
            with ExitStack() as opened:
                connection = opened.enter_context(closing(self._open()))
                with self._counting:  # while the folder is where it was; later it may be gone
                    if self._counter is None and not self._closed:
                        self._counter = self._open()
                opened.pop_all()
        except sqlite3.Error:
            if not self._open_now:
                raise
            return None
        self._open_now += 1
        return connection


def _data_version(connection: sqlite3.Connection) -> int:
    # SQLite compares the header of its log in shared memory: no file is read.
    [[number]] = connection.execute("PRAGMA data_version").fetchall()
    return int(number)
