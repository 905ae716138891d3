"""Texts as a model reads them, and limits on their size.

A text is cut into windows that the model can read whole. Their number is known only once the
tokenizer has read the text. So that happens once, on the thread of the caller, where no other
request waits. It stops at the limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mmembed.errors import LimitError, TooMuchText


class Reading(str):
    """A text together with its windows; joined, they give the text again."""

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


class _Limited(Protocol):
    """Settings with these limits."""

    @property
    def max_text_chars(self) -> int: ...
    @property
    def max_all_chars(self) -> int: ...
    @property
    def max_text_windows(self) -> int: ...
    @property
    def max_all_windows(self) -> int: ...
    @property
    def max_prompts(self) -> int: ...


@dataclass(frozen=True)
class TextLimits:
    """The limits on one text, and on all texts of one request together."""

    text_chars: int = 10_000
    all_chars: int = 4_000_000
    text_windows: int = 256
    all_windows: int = 16_384
    prompts: int = 100_000
    """Of one classification, counted in windows."""

    @classmethod
    def of(cls, settings: _Limited) -> TextLimits:
        """The limits that the owner set."""
        return cls(
            settings.max_text_chars,
            settings.max_all_chars,
            settings.max_text_windows,
            settings.max_all_windows,
            settings.max_prompts,
        )

    def check_chars(self, count: int) -> None:
        """Raises TooMuchText for more characters than all texts of a request may have."""
        if count > self.all_chars:
            raise TooMuchText(
                f"{count} characters in all texts of the request, limit {self.all_chars}; send "
                "fewer at a time, or raise MMEMBED_MAX_ALL_CHARS"
            )

    def check_windows(self, count: int, context_length: int) -> None:
        """Raises TooMuchText for more windows than all texts of a request may have."""
        if count > self.all_windows:
            raise TooMuchText(
                f"the texts of the request have more than {self.all_windows} windows of "
                f"{context_length} tokens, the limit for one request; send fewer at a time, or "
                "raise MMEMBED_MAX_ALL_WINDOWS"
            )

    def check_prompts(self, labels: Sequence[str], templates: Sequence[str]) -> None:
        """Raises LimitError if labels filled into templates would be too many prompts, too long a
        prompt, or too much text. Nothing is filled in for that check."""
        count = len(labels) * len(templates)
        if count > self.prompts:
            raise TooMuchText(
                f"{len(labels)} labels × {len(templates)} templates are {count} prompts, limit "
                f"{self.prompts}; give fewer, or raise MMEMBED_MAX_PROMPTS"
            )
        if count == 0:
            return
        longest, together = max(map(len, labels)), sum(map(len, labels))
        total = 0
        for index, template in enumerate(templates):
            holes = template.count("{}")
            rest = len(template) - 2 * holes
            self._check_prompt(f"templates[{index}]", rest + holes * longest)
            total += rest * len(labels) + holes * together
        self.check_chars(total)

    def check_prompt_windows(self, count: int, context_length: int) -> None:
        """Raises TooMuchText for more windows than the prompts of a classification may have."""
        if count > self.prompts:
            raise TooMuchText(
                f"the prompts have more than {self.prompts} windows of {context_length} tokens, "
                "the limit for one classification; give fewer or shorter labels and templates, or "
                "raise MMEMBED_MAX_PROMPTS"
            )

    def _check_prompt(self, name: str, chars: int) -> None:
        if chars > self.text_chars:
            raise LimitError(
                f"{name}: with the longest label filled in it has {chars} characters, limit "
                f"{self.text_chars}; shorten it or the label, or raise MMEMBED_MAX_TEXT_CHARS"
            )


def read(encoder: Reader, texts: Sequence[str], limits: TextLimits) -> list[Reading]:
    """Every text with its windows; a text that was read before is not read again.

    Raises LimitError if one text has more windows than allowed, TooMuchText if all together have.
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
