"""Measures how long each stage of an indexing was busy, and which one limits the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

STAGES = ("read", "decode", "preprocess", "hash", "thumbnail", "embed", "commit")
IN_THREADS = frozenset({"read", "decode", "preprocess", "hash", "thumbnail"})
"""Stages of several threads; each other stage has one thread."""


@dataclass(frozen=True)
class StageTime:
    """The time of one stage."""

    stage: str
    seconds: float
    """Added up over the threads that work on it."""
    busy: float
    """The share of the time in which its threads worked on it, 0 to 1."""


class Profile:
    """Adds up the time of each stage; any thread may call."""

    def __init__(self, threads: int) -> None:
        """`threads`: the number of threads that read and decode."""
        self._threads = threads
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside for one of STAGES."""
        started = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - started
            with self._lock:
                self._seconds[name] += taken

    def times(self, elapsed: float) -> list[StageTime]:
        """The share of each stage in `elapsed` seconds."""
        elapsed = max(elapsed, 1e-9)
        return [
            StageTime(name, taken, taken / elapsed / (self._threads if name in IN_THREADS else 1))
            for name, taken in self._seconds.items()
        ]


def limit(times: list[StageTime]) -> str:
    """The work that sets the pace: reading and decoding together, embedding, or committing."""
    decoding = sum(spent.busy for spent in times if spent.stage in IN_THREADS)
    shares = {spent.stage: spent.busy for spent in times if spent.stage not in IN_THREADS}
    shares["reading and decoding"] = decoding
    return max(shares, key=lambda name: shares[name])
