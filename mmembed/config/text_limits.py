"""How much one text, and all texts of one request together, may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmembed.errors import LimitError, TooMuchText


@dataclass(frozen=True)
class TextLimits:
    """Characters, and windows that the model reads whole, of one text and of all together."""

    text_chars: int = 10_000
    all_chars: int = 4_000_000
    text_windows: int = 256
    all_windows: int = 16_384
    prompts: int = 100_000
    """Of one classification, counted in windows."""

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
        """Raises LimitError where labels filled into templates would be too many prompts, too
        long a prompt, or too much text. Nothing is filled in for that."""
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
