"""Joins the requests of many threads into batches for one model on one thread."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, TypeAlias

import numpy as np

from mmembed.cancellation import current_caller
from mmembed.config import Settings
from mmembed.errors import Overloaded
from mmembed.types import Embeddings, Encoder, Pixels, WrappedEncoder

_Inputs: TypeAlias = "Pixels | Sequence[str]"
_Kind: TypeAlias = Literal["image", "text"]

LARGEST_SHARE = 8
"""No request counts for more than this part of the queue, however large it is."""


@dataclass
class BatchCounts:
    """What went through a model since the start; written by its thread alone."""

    sizes: Counter[int] = field(default_factory=Counter)
    """Batches by the number of their inputs."""
    inputs: Counter[_Kind] = field(default_factory=Counter)
    """Images and texts in them."""
    seconds: Counter[_Kind] = field(default_factory=Counter)
    """Of the model, in float."""
    abandoned: int = 0
    """Requests whose callers left while they waited."""

    def pace(self, kind: _Kind) -> float:
        """Seconds for one input, on average."""
        return self.seconds[kind] / max(1, self.inputs[kind])


@dataclass(eq=False)
class _Request:
    """What one caller waits for; done piece by piece."""

    kind: _Kind
    inputs: _Inputs
    taken: int = 0  # how many inputs have gone into batches
    rows: list[Embeddings] = field(default_factory=list)
    error: BaseException | None = None
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def left(self) -> int:
        """Inputs that still wait."""
        return len(self.inputs) - self.taken

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.finished.set()

    def add(self, rows: Embeddings) -> None:
        self.rows.append(rows.copy())  # a view would keep the other callers' rows alive
        if sum(map(len, self.rows)) == len(self.inputs):
            self.finished.set()


_Piece: TypeAlias = "tuple[_Request, _Inputs]"


class Batcher(WrappedEncoder):
    """Wraps an Encoder and is one; any thread may call it.

    One thread of its own loads the model and runs it, which is how torch is fastest. What
    waits when the model becomes free is joined into a batch; nobody waits for company.
    A request larger than a batch is run in turns with the others. An error reaches the
    caller whose input caused it, and no other. What waits for a caller who leaves is taken out
    of the queue.

    A request takes a place in the queue for every batch that it fills: that many turns it has
    before a newcomer's last. No request takes more than an eighth of the places.
    """

    def __init__(
        self,
        load: Callable[[], Encoder],
        *,
        batch: int = Settings.batch,
        max_queue: int = Settings.max_queue,
        counts: BatchCounts | None = None,
    ) -> None:
        """Runs `load` on the new thread and waits for it; what it raises is raised here.

        batch: images or texts in one forward pass. max_queue: places in the queue. counts:
        goes on counting there.
        """
        self.batch = batch
        self.max_queue = max_queue
        self.counts = counts or BatchCounts()
        self._queue: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.answered_at = -math.inf
        """When the model last finished a batch, by time.monotonic(); shows that it lives."""
        self._failure: BaseException | None = None
        loaded = threading.Event()
        arguments = (load, loaded)
        self._thread = threading.Thread(
            target=self._own, args=arguments, name="mmembed-model", daemon=True
        )
        self._thread.start()
        loaded.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def waiting(self) -> int:
        """How many requests wait, not counting those in the running batch."""
        return len(self._queue)

    def wait_s(self) -> float:
        """Seconds until all that waits will be done, at the pace that the model had so far."""
        with self._changed:
            return sum(one.left * self.counts.pace(one.kind) for one in self._queue)

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        """uint8 (n, height, width, 3) → float32 (n, dim), unit-norm.

        Raises Overloaded when the queue is full or closed, Abandoned when the caller leaves,
        and what the model raises.
        """
        return self._submit(_Request("image", pixels))

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm. Raises as `embed_preprocessed`."""
        return self._submit(_Request("text", list(texts)))

    def close(self) -> None:
        """Answer what already waits, then end the thread. Later calls raise Overloaded."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def __enter__(self) -> Batcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _submit(self, request: _Request) -> Embeddings:
        if len(request.inputs) == 0:
            return np.zeros((0, self.dim), np.float32)
        with self._changed:
            self._admit(request)
            self._queue.append(request)
            self._changed.notify()
        try:
            current_caller().wait(request.finished)
        except BaseException as reason:  # the caller left, or Ctrl-C: nobody will read the answer
            self._withdraw(request, reason)
            raise
        if request.error is not None:
            raise request.error
        return np.concatenate(request.rows)

    def _admit(self, request: _Request) -> None:
        """Raises Overloaded where there is no place."""
        if self._closed:
            raise Overloaded("the model is shutting down")
        taken = sum(map(self._places, self._queue))
        if taken + self._places(request) > self.max_queue:
            inputs = sum(one.left for one in self._queue)
            raise Overloaded(
                f"{len(self._queue)} requests are already waiting for the model, {inputs} images "
                "or texts in all; try again later, or raise MMEMBED_MAX_QUEUE",
                self.wait_s(),
            )

    def _places(self, request: _Request) -> int:
        largest = max(1, self.max_queue // LARGEST_SHARE)
        return min(math.ceil(request.left / self.batch), largest)

    def _withdraw(self, request: _Request, reason: BaseException) -> None:
        with self._changed:
            request.fail(reason)
            self.counts.abandoned += 1
            if request in self._queue:
                self._queue.remove(request)

    def _own(self, load: Callable[[], Encoder], loaded: threading.Event) -> None:
        """The thread: load the model, then run batches until closed and drained."""
        try:
            self._encoder = load()
        except BaseException as error:
            self._failure = error
            return
        finally:
            loaded.set()
        while pieces := self._next_batch():
            self._run(pieces)

    def _next_batch(self) -> list[_Piece]:
        """Wait for requests and take some; [] means closed and nothing left to do."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._queue or self._closed)
                pieces = self._take()
                if pieces or (self._closed and not self._queue):
                    return pieces

    def _take(self) -> list[_Piece]:
        """Up to `batch` inputs of the first request's kind, in the order of the queue.

        What a large request has left goes to the end of the queue, behind the others.
        """
        self._queue = deque(r for r in self._queue if not r.finished.is_set())  # given up
        pieces: list[_Piece] = []
        unfinished: list[_Request] = []
        room = self.batch
        for request in [r for r in self._queue if r.kind == self._queue[0].kind]:
            if not room:
                break
            piece = request.inputs[request.taken : request.taken + room]
            request.taken += len(piece)
            room -= len(piece)
            pieces.append((request, piece))
            self._queue.remove(request)
            if request.taken < len(request.inputs):
                unfinished.append(request)
        self._queue.extend(unfinished)
        return pieces

    def _run(self, pieces: list[_Piece]) -> None:
        """Embed the pieces together; where that fails, each alone, to find the guilty one."""
        try:
            rows = self._counted(pieces)
        except BaseException as error:  # whatever it is, a caller waits for it
            if len(pieces) == 1:
                pieces[0][0].fail(error)
                return
            for piece in pieces:
                self._run([piece])
            return
        self.answered_at = time.monotonic()
        start = 0
        for request, inputs in pieces:
            request.add(rows[start : start + len(inputs)])
            start += len(inputs)

    def _counted(self, pieces: list[_Piece]) -> Embeddings:
        kind, size = pieces[0][0].kind, sum(len(inputs) for _, inputs in pieces)
        started = time.perf_counter()
        rows = self._embed(pieces)
        self.counts.seconds[kind] += time.perf_counter() - started  # type: ignore[assignment]
        self.counts.inputs[kind] += size
        self.counts.sizes[size] += 1
        return rows

    def _embed(self, pieces: list[_Piece]) -> Embeddings:
        if pieces[0][0].kind == "image":
            return self._encoder.embed_preprocessed(np.concatenate([i for _, i in pieces]))
        texts = [str(text) for _, inputs in pieces for text in inputs]
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        rows = self._encoder.embed_texts(list(places))
        return rows[[places[text] for text in texts]]  # what several ask for is embedded once
