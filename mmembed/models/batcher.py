"""Joins the requests of many threads into batches for one model on one thread."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmembed.cancellation import current_caller
from mmembed.config.batching import Batching
from mmembed.config.text_limits import TextLimits
from mmembed.errors import MmembedError, ModelError, ModelHangs, Overloaded
from mmembed.models.batch_queue import BatchCounts, Piece, Request, Turns
from mmembed.models.batch_runs import Runs
from mmembed.models.encoder import Encoder, EncoderFacts
from mmembed.models.text_reading import averaged, read
from mmembed.types import Box, Embeddings, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["BatchCounts", "Batcher"]

log = logging.getLogger(__name__)

LARGEST_SHARE = 8
"""The share of the queue that the largest request counts for."""
CLOSING_S = 5.0
"""Seconds for waiting requests after the model was told to close."""


class Batcher:
    """Wraps an Encoder and is one; any thread may call it.

    One thread of its own loads the model and runs it, since torch is fastest that way. When the
    model becomes free, the waiting inputs are joined into a batch. No input waits for a fuller
    batch. Batches are of bounded size: an image, or one window of a text, is one input. Large
    requests take turns with the others (see `Turns`). The request of a caller that leaves is taken
    out of the queue.

    An error reaches the caller whose input caused it, and no other. The thread survives every
    error. A model that makes no progress for `timeout` seconds is `broken`, and all waiting
    requests fail.

    A request is refused at once if it would wait longer than `max_wait` seconds, or finds no place
    in the queue. It takes a place for every batch that it fills, and no more than an eighth of all
    places. An admitted caller is admitted again.
    """

    def __init__(
        self,
        load: Callable[[], Encoder],
        *,
        batch: int = Batching.batch,
        max_queue: int = Batching.max_queue,
        max_wait: float = Batching.max_wait,
        timeout: float = Batching.timeout,
        limits: TextLimits | None = None,
        counts: BatchCounts | None = None,
    ) -> None:
        """Runs `load` on the new thread and waits for it; its errors are raised here.

        batch: images or windows in one forward pass. max_queue: places in the queue. max_wait,
        timeout: seconds; a timeout of 0 is none. limits: on the texts of one call. counts: goes on
        counting there.
        """
        self.batch = batch
        self.max_queue = max_queue
        self.counts = counts or BatchCounts()
        self.broken = False
        """Whether the model was given up: it hangs, and another must be loaded."""
        self._max_wait = max_wait
        self._timeout = timeout or math.inf
        self._limits = limits or TextLimits()
        self._turns = Turns(batch, self.counts)
        self._changed = threading.Condition()
        self._closed = False
        self._why_closed: Callable[[], MmembedError] = _shutting_down
        self._running: list[Piece] = []
        self._runs = Runs(self.counts, self._failed)
        self._failure: BaseException | None = None
        loaded = threading.Event()
        arguments = (load, loaded)
        self._thread = threading.Thread(None, self._own, "mmembed-model", arguments, daemon=True)
        self._thread.start()
        loaded.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def answered_at(self) -> float:
        """Time of the model's last finished batch, by time.monotonic(); shows that it lives."""
        return self._runs.answered_at

    @property
    def waiting(self) -> int:
        """The number of waiting requests, without the running batch."""
        return len(self._turns)

    @property
    def ended(self) -> bool:
        """Whether the thread is gone, and with it the model's memory."""
        return not self._thread.is_alive()

    def wait_s(self) -> float:
        """Seconds until all waiting inputs are done, at the model's recent pace."""
        return self._turns.work_s()

    @property
    def facts(self) -> EncoderFacts:
        """Facts about the model."""
        return self._encoder.facts

    def preprocess(self, image: Image, box: Box | None = None) -> Pixels:
        """RGB image → uint8 (height, width, 3), on the calling thread."""
        return self._encoder.preprocess(image, box)

    def split(self, text: str, most: int | None = None) -> Sequence[str]:
        """The first `most` windows of a text, on the calling thread."""
        return self._encoder.split(text, most)

    def count_windows(self, text: str) -> int:
        """How many windows `embed_texts` averages for this text, on the calling thread."""
        return self._encoder.count_windows(text)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end tokens included, on the calling thread."""
        return self._encoder.count_tokens(text)

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        """uint8 (n, height, width, 3) → float32 (n, dim), unit-norm.

        Raises Overloaded if the queue is full or the model is closed, Abandoned if the caller
        leaves, ModelHangs, and the model's own errors.
        """
        return self._submit(Request("image", pixels))

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm; the windows of a long one are averaged. Raises
        LimitError for too many windows, and as `embed_preprocessed`."""
        readings = read(self._encoder, texts, self._limits)
        windows = [window for reading in readings for window in reading.windows]
        rows = self._submit(Request("text", windows))
        if len(windows) == len(readings):
            return rows
        counts = [len(reading.windows) for reading in readings]
        return averaged(rows, counts, self.facts.name)

    def close(self, grace_s: float = CLOSING_S) -> None:
        """Answer the waiting requests, then end the thread. Later calls raise Overloaded, and so do
        requests that still wait after `grace_s` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self.broken:
            return
        self._thread.join(grace_s)
        if self._thread.is_alive():
            log.warning("%s: the model did not finish within %g s", self.facts.name, grace_s)
            self._give_up(_shutting_down)

    def __enter__(self) -> Batcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- on the threads of the callers -----------------------------------------------

    def _submit(self, request: Request) -> Embeddings:
        if len(request.inputs) == 0:
            return np.zeros((0, self.facts.dim), np.float32)
        with self._changed:
            self._admit(request)
            self._turns.add(request)
            self._changed.notify()
        try:
            while not current_caller().wait(request.finished, self._patience_s(request)):
                self._check_progress(request)
        except BaseException as reason:  # the caller left, or Ctrl-C: the answer has no reader
            self._withdraw(request, reason)
            raise
        if request.error is not None:
            raise request.error
        return np.concatenate(request.rows)

    def _admit(self, request: Request) -> None:
        """Raises Overloaded if there is no place, or the wait would be too long."""
        if self._closed:
            raise self._why_closed()
        caller = current_caller()
        if caller.background:
            request.background = True
            return
        largest = max(1, self.max_queue // LARGEST_SHARE)
        request.places = min(math.ceil(request.left / self.batch), largest)
        if not caller.admitted:
            late_s = self._runs.late_s(self._running)
            self._turns.check_wait(request, most_s=self._max_wait, late_s=late_s)
        if not caller.admitted or caller.patient:
            self._turns.check_places(request, self.max_queue)
        caller.admitted = True

    def _patience_s(self, request: Request) -> float | None:
        """Seconds until the model counts as hanging; None: never."""
        moved_at = self._runs.moved_at
        since = moved_at if self._running else max(moved_at, request.since)
        if self._timeout == math.inf:
            return None
        return max(0.0, since + self._timeout - time.monotonic())

    def _check_progress(self, request: Request) -> None:
        if self._patience_s(request) == 0.0 and not request.finished.is_set():
            log.error("%s", self._hung())
            self._give_up(self._hung)
            request.fail(self._hung())

    def _hung(self) -> ModelHangs:
        return ModelHangs(
            f"{self.facts.name}: the model has made no progress for {self._timeout:g} s and is "
            "given up; if that is too short for this machine, raise MMEMBED_MODEL_TIMEOUT"
        )

    def _give_up(self, reason: Callable[[], MmembedError]) -> None:
        """All waiting requests fail. If the thread ever returns, it ends."""
        with self._changed:
            self.broken = self._closed = True
            self._why_closed = reason
        self._drop_all(reason)

    def _withdraw(self, request: Request, reason: BaseException) -> None:
        with self._changed:
            request.fail(reason)
            self.counts.abandoned += 1
            self._turns.remove(request)

    # -- on the thread of the model --------------------------------------------------

    def _own(self, load: Callable[[], Encoder], loaded: threading.Event) -> None:
        """The thread: load the model, then run batches until closed and drained."""
        try:
            self._encoder = self._runs.encoder = load()
        except BaseException as error:
            self._failure = error
            return
        finally:
            loaded.set()
        while self._go_on():
            pass

    def _go_on(self) -> bool:
        """Run the next batch, once there is one; False at the end. Raises nothing, since callers
        that wait for this thread would wait for ever."""
        try:
            pieces = self._next_batch()
            seconds = self._runs.run(pieces) if pieces else 0.0
            with self._changed:
                self._running = []
                if pieces and not pieces[0][0].background:
                    self._turns.charge(pieces[0][0].kind, seconds)
        except BaseException as error:
            name, kind = self.facts.name, type(error).__name__
            log.critical("%s: the queue of the model failed", name, exc_info=error)
            said = f"{name}: the queue failed ({kind}); the log has the details"
            self._drop_all(lambda: ModelError(said))
            return not self._closed
        return bool(pieces)

    def _next_batch(self) -> list[Piece]:
        """Wait for requests and take some; [] means closed and nothing left to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._turns or self._closed)
            self._runs.moved_at = time.monotonic()
            self._running = [] if self.broken else self._turns.take()
            return self._running

    def _failed(self, request: Request) -> None:
        """The rest of the request need not be embedded."""
        with self._changed:
            self._turns.remove(request)

    def _drop_all(self, reason: Callable[[], MmembedError]) -> None:
        """Fail all waiting requests."""
        with self._changed:
            for request in {*self._turns.clear(), *(request for request, _ in self._running)}:
                request.fail(reason())
            self._running = []
            self._changed.notify_all()


def _shutting_down() -> Overloaded:
    return Overloaded("the model is shutting down")
