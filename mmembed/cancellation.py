"""Cancels work whose requester has disconnected.

A `Caller` stands for one request. It is current in all code that works for that request, so that
deep waits need no parameter for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from mmembed.errors import Abandoned

LOOK_S = 0.2
"""Seconds between two looks whether a caller that waits for its turn is still there."""


class Turn(Protocol):
    """A lock or a semaphore."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; whether that was possible."""


class Caller:
    """The requester of an answer, until it leaves. Any thread may call it."""

    def __init__(self, *, patient: bool = False, background: bool = False) -> None:
        """patient: waits for a model for any time. background: waits while there are others."""
        self.left = False
        self.background = background
        self.patient = patient
        self.admitted = patient
        """Whether a model has admitted this caller: begun work is not refused half-way."""
        self._awaited: set[threading.Event] = set()
        self._lock = threading.Lock()

    def leave(self) -> None:
        """Mark the caller as gone; wakes the threads that wait on its behalf."""
        with self._lock:
            self.left = True
            awaited = list(self._awaited)
        for done in awaited:
            done.set()

    def check(self) -> None:
        """Raises Abandoned if the caller has left."""
        if self.left:
            raise Abandoned("the caller left before the answer")

    def wait(self, done: threading.Event, timeout_s: float | None = None) -> bool:
        """Wait for an event; False if it has not come within the time. Raises Abandoned as soon as
        the caller leaves, and sets it then."""
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

    @contextmanager
    def telling(self, ending: threading.Event) -> Iterator[None]:
        """Set an event once the caller leaves, within the block."""
        with self._lock:
            self._awaited.add(ending)
            if self.left:
                ending.set()
        try:
            yield
        finally:
            with self._lock:
                self._awaited.discard(ending)

    def take(self, turn: Turn) -> bool:
        """Acquire a lock or a semaphore: at once or not at all, except that a patient caller and
        one in the background wait. Returns whether it did. Raises Abandoned as soon as the caller
        leaves."""
        if not (self.patient or self.background):
            return turn.acquire(blocking=False)
        while not turn.acquire(timeout=LOOK_S):
            self.check()
        return True


_PATIENT = Caller(patient=True)
"""The caller that never leaves: the command line, and programs that use the library."""
_current: ContextVar[Caller] = ContextVar("caller", default=_PATIENT)


def current_caller() -> Caller:
    """The caller that this thread or task works for."""
    return _current.get()


@contextmanager
def working_for(caller: Caller) -> Iterator[None]:
    """Within the block, `current_caller` is this caller, also in the threads that asyncio
    starts."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)
