"""A budget of memory that many threads share: if it is spent, callers wait for their turn."""

from __future__ import annotations

import ctypes
import os
import threading
from collections import deque
from dataclasses import dataclass, field

from mmembed.cancellation import Caller, current_caller
from mmembed.errors import Overloaded

PATIENCE_S = 30.0
"""Seconds that a request waits for memory before it is refused."""
LARGE_BYTES = 32_000_000
"""Bytes from which freed memory goes back to the system at once: glibc would keep it."""
OWN_MAPPING_BYTES = 4_000_000
"""Bytes from which a block has its own mapping, so that no small block keeps the memory around
it."""
ARENAS = 4
"""Heaps of glibc; each keeps its freed memory from the others."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


@dataclass(eq=False)
class _Turn:
    """One thread that waits."""

    size: int
    slot: bool
    granted: bool = False
    woken: threading.Event = field(default_factory=threading.Event)


class Hold:
    """Bytes of a budget, until they are given back or nothing refers to the hold any more."""

    def __init__(self, budget: MemoryBudget, size: int, slot: bool) -> None:
        self._budget = budget
        self._size = size
        self._slot = slot

    def shrink(self, size: int) -> None:
        """Keep only so many bytes, and give the slot back."""
        less, slot = max(0, self._size - size), self._slot
        self._size, self._slot = self._size - less, False
        if less or slot:
            self._budget.give_back(less, slot)

    def end(self) -> None:
        """Give all bytes and the slot back."""
        self.shrink(0)

    def __del__(self) -> None:
        self.end()


class MemoryBudget:
    """At most `limit` bytes, and `slots` jobs, at once, in the order of the requests. Any thread
    may call it.

    It counts its callers' estimates, and allocates nothing.
    """

    def __init__(
        self,
        limit: int,
        *,
        slots: int,
        purpose: str,
        setting: str,
        patience_s: float | None = PATIENCE_S,
    ) -> None:
        """purpose, setting: for errors, the purpose of the memory and the variable that raises it.
        patience_s: seconds that a request waits before it is refused; None: without limit."""
        self.patience_s = patience_s
        self.limit = limit
        self.purpose = purpose
        self.setting = setting
        self._free = limit
        self._slots = slots
        self._queue: deque[_Turn] = deque()
        self._returned: deque[tuple[int, bool]] = deque()
        """Given back, and not yet counted: a hold may end wherever Python collects garbage, even
        in a thread that has the lock."""
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        return self.limit - self._free

    @property
    def waiting(self) -> int:
        """The number of waiting threads."""
        return len(self._queue)

    def reserve(self, size: int, *, slot: bool = True) -> Hold:
        """Wait until `size` bytes, not more than the limit, and a slot are free, and take them.

        Raises Overloaded if that takes too long, and Abandoned if the caller leaves.
        """
        turn = _Turn(size, slot)
        with self._lock:
            self._queue.append(turn)
            self._grant()
        self._count_returned()
        if not turn.granted:
            self._wait(turn, current_caller())
        return Hold(self, size, slot)

    def reserve_at_once(self, size: int) -> Hold | None:
        """Take `size` bytes, or None if they are not free now or others wait. For callers that hold
        some already: two such callers would wait for each other for ever."""
        with self._lock:
            fits = not self._queue and size <= self._free
            if fits:
                self._free -= size
        self._count_returned()
        return Hold(self, size, False) if fits else None

    def give_back(self, size: int, slot: bool) -> None:
        """Free taken bytes, and a slot."""
        if size >= LARGE_BYTES:
            trim()
        self._returned.append((size, slot))
        self._count_returned()

    def _wait(self, turn: _Turn, caller: Caller) -> None:
        try:
            caller.wait(turn.woken, None if caller.patient else self.patience_s)
        except BaseException:
            if not self._withdrawn(turn):
                self.give_back(turn.size, turn.slot)
            raise
        if self._withdrawn(turn):
            raise Overloaded(
                f"the memory for {self.purpose} was in use for {self.patience_s:g} s; try again "
                f"later, or raise {self.setting}",
                self.patience_s or 0,
            )

    def _withdrawn(self, turn: _Turn) -> bool:
        """Take a turn out of the queue; False if it has come."""
        with self._lock:
            if not turn.granted:
                self._queue.remove(turn)
                self._grant()
        self._count_returned()
        return not turn.granted

    def _count_returned(self) -> None:
        """Called after every use of the lock; the holder counts for the others."""
        while self._returned and self._lock.acquire(blocking=False):
            try:
                while self._returned:
                    size, slot = self._returned.popleft()
                    self._free += size
                    self._slots += slot
                self._grant()
            finally:
                self._lock.release()

    def _grant(self) -> None:
        """Called with the lock: lets waiting threads continue, in order, while there is room."""
        while self._queue:
            turn = self._queue[0]
            if turn.size > self._free or (turn.slot and self._slots < 1):
                return
            self._queue.popleft()
            self._free -= turn.size
            self._slots -= turn.slot
            turn.granted = True
            turn.woken.set()


def trim() -> None:
    """Give freed memory back to the system. Has an effect with glibc only."""
    function = getattr(_libc(), "malloc_trim", None)
    if function is not None:
        function(0)


def keep_little() -> None:
    """Let glibc keep little freed memory, in this process and from now on."""
    function = getattr(_libc(), "mallopt", None)
    if function is not None:
        function(_M_ARENA_MAX, ARENAS)
        function(_M_MMAP_THRESHOLD, OWN_MAPPING_BYTES)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if os.name == "posix" else None
