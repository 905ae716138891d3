"""Texts that are longer than the model reads at once, where a caller wants them cut or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from mmembed.errors import LimitError
from mmembed.models.encoder import Encoder
from mmembed.models.text_reading import WindowedText

Truncate: TypeAlias = Literal["NONE", "START", "END"]
"""The part that may be cut off a long text; NONE refuses it."""

COUNTED_WINDOWS = 8
"""Of a text that is refused, which are read for the sake of the message."""


def fitted(text: str, name: str, truncate: Truncate, encoder: Encoder) -> str:
    """The text, or as much of it as one window of the model holds: without its START or its
    END. Raises LimitError for NONE, where it would have to be cut."""
    if _fits(text, encoder):
        return text
    if truncate == "NONE":
        raise LimitError(
            f"{name}: {_counted(text, encoder)} tokens, limit {encoder.facts.context_length}; "
            "shorten it, or allow it to be cut, or averaged over windows",
            param=name,
        )
    if truncate == "END":
        return _cut(text, lambda length: _fits(text[:length], encoder))
    return _cut(text[::-1], lambda length: _fits(text[-length:], encoder))[::-1]


def _counted(text: str, encoder: Encoder) -> str:
    """How many tokens a text has; of a very long one, its beginning is counted."""
    windows = encoder.split(text, COUNTED_WINDOWS + 1)
    counted = encoder.count_tokens(WindowedText.of(text, windows[:COUNTED_WINDOWS]))
    return f"more than {counted}" if len(windows) > COUNTED_WINDOWS else f"{counted}"


def _fits(text: str, encoder: Encoder) -> bool:
    return len(encoder.split(text, 2)) == 1


def _cut(text: str, fits: Callable[[int], bool]) -> str:
    """The longest beginning that fits; between words, unless the first is longer."""
    length, too_long = 1, len(text)
    while too_long - length > 1:
        # Twice as long until it fits no more: most of a very long text is never looked at.
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
