"""Lanes limit the requests of each kind: a few run, some wait for a turn, and the rest are refused
at once.

A request that needs a model costs a thousand times as much as a request that reads a row. Each kind
has a lane of its own, so that cheap requests never queue behind expensive ones. Few requests of a
lane run, each on a thread; the others wait for their turn, which costs a few hundred bytes. The
waiting requests are at most as many as the lane recently answered in the longest allowed wait.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from mmembed.config.settings import Settings
from mmembed.errors import Overloaded
from mmembed.server.limits.refusal_rules import needs_model

MEMORY_S = 2.0
"""Seconds of busy time over which the pace of a lane is measured."""
ENOUGH = 8
"""Requests after which that pace is used."""
UNKNOWN = 4
"""Requests that may wait for each that runs, before the pace is known."""
PATIENCE_S = 10.0
"""The wait for rows and files."""
PAGE = 128
"""Requests of these lanes that may wait for any time. The page loads a hundred small pictures at
once, and shows a gap for each refusal."""
READERS = 16
"""Threads for requests that read rows, and for files of the page."""
PICTURES = 8
"""Threads for thumbnails and originals."""
SPARE_THREADS = 64
"""Threads for reading the files of answers that have begun."""


@dataclass
class Pace:
    """Requests a second of a lane while it is busy; older ones count for less and less."""

    done: float = 0.0
    seconds: float = 0.0
    counted_at: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """The lane is busy from now on."""
        self.counted_at = time.monotonic()

    def count(self) -> None:
        """A request of a busy lane is done."""
        now = time.monotonic()
        passed = now - self.counted_at
        kept = math.exp(-passed / MEMORY_S)
        self.done = self.done * kept + 1
        self.seconds = self.seconds * kept + passed
        self.counted_at = now

    @property
    def per_s(self) -> float | None:
        """Requests a second; None until enough were answered."""
        return self.done / max(self.seconds, 1e-6) if self.done >= ENOUGH else None


class Lane:
    """Requests of one kind; used on the event loop alone."""

    def __init__(self, threads: int, places: int, max_wait_s: float, least: int = 0) -> None:
        """threads: requests that run at a time. places: for running and waiting requests.
        max_wait_s: longest wait for a turn. least: requests that may wait in any case; as many as
        run may, too."""
        self.threads = min(threads, places)
        self._least = max(self.threads, least)
        self.running = 0
        self.changed: Callable[[], None] | None = None
        """Called when `free` may have changed, if anything needs to know."""
        self._places = places
        self._max_wait_s = max_wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._pace = Pace()
        self._coming = 0

    @property
    def waiting(self) -> int:
        """Requests that wait for a turn."""
        return len(self._waiting)

    @property
    def free(self) -> int:
        """Places for further requests; requests that are expected have taken theirs."""
        taken = self.running + len(self._waiting) + self._coming
        return self.threads + self._room() - taken

    @property
    def crowded(self) -> bool:
        """Whether fewer places are free than taken."""
        return self.free < self.running + len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether one more request would wait too long."""
        return self.running + len(self._waiting) >= self.threads + self._room()

    def expect(self) -> bool:
        """Whether there is room for one more. Requests that were admitted in this turn of the event
        loop count, too: they take their places in the next."""
        if self.free <= 0:
            return False
        if not self._coming:
            asyncio.get_running_loop().call_soon(self._forget)
        self._coming += 1
        self._tell()
        return True

    def _forget(self) -> None:
        self._coming = 0
        if self.changed is not None:  # told when the expected requests have taken their places
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()

    def wait_s(self) -> float:
        """Seconds until all waiting requests have had their turn."""
        return len(self._waiting) / (self._pace.per_s or math.inf)

    def check(self) -> None:
        """Raises Overloaded if the lane is full."""
        if self.full:
            raise self.refusal()

    def refusal(self) -> Overloaded:
        """The refusal of one more request."""
        return Overloaded(
            f"{self.running + self.waiting} requests are already in progress, and another would "
            "wait too long; try again later, or raise MMEMBED_MAX_WAIT or MMEMBED_MAX_QUEUE",
            self.wait_s(),
        )

    def ask(self) -> asyncio.Future[None] | None:
        """A turn to wait for; None if the request may run now. Raises Overloaded."""
        if self.running < self.threads and not self._waiting:
            self._start()
            self._tell()
            return None
        self.check()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._tell()
        return turn

    def leave(self) -> None:
        """A running request is answered."""
        if self._busy:
            self._pace.count()
        self.running -= 1
        self._let_in()

    def give_up(self, turn: asyncio.Future[None]) -> None:
        """The waiting caller has left, perhaps in the moment when the turn came."""
        if not turn.done():
            self._waiting.remove(turn)
            turn.cancel()
            self._tell()
        else:
            self.leave()

    def _room(self) -> int:
        pace = self._pace.per_s
        room = self.threads * UNKNOWN if pace is None else int(pace * self._max_wait_s)
        return min(self._places - self.threads, max(self._least, room))

    @property
    def _busy(self) -> bool:
        return 2 * self.running >= self.threads

    def _start(self) -> None:
        was_busy = self._busy
        self.running += 1
        if self._busy and not was_busy:
            self._pace.begin()

    def _let_in(self) -> None:
        while self._waiting and self.running < self.threads:
            self._start()
            self._waiting.popleft().set_result(None)
        self._tell()


class Lanes:
    """The lanes of one server."""

    def __init__(self, settings: Settings) -> None:
        models = 1 + len(settings.more_models)
        # For each model, one batch runs and one waits: more threads make none faster.
        self.models = Lane(2 * settings.batch * models, settings.max_queue, settings.max_wait)
        self.pictures = Lane(PICTURES, settings.max_queue, PATIENCE_S, PAGE)
        self.readers = Lane(READERS, settings.max_queue, PATIENCE_S, PAGE)

    @property
    def threads(self) -> int:
        """As many as may be needed at a time."""
        return sum(lane.threads for lane in self.all) + SPARE_THREADS

    @property
    def all(self) -> tuple[Lane, ...]:
        """Every one of them."""
        return self.models, self.pictures, self.readers

    def of(self, method: str, path: str) -> Lane:
        """The lane that a request takes."""
        if needs_model(method, path):
            return self.models
        return self.pictures if path.endswith(("/image", "/thumbnail")) else self.readers
