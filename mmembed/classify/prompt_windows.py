"""Counts the windows of all prompts of a classification before any prompt is filled in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmembed.classify.zero_shot import fill
from mmembed.config.text_limits import TextLimits
from mmembed.errors import LimitError
from mmembed.models.encoder import Encoder
from mmembed.models.text_cache import fits_surely
from mmembed.models.text_reading import read

_AROUND = 2
"""The start and the end token of a window."""


def check_prompt_windows(
    encoder: Encoder, labels: Sequence[str], templates: Sequence[str], limits: TextLimits
) -> None:
    """Each label and each template is tokenized once. Raises LimitError for a prompt of too many
    windows, and TooMuchText where all together have too many. Raises QueryError as `fill` does."""
    length = encoder.facts.context_length
    if _surely_short(labels, templates, length):
        return
    holes = np.array([template.count("{}") for template in templates])
    rest = [template.replace("{}", "") for template in templates]
    others = np.array(_tokens(encoder, "templates", rest, limits))
    of_labels = np.array(_tokens(encoder, "labels", labels, limits))
    total = 0
    for place, tokens in enumerate(of_labels.tolist()):
        windows = np.maximum(1, -(-(tokens * holes + others) // (length - _AROUND)))
        if windows.max() > limits.text_windows:
            raise LimitError(
                f"labels[{place}] in templates[{windows.argmax()}]: has more than "
                f"{limits.text_windows} windows of {length} tokens, the limit for one text; "
                "shorten it, or raise MMEMBED_MAX_TEXT_WINDOWS"
            )
        total += int(windows.sum())
    limits.check_prompt_windows(total, length)


def _surely_short(labels: Sequence[str], templates: Sequence[str], length: int) -> bool:
    """Whether every prompt is one window, whatever the tokenizer."""
    longest = "x" * max(map(len, labels))
    return all(label.isascii() and "&" not in label for label in labels) and all(
        fits_surely(fill(template, longest), length) for template in templates
    )


def _tokens(encoder: Encoder, name: str, texts: Sequence[str], limits: TextLimits) -> list[int]:
    """Tokens of each text, without those around it. Raises LimitError."""
    counts = []
    for place, text in enumerate(texts):
        try:
            [reading] = read(encoder, [text], limits)
        except LimitError as error:
            raise LimitError(f"{name}[{place}]: {error}") from error
        counts.append(encoder.count_tokens(reading) - _AROUND * len(reading.windows))
    return counts
