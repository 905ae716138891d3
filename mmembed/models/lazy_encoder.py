"""Keeps a model in memory while it is needed."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmembed.config.batching import Batching
from mmembed.config.text_limits import TextLimits
from mmembed.errors import ModelError, ModelHangs, Overloaded
from mmembed.memory_budget import trim
from mmembed.models.batcher import CLOSING_S, BatchCounts, Batcher
from mmembed.models.encoder import Encoder, EncoderFacts
from mmembed.types import Box, Embeddings, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

Load = Callable[[str], Encoder]
"""A model's id → the model. Raises ModelError."""

MOST_HANGING = 2
"""Hanging models that are replaced at most; each keeps its memory while it hangs."""
ALIVE_S = 60.0
"""A model that answered within these seconds, and has waiting requests, is busy rather than
hanging."""


class LazyEncoder:
    """Is an Encoder; any thread may call it.

    The model is loaded for the first call. `unload_after` seconds after the last one it is let
    go of (0: never); the next call waits until it is loaded again. While a call runs the model
    stays.
    """

    def __init__(
        self,
        load: Callable[[], Encoder],
        *,
        batching: Batching | None = None,
        limits: TextLimits | None = None,
        unload_after: float = 0.0,
        check: Callable[[Encoder], None] = lambda encoder: None,
    ) -> None:
        """limits: on the texts of one call. check: raises if a model that was just loaded must not
        be used here."""
        self.counts = BatchCounts()
        self.loads = 0
        """How often the model was loaded."""
        self._load = load
        self._check = check
        self._batching = batching or Batching()
        self._limits = limits
        self._unload_after = unload_after
        self._batcher: Batcher | None = None
        self._known: EncoderFacts | None = None
        self._users = 0
        self._used_at = 0.0
        self._loading = False
        self._hanging: list[Batcher] = []
        self._lock = threading.Lock()
        self._end = threading.Event()

    def close(self, grace_s: float = CLOSING_S) -> None:
        """Let running requests finish within so many seconds, and unload the model. A model that
        still loads is not waited for: its loader drops it. Later calls raise Overloaded."""
        self._end.set()
        batcher = self._batcher  # without the lock, which is held while the model loads
        if batcher is not None:
            batcher.close(grace_s)

    def load(self) -> None:
        """Bring the model into memory, unless it is there. Raises ModelError."""
        with self._used():
            pass

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._batcher is not None

    @property
    def loading(self) -> bool:
        """Whether the model is being loaded for the first time."""
        return self._loading and self._known is None

    @property
    def facts(self) -> EncoderFacts:
        """Facts about the model, which is loaded for the first call. Raises ModelError."""
        if self._known is None:
            self.load()
        assert self._known is not None
        return self._known

    @property
    def known(self) -> EncoderFacts | None:
        """The facts without loading the model; None before the first time."""
        return self._known

    @property
    def waiting(self) -> int:
        """The number of requests that wait for the model."""
        batcher = self._batcher
        return batcher.waiting if batcher else 0

    def wait_s(self) -> float:
        """Seconds until all waiting inputs are done, at the model's recent pace."""
        batcher = self._batcher
        return batcher.wait_s() if batcher else 0.0

    def busy(self) -> bool:
        """Whether requests wait for the model, and it answered others a moment ago."""
        batcher = self._batcher
        if batcher is None or batcher.waiting == 0:
            return False
        return time.monotonic() - batcher.answered_at < ALIVE_S

    def probe(self) -> None:
        """Embed a text as a health check. It does not keep the model in memory, and does not load
        an unloaded one. Raises the model's errors."""
        if self._known is None or self.loaded:
            with self._used(for_somebody=False) as batcher:
                batcher.embed_texts(["health"])

    def preprocess(self, image: Image, box: Box | None = None) -> Pixels:
        """RGB image → uint8 (height, width, 3), on the calling thread."""
        with self._used() as batcher:
            return batcher.preprocess(image, box)

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        """uint8 (n, height, width, 3) → float32 (n, dim), unit-norm. Raises as Batcher does."""
        with self._used() as batcher:
            return batcher.embed_preprocessed(pixels)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm. Raises as Batcher does."""
        with self._used() as batcher:
            return batcher.embed_texts(texts)

    def split(self, text: str, most: int | None = None) -> Sequence[str]:
        """The first `most` windows of a text, on the calling thread."""
        with self._used() as batcher:
            return batcher.split(text, most)

    def count_windows(self, text: str) -> int:
        """How many windows `embed_texts` averages for this text, on the calling thread."""
        with self._used() as batcher:
            return batcher.count_windows(text)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end tokens included, on the calling thread."""
        with self._used() as batcher:
            return batcher.count_tokens(text)

    @contextmanager
    def _used(self, *, for_somebody: bool = True) -> Iterator[Batcher]:
        """The model, which stays in memory meanwhile."""
        with self._lock:
            if self._batcher is not None and self._batcher.broken:
                self._replace(self._batcher)
            batcher = self._batcher or self._open()
            self._users += 1
        try:
            yield batcher
        finally:
            with self._lock:
                self._users -= 1
                if for_somebody:
                    self._used_at = time.monotonic()

    def _replace(self, broken: Batcher) -> None:
        """Drop a model that hangs; its thread cannot be ended. Raises ModelError if too many models
        hang."""
        self._hanging = [one for one in self._hanging if not one.ended]
        if len(self._hanging) >= MOST_HANGING:
            raise ModelHangs(
                f"{broken.facts.name}: the model hangs, and so do {len(self._hanging)} that it "
                "replaced; start the server again"
            )
        log.error("%s: the model hangs; loading it anew", broken.facts.name)
        self._hanging.append(broken)
        self._batcher = None

    def _open(self) -> Batcher:
        """Load the model; called with the lock, so other callers wait."""
        if self._end.is_set():
            raise Overloaded("the model is shutting down")
        self._loading = True
        try:
            self._batcher = self._checked()
        finally:
            self._loading = False
        self.loads += 1
        _give_back_memory()
        self._used_at = time.monotonic()
        if self._end.is_set():  # in this moment
            self._batcher.close()
        elif self._unload_after:
            threading.Thread(target=self._watch, name="mmembed-idle", daemon=True).start()
        return self._batcher

    def _checked(self) -> Batcher:
        batching = self._batching
        batcher = Batcher(
            self._load,
            batch=batching.batch,
            max_queue=batching.max_queue,
            max_wait=batching.max_wait,
            timeout=batching.timeout,
            limits=self._limits,
            counts=self.counts,
        )
        try:
            if self._end.is_set():  # while it was loaded
                raise Overloaded("the model is shutting down")
            facts = batcher.facts
            if self._known and self._known.fingerprint != facts.fingerprint:
                raise ModelError(
                    f"{facts.name}: its files have changed since the first load, and "
                    "its vectors would not fit the earlier ones; start the server again"
                )
            self._check(batcher)
            self._known = facts
        except BaseException:
            batcher.close()
            raise
        return batcher

    def _watch(self) -> None:
        """The thread: unload the model when it has been unused for long enough."""
        while not self._end.wait(self._rest_s()):
            with self._lock:
                if self._batcher is None:
                    return  # by another such thread, if a hanging model was replaced
                if self._rest_s() > 0:
                    continue
                batcher, self._batcher = self._batcher, None
            batcher.close()  # without the lock: it may hang
            del batcher
            _give_back_memory()
            return

    def _rest_s(self) -> float:
        """Seconds until the model may be unloaded, if it stays unused."""
        idle_s = 0.0 if self._users else time.monotonic() - self._used_at
        return self._unload_after - idle_s


def _give_back_memory() -> None:
    """Returns the memory of an unloaded model to the system: models are full of reference
    cycles."""
    gc.collect()
    trim()
