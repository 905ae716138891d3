"""Texts as a model reads them, and limits on their size.

A text is cut into windows that the model can read whole. Their number is known only once the
tokenizer has read the text. So that happens once, on the thread of the caller, where no other
request waits. It stops at the limits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmembed.config.text_limits import TextLimits
from mmembed.errors import LimitError, ModelError
from mmembed.item_failures import OF_ALL
from mmembed.models.encoder import Encoder
from mmembed.types import Embeddings


class WindowedText(str):
    """A text together with its windows; joined, they give the text again."""

    windows: tuple[str, ...]

    @classmethod
    def of(cls, text: str, windows: Sequence[str]) -> WindowedText:
        """The text, equal to the string that it was made of."""
        reading = cls(text)
        reading.windows = tuple(windows)
        return reading


def read(encoder: Encoder, texts: Sequence[str], limits: TextLimits) -> list[WindowedText]:
    """Every text with its windows; a text that was read before is not read again.

    Raises LimitError if one text has more windows than allowed, TooMuchText if all together have.
    """
    readings: list[WindowedText] = []
    total = 0
    for text in texts:
        reading = text if isinstance(text, WindowedText) else _read(encoder, text, limits)
        total += len(reading.windows)
        limits.check_windows(total, encoder.facts.context_length)
        readings.append(reading)
    return readings


def read_apart(
    encoder: Encoder, texts: Sequence[str], limits: TextLimits
) -> list[WindowedText | BaseException]:
    """As `read`, except that a text that cannot be read has an error of its own. The windows of one
    that has too many count, too."""
    readings: list[WindowedText | BaseException] = []
    total = 0
    for text in texts:
        windows = limits.text_windows
        try:
            [reading] = read(encoder, [text], limits)
            windows = len(reading.windows)
            readings.append(reading)
        except OF_ALL:
            raise
        except BaseException as error:
            readings.append(error)
        total += windows
        limits.check_windows(total, encoder.facts.context_length)
    return readings


def _read(encoder: Encoder, text: str, limits: TextLimits) -> WindowedText:
    windows = encoder.split(text, limits.text_windows + 1)
    if len(windows) > limits.text_windows:
        raise LimitError(
            f"a text of {len(text)} characters has more than {limits.text_windows} windows of "
            f"{encoder.facts.context_length} tokens, the limit for one text; shorten it, or raise "
            "MMEMBED_MAX_TEXT_WINDOWS"
        )
    return WindowedText.of(text, windows)


def averaged(rows: Embeddings, counts: Sequence[int], name: str) -> Embeddings:
    """The embeddings of texts of so many windows each, from float32 (windows, dim) of them all.
    Raises ModelError, which names the model, where the windows of a text cancel out."""
    sums = np.add.reduceat(rows, np.cumsum([0, *counts[:-1]]), axis=0)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    if not norms.all():
        raise ModelError(f"{name}: the windows of a text cancel each other out")
    unit: Embeddings = sums / norms
    return unit
