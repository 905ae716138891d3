"""Texts that are longer than the model reads at once, where a caller wants them cut or refused."""

from __future__ import annotations

from collections.abc import Callable

from mmembed.errors import LimitError
from mmembed.server.dialects.shapes import Truncate
from mmembed.types import Encoder


def fitted(text: str, name: str, truncate: Truncate, encoder: Encoder) -> str:
    """The text, or as much of it as one window of the model holds: without its START or its
    END. Raises LimitError for NONE, where it would have to be cut."""
    if encoder.count_windows(text) == 1:
        return text
    if truncate == "NONE":
        raise LimitError(
            f"{name}: {encoder.count_tokens(text)} tokens, limit {encoder.context_length}; shorten "
            "it, or allow what the model cannot read at once to be cut or averaged",
            param=name,
        )
    if truncate == "END":
        return _cut(text, lambda length: encoder.count_windows(text[:length]) == 1)
    return _cut(text[::-1], lambda length: encoder.count_windows(text[-length:]) == 1)[::-1]


def _cut(text: str, fits: Callable[[int], bool]) -> str:
    """The longest beginning that fits; between words, unless the first is longer."""
    length, too_long = 1, len(text)
    while too_long - length > 1:
        middle = (length + too_long) // 2
        if fits(middle):
            length = middle
        else:
            too_long = middle
    kept = text[:length]
    words = kept.rsplit(None, 1)
    if len(words) == 2 and not text[length].isspace() and not kept[-1].isspace():
        return words[0]
    return kept
