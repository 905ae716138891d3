"""Runs batches through a model; every request gets its own rows or its own error."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from mmembed.errors import ModelError
from mmembed.models.batch_queue import BatchCounts, Piece, Request
from mmembed.models.encoder import Encoder
from mmembed.types import Embeddings

log = logging.getLogger(__name__)

LATE = 8
"""A batch is late if it takes this many times as long as earlier batches."""


class Runs:
    """Runs batches on the thread that calls it; other threads may read its state."""

    encoder: Encoder
    """Set once it is loaded."""

    def __init__(self, counts: BatchCounts, failed: Callable[[Request], None]) -> None:
        """failed: called for every request that ends with an error here."""
        self.moved_at = time.monotonic()
        """When the model last began or finished a batch."""
        self.answered_at = -math.inf
        """When it last gave vectors."""
        self._counts = counts
        self._failed = failed

    def run(self, pieces: list[Piece]) -> float:
        """Embed the pieces together. If that fails, embed each alone, to find the faulty one.
        Returns the seconds that the model ran."""
        started = self.moved_at = time.monotonic()
        try:
            rows = self._counted(pieces)
        except BaseException as error:  # a caller waits for any error
            if len(pieces) == 1:
                self._fail(pieces[0][0], error)
            else:
                for piece in pieces:
                    if not piece[0].finished.is_set():
                        self.run([piece])
        else:
            self.answered_at = time.monotonic()
            self._deliver(pieces, rows)
        self.moved_at = time.monotonic()
        return self.moved_at - started

    def late_s(self, running: Sequence[Piece]) -> float:
        """Seconds by which the running batch is late."""
        if not running:
            return 0.0
        size = sum(len(inputs) for _, inputs in running)
        expected = size * self._counts.pace(running[0][0].kind)
        return max(0.0, time.monotonic() - self.moved_at - LATE * expected)

    def _fail(self, request: Request, error: BaseException) -> None:
        if isinstance(
            error, SystemExit | KeyboardInterrupt | GeneratorExit
        ):  # would end the caller's thread, too
            log.error("%s: the model failed", self.encoder.facts.name, exc_info=error)
            kind = type(error).__name__
            error = ModelError(f"{self.encoder.facts.name}: the model failed with {kind}")
        request.fail(error)
        self._failed(request)

    def _deliver(self, pieces: list[Piece], rows: Embeddings) -> None:
        start = 0
        for request, inputs in pieces:
            try:
                request.add(rows[start : start + len(inputs)])
            except BaseException as error:  # no other request is to suffer for it
                self._fail(request, error)
            start += len(inputs)

    def _counted(self, pieces: list[Piece]) -> Embeddings:
        started = time.perf_counter()
        rows = self._embed(pieces)
        size = sum(len(inputs) for _, inputs in pieces)
        self._counts.note(pieces[0][0].kind, size, time.perf_counter() - started)
        return rows

    def _embed(self, pieces: list[Piece]) -> Embeddings:
        if pieces[0][0].kind == "image":
            pixels = np.concatenate([inputs for _, inputs in pieces])
            return self._sound(self.encoder.embed_preprocessed(pixels), len(pixels))
        texts: list[str] = [text for _, inputs in pieces for text in inputs]
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        rows = self._sound(self.encoder.embed_texts(list(places)), len(places))
        return rows[[places[text] for text in texts]]  # equal inputs are embedded once

    def _sound(self, rows: Embeddings, count: int) -> Embeddings:
        """The rows of a batch. Raises ModelError if a request would get the rows of another."""
        expected = (count, self.encoder.facts.dim)
        if np.shape(rows) != expected:
            raise ModelError(
                f"{self.encoder.facts.name}: the model gave vectors of shape {np.shape(rows)} for "
                f"{count} inputs, expected {expected}"
            )
        if not np.isfinite(rows).all():
            raise ModelError(
                f"{self.encoder.facts.name}: the model gave a vector that is not finite"
            )
        return rows
