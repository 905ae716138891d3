"""Signs, names and values of a filter in words; errors that point at the place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from mmembed.errors import QueryError
from mmembed.filters.conditions import Fault, check_text
from mmembed.filters.readings import bare
from mmembed.filters.tree import Scalar

T = TypeVar("T")

BARE = re.compile(r'[^\s()",“”]+')
"""A value without quotes."""
BARE_END = re.compile(r'(?:(?!\.\.)[^\s()",“”])+')
"""The same, but it ends before the dots of a span."""
QUOTES = '"“”'
"""Phones make curved ones of straight ones."""
_QUOTED = re.compile(r'["“”]((?:[^"“”\\]|\\.)*)["“”]', re.DOTALL)
_SHOWN = 60
"""Characters that errors show before and after the place."""


@dataclass(frozen=True)
class WrittenValue:
    """A value as it stands in a filter."""

    text: str
    """Without its quotes."""
    quoted: bool
    at: int

    @property
    def scalar(self) -> Scalar:
        """The value for a field that takes numbers, truth values and texts."""
        return self.text if self.quoted else bare(self.text)


class Scanner:
    """A place in a filter that moves to the right."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.at = 0

    def ended(self) -> bool:
        """Whether only spaces are left; the place moves past them."""
        self.skip_spaces()
        return self.at == len(self.words)

    def skip_spaces(self) -> None:
        """Move to the next sign."""
        while self.at < len(self.words) and self.words[self.at].isspace():
            self.at += 1

    def sees(self, sign: str) -> bool:
        """Whether a sign stands at the place."""
        return self.words.startswith(sign, self.at)

    def take(self, sign: str) -> bool:
        """Move past a sign if it stands at the place."""
        taken = self.sees(sign)
        self.at += len(sign) * taken
        return taken

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Move past the match of a pattern at the place."""
        match = pattern.match(self.words, self.at)
        self.at = match.end() if match else self.at
        return match

    def sees_word(self, word: str) -> bool:
        """Whether `and`, `or` or `not` stands at the place, in letters of any case."""
        return self._word(word).match(self.words, self.at) is not None

    def take_word(self, word: str) -> bool:
        """Move past the word if it comes next."""
        self.skip_spaces()
        return self.match(self._word(word)) is not None

    @staticmethod
    def _word(word: str) -> re.Pattern[str]:
        return re.compile(rf"{word}(?=[\s()-]|$)", re.IGNORECASE)

    def value(self, unquoted: re.Pattern[str]) -> WrittenValue:
        """Move past a value, in quotes or bare. Raises QueryError."""
        start = self.at
        if quoted := self.match(_QUOTED):
            text = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
            return self._written(text, True, start)
        if self.words[start : start + 1] in tuple(QUOTES):
            self.fail("this quotation mark is not closed", start)
        word = self.match(unquoted)
        if word is None:
            self.fail("expected a value; one with spaces or commas stands in quotes", start)
        return self._written(word[0], False, start)

    def _written(self, text: str, quoted: bool, at: int) -> WrittenValue:
        self.checked(lambda: check_text(text), at)
        return WrittenValue(text, quoted, at)

    def checked(self, make: Callable[[], T], at: int) -> T:
        """The result of `make`. Its Fault becomes a QueryError at a place."""
        try:
            return make()
        except Fault as fault:
            self.fail(str(fault), at)

    def fail(self, message: str, at: int) -> NoReturn:
        """Raises QueryError: the column, the message, and the filter with a caret at the place."""
        first = max(0, at - _SHOWN)
        shown = re.sub(r"\s", " ", self.words[first : at + _SHOWN])
        before = "…" if first else ""
        after = "…" if at + _SHOWN < len(self.words) else ""
        caret = " " * (len(before) + at - first)
        raise QueryError(
            f"where, column {at + 1}: {message}\n  {before}{shown}{after}\n  {caret}^",
            param="where",
        )
