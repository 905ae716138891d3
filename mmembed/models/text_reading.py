"""Texts as a model reads them, and limits on how much that may be.

A text is cut into windows that the model can read whole. How many there are is known only once
the tokenizer has read the text, so that this is done where nobody else waits for it: on the
thread of the caller, once, and no further than the limits go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mmembed.config.text_limits import TextLimits
from mmembed.errors import LimitError


class Reading(str):
    """A text together with its windows, which joined give the text again."""

    windows: tuple[str, ...]

    @classmethod
    def of(cls, text: str, windows: Sequence[str]) -> Reading:
        """The text, equal to the string that it was made of."""
        reading = cls(text)
        reading.windows = tuple(windows)
        return reading


class Reader(Protocol):
    """The part of an Encoder that cuts texts."""

    @property
    def context_length(self) -> int:
        """Tokens of one window."""

    def split(self, text: str, most: int | None = None) -> Sequence[str]:
        """The first `most` windows of a text; all of them for None."""


def read(encoder: Reader, texts: Sequence[str], limits: TextLimits) -> list[Reading]:
    """Every text with its windows; one that was read before is not read again.

    Raises LimitError where one text has more windows than allowed, TooMuchText where all
    together have.
    """
    readings: list[Reading] = []
    total = 0
    for text in texts:
        reading = text if isinstance(text, Reading) else _read(encoder, text, limits)
        total += len(reading.windows)
        limits.check_windows(total, encoder.context_length)
        readings.append(reading)
    return readings


def _read(encoder: Reader, text: str, limits: TextLimits) -> Reading:
    windows = encoder.split(text, limits.text_windows + 1)
    if len(windows) > limits.text_windows:
        raise LimitError(
            f"a text of {len(text)} characters has more than {limits.text_windows} windows of "
            f"{encoder.context_length} tokens, the limit for one text; shorten it, or raise "
            "MMEMBED_MAX_TEXT_WINDOWS"
        )
    return Reading.of(text, windows)
