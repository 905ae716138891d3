"""Parses the command line; errors have a remedy."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NoReturn

_UNKNOWN = re.compile(r"unrecognized arguments: (.*)", re.DOTALL)
_NO_VALUE = re.compile(r"argument (?:-\w/)?(--[\w-]+).*: expected .*argument")


class Parser(argparse.ArgumentParser):
    """Ends with exit code 2 and a sentence with the right form."""

    def __init__(self, *arguments: Any, given: Sequence[str] = (), **options: Any) -> None:
        """given: the whole command line, as the shell gave it."""
        self.given = given
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*arguments, **options)

    def error(self, message: str) -> NoReturn:
        """As argparse calls it."""
        remedy = self._remedy(message)
        super().error(f"{message}. {remedy}" if remedy else message)

    def _remedy(self, message: str) -> str:
        if missing := _NO_VALUE.match(message):
            return f'A value that begins with - is written {missing[1]}="-…"'
        name, *rest = self.given or ("",)
        words = [word for word in rest if not word.startswith("-")]
        dashed = [word for word in rest if _looks_like_words(word)]
        if name == "search" and (len(words) > 1 or dashed):
            return _quoted_search(rest, dashed)
        if _UNKNOWN.match(message) and dashed:
            from mmembed.config.commands import command

            return f"Names that begin with - go last, after --: {command(name, '…', '--', *dashed)}"
        return ""


def _looks_like_words(argument: str) -> bool:
    """Whether an argument in an option's place is more likely a word: -cat, -5 °C."""
    return re.match(r"-[^-\s=]{2,}", argument) is not None


def _quoted_search(rest: Sequence[str], dashed: Sequence[str]) -> str:
    """How to write a search by several words, or by words that begin with a dash."""
    from mmembed.config.commands import command

    leading = list(takewhile(lambda word: not word.startswith("-") or word in dashed, rest))
    words = leading or dashed
    options = [argument for argument in rest if argument not in words and argument != "--"]
    if words[0].startswith("-"):
        options, words = [*options, "--"], [" ".join(words)]
        return f"Words that begin with - go last, after --: {command('search', *options, *words)}"
    example = command("search", " ".join(words), *options)
    return f"Words are written as one, in quotes: {example}"
