"""Runs the same work of simultaneous callers once, and gives all of them the result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from mmembed.cancellation import LOOK_S, current_caller
from mmembed.errors import Abandoned

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Work in progress by key; any thread may call it."""

    def __init__(self) -> None:
        self._running: dict[K, Future[V]] = {}
        self._lock = threading.Lock()

    def run(self, key: K, work: Callable[[], V]) -> V:
        """The result or error of `work`, in this thread or in the first thread with the key.

        If the caller of the first one leaves, the next one does the work. Raises Abandoned if the
        caller of this thread leaves.
        """
        while True:
            with self._lock:
                running = self._running.get(key)
                if running is None:
                    mine = self._running[key] = Future()
                    break
            while not wait([running], LOOK_S).done:
                current_caller().check()
            try:
                return running.result()
            except Abandoned:
                continue
        return self._do(key, work, mine)

    def _do(self, key: K, work: Callable[[], V], mine: Future[V]) -> V:
        try:
            result = work()
        except BaseException as error:
            self._end(key)
            mine.set_exception(error)
            raise
        self._end(key)
        mine.set_result(result)
        return result

    def _end(self, key: K) -> None:
        """Later callers do the work anew."""
        with self._lock:
            del self._running[key]
