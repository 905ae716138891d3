"""The queue of a model: waiting requests, their order, and the expected waiting time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mmembed.errors import Overloaded
from mmembed.types import Embeddings, Pixels

Inputs: TypeAlias = "Pixels | Sequence[str]"
Kind: TypeAlias = Literal["image", "text"]

SHORT_BATCHES = 2
"""Batches that may always wait: a slow model is no reason to refuse a handful of callers."""
STRETCH = 8
"""A request may always wait this many times its own running time."""
PASSED_OVER = 16
"""Batches of others before a background request has a turn nevertheless."""
MEMORY = 0.9
"""The share of its history that the pace keeps with every new batch."""


@dataclass
class BatchCounts:
    """Totals of a model since the start; written by its thread alone."""

    sizes: Counter[int] = field(default_factory=Counter)
    """Batches by the number of their inputs."""
    inputs: Counter[Kind] = field(default_factory=Counter)
    """Images, and windows of texts, in them."""
    seconds: Counter[Kind] = field(default_factory=Counter)
    """Of the model, in float."""
    abandoned: int = 0
    """Requests that were abandoned while they waited."""
    _pace: dict[Kind, tuple[float, float]] = field(default_factory=dict)
    """Inputs and seconds of the last batches, older ones fading."""

    def note(self, kind: Kind, size: int, seconds: float) -> None:
        """A batch was run."""
        self.seconds[kind] += seconds  # type: ignore[assignment]
        self.inputs[kind] += size
        self.sizes[size] += 1
        inputs, before = self._pace.get(kind, (0.0, 0.0))
        self._pace[kind] = (MEMORY * inputs + size, MEMORY * before + seconds)

    def pace(self, kind: Kind) -> float:
        """Seconds for one input in the last batches; 0 before the first."""
        inputs, seconds = self._pace.get(kind, (0.0, 0.0))
        return seconds / inputs if inputs else 0.0


@dataclass(eq=False)
class Request:
    """A caller's request; its inputs are embedded in several batches."""

    kind: Kind
    inputs: Inputs
    places: int = 0
    """Places in the queue that it takes."""
    background: bool = False
    """Whether it waits while there are others."""
    since: float = field(default_factory=time.monotonic)
    taken: int = 0
    """How many inputs have gone into batches."""
    rows: list[Embeddings] = field(default_factory=list)
    error: BaseException | None = None
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def left(self) -> int:
        """Inputs that still wait."""
        return len(self.inputs) - self.taken

    def fail(self, error: BaseException) -> None:
        """End the request with this error; the first error counts."""
        if not self.finished.is_set():
            self.error = error
            self.finished.set()

    def add(self, rows: Embeddings) -> None:
        """The next rows, float32 (n, dim)."""
        self.rows.append(rows.copy())  # a view would keep the other callers' rows alive
        if sum(map(len, self.rows)) == len(self.inputs):
            self.finished.set()


Piece: TypeAlias = "tuple[Request, Inputs]"


@dataclass
class _Lane:
    """The requests of one kind."""

    fresh: dict[Request, None] = field(default_factory=dict)
    """Requests that had no turn yet, in the order of arrival."""
    begun: dict[Request, None] = field(default_factory=dict)
    """Requests that had a turn, in the order of their next turns."""
    left: int = 0
    """Waiting inputs of all these requests."""
    used_s: float = 0.0
    """Seconds of the model; the lane that used less is next."""

    def __len__(self) -> int:
        return len(self.fresh) + len(self.begun)

    def take(self, most: int) -> list[Piece]:
        """Up to `most` inputs. New requests go first, so that small ones do not wait behind large
        ones. Half of the batch is for requests that began, so that they come to an end."""
        parts: dict[Request, int] = {}
        room = most - self._deal(self.fresh, most - (most // 2 if self.begun else 0), parts)
        room -= self._deal(self.begun, room, parts)
        self._deal(self.fresh, room, parts)
        return [self._piece(*part) for part in parts.items()]

    def _deal(self, requests: dict[Request, None], room: int, parts: dict[Request, int]) -> int:
        """Give away places in the batch; returns how many."""
        dealt = 0
        for request in requests:
            if dealt == room:
                break
            before = parts.get(request, 0)
            more = min(request.left - before, room - dealt)
            parts[request] = before + more
            dealt += more
        return dealt

    def _piece(self, request: Request, count: int) -> Piece:
        piece = request.inputs[request.taken : request.taken + count]
        self.remove(request)
        request.taken += count
        if request.left:
            self.begun[request] = None
            self.left += request.left
        return request, piece

    def remove(self, request: Request) -> bool:
        """Whether the request was in this lane."""
        for requests in (self.fresh, self.begun):
            if request in requests:
                del requests[request]
                self.left -= request.left
                return True
        return False


class Turns:
    """The lanes of images and texts share the model's time evenly while both wait, so that words do
    not queue behind pictures. A background request is a batch of its own, and has its turn when no
    others wait, or after `PASSED_OVER` batches of theirs. The caller holds a lock."""

    def __init__(self, batch: int, counts: BatchCounts) -> None:
        """batch: inputs in one turn."""
        self.places = 0
        """Places that all requests take."""
        self._batch = batch
        self._counts = counts
        self._lanes: dict[Kind, _Lane] = {"image": _Lane(), "text": _Lane()}
        self._background: list[Request] = []
        self._passed_over = 0
        self._clock = 0.0
        """The seconds of the lane that was served last; a lane that was empty begins there."""

    def __len__(self) -> int:
        """Requests that wait, without those in the background."""
        return sum(map(len, self._lanes.values()))

    def __bool__(self) -> bool:
        """Whether any request waits."""
        return len(self) > 0 or bool(self._background)

    @property
    def left(self) -> int:
        """Inputs that wait."""
        return sum(lane.left for lane in self._lanes.values())

    def add(self, request: Request) -> None:
        """Add a request."""
        if request.background:
            self._background.append(request)
            return
        lane = self._lanes[request.kind]
        if not len(lane):
            lane.used_s = max(lane.used_s, self._clock)
        lane.fresh[request] = None
        lane.left += request.left
        self.places += request.places

    def remove(self, request: Request) -> None:
        """Remove a request, if it still waits."""
        if request in self._background:
            self._background.remove(request)
        elif self._lanes[request.kind].remove(request):
            self.places -= request.places

    def take(self) -> list[Piece]:
        """The next batch, of one kind; empty if nothing waits."""
        waiting = [lane for lane in self._lanes.values() if len(lane)]
        if self._background and (not waiting or self._passed_over >= PASSED_OVER):
            return self._take_background()
        if not waiting:
            return []
        self._passed_over += 1
        lane = min(waiting, key=lambda candidate: candidate.used_s)
        self._clock = lane.used_s
        pieces = lane.take(self._batch)
        self.places -= sum(request.places for request, _ in pieces if not request.left)
        return pieces

    def _take_background(self) -> list[Piece]:
        self._passed_over = 0
        request = self._background.pop(0)
        request.taken = len(request.inputs)
        return [(request, request.inputs)]

    def charge(self, kind: Kind, seconds: float) -> None:
        """Account for a batch of this kind."""
        self._lanes[kind].used_s += seconds

    def clear(self) -> list[Request]:
        """Remove and return all waiting requests."""
        lanes = self._lanes.values()
        requests = [request for lane in lanes for request in (*lane.fresh, *lane.begun)]
        requests += self._background
        for request in requests:
            self.remove(request)
        return requests

    def ahead(self, kind: Kind, inputs: int) -> int:
        """The most inputs of the same kind that come before the newcomer's last input. Requests
        take turns, so each of the others gets at most as many as the newcomer, or a batch."""
        lane = self._lanes[kind]
        return min(lane.left, max(inputs * len(lane), self._batch))

    def wait_s(self, kind: Kind, inputs: int) -> float:
        """Seconds that a newcomer would wait for others, at the model's recent pace."""
        pace = self._counts.pace(kind)
        before = self.ahead(kind, inputs) * pace
        other: Kind = "text" if kind == "image" else "image"
        pace_of_others = self._counts.pace(other)
        as_long = max(before + inputs * pace, self._batch * pace_of_others)
        return before + min(self._lanes[other].left * pace_of_others, as_long)

    def check_places(self, request: Request, most: int) -> None:
        """Raises Overloaded where a request would take more than `most` places in all."""
        if self.places + request.places > most:
            raise Overloaded(
                f"{len(self)} requests are already waiting for the model, {self.left} images or "
                "texts in all; try again later, or raise MMEMBED_MAX_QUEUE",
                self.work_s(),
            )

    def check_wait(self, request: Request, *, most_s: float, late_s: float) -> None:
        """Raises Overloaded where a request would wait for longer than `most_s`; see
        `too_long_s`."""
        wait_s = self.too_long_s(request.kind, request.left, most_s=most_s, late_s=late_s)
        if wait_s is not None:
            raise Overloaded(
                f"{len(self)} requests are already waiting for the model, and this one would wait "
                f"{wait_s:.1f} s; try again later, or raise MMEMBED_MAX_WAIT",
                self.work_s(),
            )

    def too_long_s(
        self, kind: Kind, inputs: int, *, most_s: float, late_s: float = 0.0
    ) -> float | None:
        """Seconds that a newcomer would wait, if that is more than `most_s`; None if it may come
        in. late_s: delay of the running batch."""
        if self.ahead(kind, inputs) <= SHORT_BATCHES * self._batch:
            return None
        wait_s = self.wait_s(kind, inputs) + late_s
        return wait_s if wait_s > max(most_s, STRETCH * inputs * self._counts.pace(kind)) else None

    def work_s(self) -> float:
        """Seconds until all waiting inputs are done, at the model's recent pace."""
        return sum(lane.left * self._counts.pace(kind) for kind, lane in self._lanes.items())
