"""Long texts are cut into windows that the model can read whole; nothing is dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_BORDERS = (
    re.compile(r"(?<=[.!?…])(?=\s)|(?<=[。！？\n])"),  # sentences
    re.compile(r"(?<=\s)(?=\S)"),  # words
)
_LONGEST_WORD = 500  # characters; tokenizing longer runs takes quadratic time
_SPARE = 8  # tokens beyond the window that are looked at to see whether a text goes on


class Tokenizer(Protocol):
    """What reads texts for a model."""

    def __call__(self, texts: Sequence[str], context_length: int) -> NDArray[np.int64]:
        """n texts → int64 (n, context_length), cut or padded to that length."""


class Windows:
    """Splits texts for one tokenizer, which maps texts to int64 (n, context_length)."""

    def __init__(self, tokenizer: Tokenizer, context_length: int) -> None:
        self.tokenizer = tokenizer
        self.context_length = context_length
        self._padding = tokenizer([""], context_length)[0, -1]
        # A tokenizer that puts something behind the padding gives no way to see what fits.
        self._can_tell = self._fits_exactly("")

    def split(self, text: str) -> list[str]:
        """The text itself if it fits; else pieces that fit, which joined give the text again.
        Cut at the ends of sentences; a longer sentence between words; a longer word anywhere."""
        return [text] if self._fits(text) else self._pack(text, 0)

    def tokens(self, windows: Sequence[str]) -> NDArray[np.int64]:
        """int64 (n, context_length), as the model's own tokenizer makes them."""
        return self.tokenizer(windows, self.context_length)

    def _pack(self, text: str, level: int) -> list[str]:
        if level == len(_BORDERS):
            return self._halves(text)
        windows: list[str] = []
        for piece in _BORDERS[level].split(text):
            if windows and self._fits(windows[-1] + piece):
                windows[-1] += piece
            elif self._fits(piece):
                windows.append(piece)
            else:
                windows.extend(self._pack(piece, level + 1))
        return windows

    def _halves(self, word: str) -> list[str]:
        if len(word) <= 1 or self._fits(word):
            return [word]
        middle = len(word) // 2
        return self._halves(word[:middle]) + self._halves(word[middle:])

    def _fits(self, text: str) -> bool:
        if not self._can_tell:
            return True
        longest = max((len(word) for word in text.split()), default=0)
        return longest <= _LONGEST_WORD and self._fits_exactly(text)

    def _fits_exactly(self, text: str) -> bool:
        """Whether a longer window would read the same tokens and then only padding."""
        short = self.tokenizer([text], self.context_length)[0]
        if bool((short[-2:] == self._padding).all()):
            return True
        longer = self.tokenizer([text], self.context_length + _SPARE)[0]
        return bool((longer[:-_SPARE] == short).all() and (longer[-_SPARE:] == self._padding).all())
