"""Embeds labels by their prompts, once: matrices are cached in memory and in the cache folder."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import numpy as np

from mmembed.cancellation import current_caller
from mmembed.classify import zero_shot
from mmembed.classify.kept_matrices import KeptMatrices
from mmembed.classify.prompt_windows import check_prompt_windows
from mmembed.errors import Abandoned, InputError, Overloaded
from mmembed.item_failures import OF_ALL, each_apart, error_of
from mmembed.models.inputs import Embedder
from mmembed.types import Embeddings

LARGE_PROMPTS = 16_384
"""Classifications with more prompts take minutes on a small machine. They are embedded one at a
time, which leaves places for other requests."""
LABEL_MATRICES_KEPT = 32
LARGE_WAIT_S = 30.0
LABEL_BYTES_KEPT = 64_000_000
"""Bytes of labels, templates and their embeddings; the latest entry is cached at any size."""

_Key = tuple[tuple[str, ...], tuple[str, ...]]
"""Labels and templates."""


@dataclass(frozen=True)
class _LabelEmbeddings:
    """Embeddings of labels that a caller has, or is waiting for."""

    bytes: int
    promise: Future[Embeddings] = field(default_factory=Future)


class LabelMatrices:
    """The embeddings of labels by one model. Any thread may call it."""

    def __init__(self, embedder: Embedder, kept: KeptMatrices) -> None:
        """kept: outlives the process."""
        self._embedder = embedder
        self._kept = kept
        self._matrices: OrderedDict[_Key, _LabelEmbeddings] = OrderedDict()
        self._lock = threading.Lock()
        self._large = threading.Lock()

    def of(self, labels: tuple[str, ...], templates: tuple[str, ...]) -> Embeddings:
        """float32 (labels, dim), unit-norm. Raises QueryError as `zero_shot.label_matrix`,
        LimitError for more prompts, or longer ones, than are embedded at once, and Overloaded
        if another caller has very many embedded."""
        self._embedder.text_limits.check_prompts(labels, templates)
        with self._turn((labels, templates)):
            return self._matrix(labels, templates)

    @contextmanager
    def _turn(self, key: _Key) -> Iterator[None]:
        """Raises Overloaded if many prompts are to be embedded beside many others."""
        kept = self._matrices.get(key)
        if len(key[0]) * len(key[1]) <= LARGE_PROMPTS or (kept and kept.promise.done()):
            yield
            return
        if not current_caller().take(self._large):
            raise Overloaded(
                f"another classification with more than {LARGE_PROMPTS} prompts is in progress; "
                "try again later",
                LARGE_WAIT_S,
            )
        try:
            yield
        finally:
            self._large.release()

    def _matrix(self, labels: tuple[str, ...], templates: tuple[str, ...]) -> Embeddings:
        """The embeddings of the labels. A caller that needs them while another embeds them waits
        for those. If the other leaves, it embeds them itself."""
        key = (labels, templates)
        size = self._size(key)  # without the lock: it may load the model
        while True:
            with self._lock:
                kept = self._matrices.get(key)
                if kept is None:
                    mine = self._matrices[key] = _LabelEmbeddings(size)
                self._matrices.move_to_end(key)
                self._make_room()
            if kept is None:
                return self._embed(key, mine.promise)
            with suppress(Abandoned):
                return _waited_for(kept.promise)
            current_caller().check()

    def _size(self, key: _Key) -> int:
        """Bytes, roughly."""
        labels, templates = key
        row = 4 * self._embedder.facts.dim
        return len(labels) * row + sum(map(sys.getsizeof, (*labels, *templates)))

    def _make_room(self) -> None:
        size = sum(matrix.bytes for matrix in self._matrices.values())
        while len(self._matrices) > LABEL_MATRICES_KEPT or (
            size > LABEL_BYTES_KEPT and len(self._matrices) > 1
        ):
            size -= self._matrices.popitem(last=False)[1].bytes

    def _embed(self, key: _Key, promise: Future[Embeddings]) -> Embeddings:
        try:
            matrix = self._kept.find(self._embedder.facts, *key)
            if matrix is None:
                check_prompt_windows(self._embedder.encoder, *key, self._embedder.text_limits)
                matrix = self._label_matrix(*key)
                self._kept.keep(self._embedder.facts, *key, matrix)
        except BaseException as error:
            with self._lock:
                self._matrices.pop(key, None)
            promise.set_exception(error)
            raise
        promise.set_result(matrix)
        return matrix

    def _label_matrix(self, labels: tuple[str, ...], templates: tuple[str, ...]) -> Embeddings:
        """float32 (n_labels, dim), unit-norm. Raises the error of the first label that has
        none."""
        large = len(labels) * len(templates) > LARGE_PROMPTS
        # Many prompts would evict all other texts from the cache, and are reused only as a matrix.
        embed = (self._embedder.model if large else self._embedder.encoder).embed_texts
        try:
            return zero_shot.label_matrix(embed, labels, templates)
        except (*OF_ALL, InputError):
            raise
        except BaseException:
            rows = each_apart(labels, lambda some: zero_shot.label_matrix(embed, some, templates))
        for index, (label, row) in enumerate(zip(labels, rows, strict=True)):
            if isinstance(row, BaseException):  # once more, because the model itself may fail
                names = [f"labels[{index}]"] * len(templates)
                self._embedder.all_texts(
                    names, [zero_shot.fill(template, label) for template in templates]
                )
                raise error_of(names[0], row)
        return np.stack([row for row in rows if not isinstance(row, BaseException)])


def _waited_for(promise: Future[Embeddings]) -> Embeddings:
    """The embeddings that another caller computes. Raises Abandoned if either caller leaves."""
    if not promise.done():
        there = threading.Event()
        promise.add_done_callback(lambda _: there.set())
        current_caller().wait(there)
    return promise.result()
