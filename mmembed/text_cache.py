"""Texts that were embedded before are not embedded again."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.types import Embeddings, Encoder, WrappedEncoder

CACHE_BYTES = 32_000_000
"""What is kept at most: some 13,000 short texts with 512 numbers each."""
ENTRY_BYTES = 300
"""What an entry takes beyond its text and its numbers, roughly."""
SPARE_TOKENS = 8
"""More than tokenizers put around a text."""


@dataclass(slots=True)
class _Kept:
    """What is known of a text, as soon as somebody asked."""

    row: NDArray[np.float32]
    windows: int | None = None
    tokens: int | None = None


class TextCache(WrappedEncoder):
    """Wraps an Encoder and is one; any thread may call it.

    It belongs to one encoder, and so to one fingerprint: vectors of two models never meet.
    The texts that were asked for last are kept, up to `max_bytes`.
    """

    def __init__(self, encoder: Encoder, *, max_bytes: int = CACHE_BYTES) -> None:
        self._encoder = encoder
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm. Each distinct text that is not kept is
        embedded once. Raises what the encoder raises, and then keeps nothing."""
        distinct = list(dict.fromkeys(texts))
        found = self._look_up(distinct)
        missing = [text for text in distinct if text not in found]
        if missing:
            rows = self._encoder.embed_texts(missing)
            found |= zip(missing, rows, strict=True)
            self._keep(zip(missing, rows, strict=True))
        return _stacked([found[text] for text in texts], self.dim)

    def count_windows(self, text: str) -> int:
        """How many windows `embed_texts` averages for this text; a short one is not read."""
        if fits_surely(text, self.context_length):
            return 1
        kept = self._kept.get(text)
        if kept is None:
            return self._encoder.count_windows(text)
        if kept.windows is None:
            kept.windows = self._encoder.count_windows(text)
        return kept.windows

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end tokens included."""
        kept = self._kept.get(text)
        if kept is None:
            return self._encoder.count_tokens(text)
        if kept.tokens is None:
            kept.tokens = self._encoder.count_tokens(text)
        return kept.tokens

    def _look_up(self, texts: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        with self._lock:
            found = {text: kept.row for text in texts if (kept := self._kept.get(text))}
            for text in found:
                self._kept.move_to_end(text)
        return found

    def _keep(self, rows: Iterable[tuple[str, NDArray[np.float32]]]) -> None:
        with self._lock:
            for text, row in rows:
                if text not in self._kept:
                    # A view would keep the whole batch alive.
                    self._kept[text] = _Kept(row.copy())
                    self._bytes += _size(text, row)
            while self._bytes > self._max_bytes:
                text, kept = self._kept.popitem(last=False)
                self._bytes -= _size(text, kept.row)


def fits_surely(text: str, context_length: int) -> bool:
    """Whether a text is in one window, whatever the tokenizer, without asking it.

    A token stands for one character at least, so that few characters are few tokens. That
    holds for ASCII only: others may be several tokens each, and may be replaced by several
    characters before; so may what looks like an HTML entity.
    """
    return len(text) + SPARE_TOKENS <= context_length and text.isascii() and "&" not in text


def _size(text: str, row: NDArray[np.float32]) -> int:
    return sys.getsizeof(text) + row.nbytes + ENTRY_BYTES


def _stacked(rows: Sequence[NDArray[np.float32]], dim: int) -> Embeddings:
    return np.stack(rows) if rows else np.zeros((0, dim), np.float32)
