"""Caches embeddings of texts, which are then not embedded again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmembed.config.text_limits import TextLimits
from mmembed.models.bounded_cache import CACHE_BYTES, BoundedCache
from mmembed.models.encoder import Encoder, EncoderFacts
from mmembed.models.text_reading import read, read_apart
from mmembed.types import Box, Embeddings, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

SPARE_TOKENS = 8
"""More than tokenizers put around a text."""


@dataclass(slots=True)
class _Kept:
    """The known facts of a text; each is filled in at its first use."""

    row: NDArray[np.float32]
    windows: int | None = None
    tokens: int | None = None


class TextCache:
    """Wraps an Encoder and is one; any thread may call it.

    It belongs to one encoder, and so to one fingerprint: vectors of two models never meet. The most
    recently used texts are cached, up to `max_bytes`.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        limits: TextLimits | None = None,
        max_bytes: int = CACHE_BYTES,
    ) -> None:
        """limits: on the texts of one call."""
        self._encoder = encoder
        self._limits = limits or TextLimits()
        self.kept: BoundedCache[str, _Kept] = BoundedCache(_size, max_bytes)

    @property
    def facts(self) -> EncoderFacts:
        """Facts about the model."""
        return self._encoder.facts

    def preprocess(self, image: Image, box: Box | None = None) -> Pixels:
        """RGB image → uint8 (height, width, 3), on the calling thread."""
        return self._encoder.preprocess(image, box)

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        """uint8 (n, height, width, 3) → float32 (n, dim), unit-norm; nothing is kept."""
        return self._encoder.embed_preprocessed(pixels)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm. Each distinct text that is not cached is embedded
        once. Raises LimitError for too many windows, and the encoder's errors; then nothing is
        cached."""
        distinct = list(dict.fromkeys(texts))
        rows_by_text = {text: kept.row for text, kept in self.kept.find(distinct).items()}
        missing = [text for text in distinct if text not in rows_by_text]
        if missing:
            readings = read(self._encoder, missing, self._limits)
            rows = self._encoder.embed_texts(readings)
            rows_by_text |= zip(missing, rows, strict=True)
            # A view would keep the whole batch alive, and a reading its windows.
            self.kept.keep(
                (str(reading), _Kept(row.copy(), windows=len(reading.windows)))
                for reading, row in zip(readings, rows, strict=True)
            )
        return _stacked([rows_by_text[text] for text in texts], self.facts.dim)

    def read_apart(self, texts: Sequence[str]) -> list[str | BaseException]:
        """The texts as `embed_texts` takes them without reading them again. A text that cannot be
        read has an error of its own. Raises TooMuchText for too many windows of all together."""
        unread = [text for text in dict.fromkeys(texts) if self.kept.peek(text) is None]
        read_texts = read_apart(self._encoder, unread, self._limits)
        readings = dict(zip(unread, read_texts, strict=True))
        return [readings.get(text, text) for text in texts]

    def split(self, text: str, most: int | None = None) -> Sequence[str]:
        """The first `most` windows of a text. A text that is short, or known to fit, is not
        tokenized."""
        kept = self.kept.peek(text)
        if fits_surely(text, self.facts.context_length) or (kept and kept.windows == 1):
            return [text]
        return self._encoder.split(text, most)

    def count_windows(self, text: str) -> int:
        """How many windows `embed_texts` averages for this text; a short one is not read."""
        if fits_surely(text, self.facts.context_length):
            return 1
        kept = self.kept.peek(text)
        if kept is None:
            return self._encoder.count_windows(text)
        if kept.windows is None:
            kept.windows = self._encoder.count_windows(text)
        return kept.windows

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end tokens included."""
        kept = self.kept.peek(text)
        if kept is None:
            return self._encoder.count_tokens(text)
        if kept.tokens is None:
            kept.tokens = self._encoder.count_tokens(text)
        return kept.tokens


def fits_surely(text: str, context_length: int) -> bool:
    """Whether a text fits into one window of any tokenizer, without tokenizing it.

    A token stands for one character at least, so few characters are few tokens. That holds for
    ASCII only. Another character may be several tokens, and may be replaced by several characters
    before. The same holds for HTML entities.
    """
    return len(text) + SPARE_TOKENS <= context_length and text.isascii() and "&" not in text


def _size(text: str, kept: _Kept) -> int:
    return sys.getsizeof(text) + kept.row.nbytes


def _stacked(rows: Sequence[NDArray[np.float32]], dim: int) -> Embeddings:
    return np.stack(rows) if rows else np.zeros((0, dim), np.float32)
