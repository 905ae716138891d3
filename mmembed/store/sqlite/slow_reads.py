"""Ends statements that a filter makes slow: when their caller leaves, when the catalog is closed,
and after some time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mmembed.cancellation import Caller, current_caller
from mmembed.errors import Abandoned, MmembedError, Overloaded, QueryError, StoreError

LIMIT_S = 30.0
"""Seconds that a statement of a request may run. The command line waits for any time."""
MOST = 8
"""Statements at once, fewer than there are connections: other reads never wait for filters."""
CHECK_S = 0.1
IDLE_CHECKS = 50
"""So many checks without a statement end the thread."""


@dataclass(eq=False)
class _Read:
    """A running statement."""

    connection: sqlite3.Connection
    caller: Caller
    deadline: float
    reason: MmembedError | None = None
    """For an interrupt."""


class SlowReads:
    """Runs few statements at once, and watches them from a thread of its own.

    A progress handler would need Python's lock every few thousand rows, and wait for it while other
    threads compute.
    """

    def __init__(self, limit_s: float = LIMIT_S, most: int = MOST) -> None:
        """limit_s: seconds for a statement, and before it for its turn. most: at once."""
        self._limit_s = limit_s
        self._turns = threading.Semaphore(most)
        self._running: set[_Read] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def close(self) -> None:
        """The catalog is being closed: end all statements, and start no other."""
        self._closed = True

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold one of the turns for the length of the block. Raises Overloaded if none comes,
        Abandoned if the caller leaves, StoreError if the catalog is closed."""
        caller, deadline = current_caller(), self._deadline()
        while not self._turns.acquire(timeout=CHECK_S):
            if reason := self._reason(caller, deadline, _no_turn(self._limit_s)):
                raise reason
        try:
            caller.check()
            yield
        finally:
            self._turns.release()

    @contextmanager
    def watching(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Interrupt the statement of the block when it is time. Raises Abandoned, QueryError if it
        took too long, StoreError if the catalog is closed."""
        read = _Read(connection, current_caller(), self._deadline())
        with self._lock:
            self._running.add(read)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="mmembed-slow-reads", daemon=True
                )
                self._thread.start()
        try:
            yield
        except sqlite3.OperationalError as error:
            if read.reason is None:
                raise
            raise read.reason from error
        finally:
            with self._lock:  # an interrupt must not reach the connection's next statement
                self._running.discard(read)

    def _deadline(self) -> float:
        return time.monotonic() + self._limit_s

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(CHECK_S)
            with self._lock:
                idle = 0 if self._running else idle + 1
                if idle > IDLE_CHECKS:
                    self._thread = None
                    return
                for read in self._running:
                    # At every check: SQLite forgets an interrupt that came before the statement.
                    reason = self._reason(read.caller, read.deadline, _too_slow(self._limit_s))
                    if reason is not None:
                        read.reason = reason
                        read.connection.interrupt()

    def _reason(
        self, caller: Caller, deadline: float, too_late: MmembedError
    ) -> MmembedError | None:
        """Why a caller gets no answer any more; None if it does."""
        if self._closed:
            return StoreError("the catalog is closed")
        if caller.left:
            return Abandoned("the caller left before the answer")
        return too_late if time.monotonic() > deadline and not caller.patient else None


def _too_slow(limit_s: float) -> MmembedError:
    return QueryError(
        f"the filter took longer than {limit_s:g} s, the limit; give it fewer conditions, or "
        "conditions with `=` in place of `~`, or index its fields of manifests with "
        "`mmembed fields --index`",
        param="where",
    )


def _no_turn(limit_s: float) -> MmembedError:
    return Overloaded(
        f"slow filters of other requests took {limit_s:g} s; try again later", limit_s
    )
