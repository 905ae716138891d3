"""Cuts long texts into windows of the model's context; nothing is dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmembed.models.text_reading import WindowedText

_BORDERS = (
    re.compile(r"(?<=[.!?…])(?=\s)|(?<=[。！？\n])"),  # sentences
    re.compile(r"(?<=\s)(?=\S)"),  # words
)
_ALIKE = 1 / 3  # of two windows, which the shorter should have before a sentence is cut for it
_MOST_CUTS = 3  # places where two windows could part that are tried
_LONGEST_WORD = 500  # characters: tokenizing longer runs takes quadratic time
_SPARE = 8  # tokens beyond the window that are looked at to see whether a text goes on
_SURELY_LONG = 8  # characters for each token: such a text is looked at from its end


class Tokenizer(Protocol):
    """The tokenizer of a model."""

    def __call__(self, texts: Sequence[str], context_length: int) -> NDArray[np.int64]:
        """n texts → int64 (n, context_length), cut or padded to that length."""


class Window(str):
    """A text that fits into a window, with its tokens. It is tokenized once, and never on the
    thread of the model."""

    tokens: NDArray[np.int64]
    """int64 (context_length,)."""

    @classmethod
    def of(cls, text: str, tokens: NDArray[np.int64]) -> Window:
        """The text, equal to the string that it was made of."""
        window = cls(text)
        window.tokens = tokens
        return window


class Windows:
    """Splits texts for one tokenizer, which maps texts to int64 (n, context_length).

    Windows are filled one after the other. A last window of a few words would say little of its
    text, and weigh as much as a full one: the last two share their text evenly.
    """

    def __init__(self, tokenizer: Tokenizer, context_length: int) -> None:
        self.tokenizer = tokenizer
        self.context_length = context_length
        self._padding = tokenizer([""], context_length)[0, -1]
        # A tokenizer that puts tokens behind the padding hides whether a text fits.
        self._can_tell = self._fits_exactly("") is not None

    def split(self, text: str, most: int | None = None) -> list[Window]:
        """The text itself if it fits; else pieces that fit, or the first `most` of them. Joined,
        they give the text again. Texts are cut at the ends of sentences, a longer sentence between
        words, and a longer word anywhere. A sentence is also cut where the last piece would be
        much shorter than the one before."""
        if isinstance(text, Window):
            return [text]
        whole = self._fits(text)
        return [whole] if whole is not None else list(islice(self._evened(text), most))

    def windows_of(self, text: str) -> list[Window]:
        """All windows, if the text was read before."""
        if not isinstance(text, WindowedText):
            return self.split(text)
        return [window for part in text.windows for window in self.split(part)]

    def count(self, window: Window) -> int:
        """Its tokens, start and end tokens included; padding is not counted."""
        return int((window.tokens != self._padding).sum())

    def _evened(self, text: str) -> Iterator[Window]:
        """The windows of a text, of which the last two are of like length."""
        last: list[Window] = []
        for window in self._pack(text, 0):
            last.append(window)
            if len(last) > 2:
                yield last.pop(0)
        yield from self._alike(*last) if len(last) == 2 else last

    def _alike(self, first: Window, second: Window) -> tuple[Window, Window]:
        """The text of two windows, parted near its middle where the second is much shorter."""
        text, middle = first + second, (len(first) + len(second)) / 2
        least = _ALIKE * len(text)
        if len(second) >= least:
            return first, second
        for border, low in zip(_BORDERS, (least, 1), strict=True):
            places = [found.start() for found in border.finditer(text, 0, len(first))]
            near = sorted((one for one in places if one >= low), key=lambda at: abs(at - middle))
            for place in near[:_MOST_CUTS]:
                parts = self._fits(text[:place]), self._fits(text[place:])
                if parts[0] is not None and parts[1] is not None:
                    return parts[0], parts[1]
        return first, second

    def _pack(self, text: str, level: int) -> Iterator[Window]:
        if level == len(_BORDERS):
            yield from self._halves(text)
            return
        pieces = [piece for piece in _BORDERS[level].split(text) if piece]
        start, tail = 0, None
        while start < len(pieces):
            count, window = self._longest(tail or "", pieces, start)
            if window is not None:
                yield window
                start, tail = start + count, None
            elif tail is not None:
                yield tail
                tail = None
            else:  # a piece that is too long by itself; its end may go with the next
                for part in self._pack(pieces[start], level + 1):
                    if tail is not None:
                        yield tail
                    tail = part
                start += 1
        if tail is not None:
            yield tail

    def _longest(self, before: str, pieces: Sequence[str], start: int) -> tuple[int, Window | None]:
        """The number of further pieces that fit behind a text, and the joined text. The number
        doubles while the pieces fit, and is then bisected."""
        fitting, window, failed = 0, None, False
        too_many = len(pieces) - start + 1
        while too_many - fitting > 1:
            count = (fitting + too_many) // 2 if failed else min(2 * fitting or 1, too_many - 1)
            fitted = self._fits(before + "".join(pieces[start : start + count]))
            if fitted is None:
                too_many, failed = count, True
            else:
                fitting, window = count, fitted
        return fitting, window

    def _halves(self, word: str) -> Iterator[Window]:
        whole = self._fits(word)
        if whole is not None:
            yield whole
        elif len(word) <= 1:
            yield Window.of(word, self.tokenizer([word], self.context_length)[0])
        else:
            middle = len(word) // 2
            yield from self._halves(word[:middle])
            yield from self._halves(word[middle:])

    def _fits(self, text: str) -> Window | None:
        if not self._can_tell:
            return Window.of(text, self.tokenizer([text], self.context_length)[0])
        longest = max((len(word) for word in text.split()), default=0)
        return self._fits_exactly(text) if longest <= _LONGEST_WORD else None

    def _fits_exactly(self, text: str) -> Window | None:
        """The text with its tokens, if a longer window would only add padding."""
        if len(text) > _SURELY_LONG * self.context_length and self._goes_on(text):
            return None
        short = self.tokenizer([text], self.context_length)[0]
        if (short[-2:] == self._padding).all() or self._ends_after(text, short):
            return Window.of(text, short)
        return None

    def _goes_on(self, text: str) -> bool:
        longer = self.tokenizer([text], self.context_length + _SPARE)[0]
        return bool((longer[-_SPARE:] != self._padding).any())

    def _ends_after(self, text: str, short: NDArray[np.int64]) -> bool:
        longer = self.tokenizer([text], self.context_length + _SPARE)[0]
        return bool((longer[:-_SPARE] == short).all() and (longer[-_SPARE:] == self._padding).all())
