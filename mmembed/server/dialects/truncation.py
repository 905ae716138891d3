"""Cuts or refuses texts longer than the model's context, as the caller wishes."""

from __future__ import annotations

from collections.abc import Callable

from mmembed.errors import LimitError
from mmembed.models.text_reading import Reading
from mmembed.server.dialects.requests import Truncate
from mmembed.types import Encoder

COUNTED_WINDOWS = 8
"""Characters of a refused text that are read for its message."""


def fitted(text: str, name: str, truncate: Truncate, encoder: Encoder) -> str:
    """The text, or as much of it as one window holds: without its START or its END. Raises
    LimitError for NONE, if it would have to be cut."""
    if _fits(text, encoder):
        return text
    if truncate == "NONE":
        raise LimitError(
            f"{name}: {_counted(text, encoder)} tokens, limit {encoder.context_length}; shorten "
            "it, or allow it to be cut, or averaged over windows",
            param=name,
        )
    if truncate == "END":
        return _cut(text, lambda length: _fits(text[:length], encoder))
    return _cut(text[::-1], lambda length: _fits(text[-length:], encoder))[::-1]


def _counted(text: str, encoder: Encoder) -> str:
    """The number of tokens in a text; of a very long text, its beginning is counted."""
    windows = encoder.split(text, COUNTED_WINDOWS + 1)
    counted = encoder.count_tokens(Reading.of(text, windows[:COUNTED_WINDOWS]))
    return f"more than {counted}" if len(windows) > COUNTED_WINDOWS else f"{counted}"


def _fits(text: str, encoder: Encoder) -> bool:
    return len(encoder.split(text, 2)) == 1


def _cut(text: str, fits: Callable[[int], bool]) -> str:
    """The longest beginning that fits; between words, unless the first is longer."""
    length, too_long = 1, len(text)
    while too_long - length > 1:
        # Twice as long until it fits no more: most of a very long text is never read.
        middle = min(2 * length, (length + too_long) // 2)
        if fits(middle):
            length = middle
        else:
            too_long = middle
    kept = text[:length]
    words = kept.rsplit(None, 1)
    if len(words) == 2 and not text[length].isspace() and not kept[-1].isspace():
        return words[0]
    return kept
