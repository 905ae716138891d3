"""Keeps a claim alive from a thread while its work goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmembed.errors import StoreError

BEAT_S = 3.0
"""Seconds between two prolongations; a tenth of a lease, so that a few may fail."""

log = logging.getLogger(__name__)


@contextmanager
def kept_alive(renew: Callable[[], bool]) -> Iterator[threading.Event]:
    """Renew a claim until the block ends. The event is set once the claim is lost: `renew` returned
    False. While the store cannot be reached, it is tried again."""
    lost, done = threading.Event(), threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_S):
            try:
                if not renew():
                    lost.set()
                    return
            except StoreError as error:
                log.warning("a claim of work could not be prolonged: %s", error)

    thread = threading.Thread(target=beat, name="mmembed-lease", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()


class Stall:
    """Whether work has made no progress for too long."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._state: object = None
        self._since = time.monotonic()

    def is_over(self, state: object) -> bool:
        """Tell the present state of the work; True if it has been the same for the limit."""
        if state != self._state:
            self._state, self._since = state, time.monotonic()
        return time.monotonic() - self._since > self._limit_s
