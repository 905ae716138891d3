"""Whoever asks may go away: what they asked for is then no longer done.

A `Caller` stands for one request. It is current wherever something is done for that request, so
that what waits deep below needs no parameter for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from mmembed.errors import Abandoned


class Caller:
    """Somebody who waits for an answer, until they leave. Any thread may call it."""

    def __init__(self, *, patient: bool = False) -> None:
        """patient: waits for a model however long the others' work takes."""
        self.left = False
        self.patient = patient
        self.admitted = patient
        """Whether a model has let this caller in: what was begun is not refused half-way."""
        self._awaited: set[threading.Event] = set()
        self._lock = threading.Lock()

    def leave(self) -> None:
        """Nobody waits any more; wakes the threads that wait for this caller's sake."""
        with self._lock:
            self.left = True
            awaited = list(self._awaited)
        for done in awaited:
            done.set()

    def check(self) -> None:
        """Raises Abandoned where the caller has left."""
        if self.left:
            raise Abandoned("the caller left before the answer")

    def wait(self, done: threading.Event, timeout_s: float | None = None) -> bool:
        """Wait for an event; False where it has not come within the time. Raises Abandoned as
        soon as the caller leaves, and sets it then."""
        with self._lock:
            self.check()
            self._awaited.add(done)
        try:
            came = done.wait(timeout_s)
        finally:
            with self._lock:
                self._awaited.discard(done)
        self.check()
        return came


_PATIENT = Caller(patient=True)
"""Who never leaves: the command line, and programs that use the library."""
_current: ContextVar[Caller] = ContextVar("caller", default=_PATIENT)


def current_caller() -> Caller:
    """Whom this thread or task works for."""
    return _current.get()


@contextmanager
def working_for(caller: Caller) -> Iterator[None]:
    """Within it, `current_caller` is this one; so it is in the threads that asyncio starts."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)
