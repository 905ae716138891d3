"""The one reading of types in fields of manifests: CSV cells, texts of other files, filters.

CSV has texts alone, and a filter without quotes does not say what its value is. So a text that is
spelt as a number or a truth value is equal to it, whichever of the two sides it stands on. Without
this, `not meta.public:true` would pass the very items that it is to leave out.
"""

from __future__ import annotations

import math
import re
from typing import Literal, TypeAlias

from mmembed.filters.tree import Scalar, Test, Value

Kind: TypeAlias = Literal["text", "number", "truth", "number in text", "truth in text"]
"""The type of a value, or the type that its text spells."""

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_CELL = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
"""Cells of CSV that are numbers; 007 and +1 are texts, so that they are shown as they stand."""
LONGEST = 1000
"""Characters of a number: Python refuses to read several thousand digits."""
END = 2**63
_TRUTH = {"true": True, "false": False}


def number_of(text: str) -> int | float | None:
    """The number that a text spells, such as 5, +1, 007, .5 or 1e5; None for another text, and for
    a number beyond 64 bits."""
    if len(text) > LONGEST or not _NUMBER.fullmatch(text):
        return None
    number = _number(text)
    fits = math.isfinite(number) if isinstance(number, float) else -END < number < END
    return number if fits else None


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def truth_of(text: str) -> bool | None:
    """The truth value that a text spells, in letters of any case; None for another text."""
    return _TRUTH.get(text.lower())


def bare(text: str) -> Scalar:
    """The meaning of a value without quotes in a filter. A number may be beyond 64 bits: it is no
    text, and its caller refuses it."""
    truth = truth_of(text)
    if truth is not None:
        return truth
    return _number(text) if _NUMBER.fullmatch(text) else text


def cell(text: str) -> str | int | float:
    """The value that a cell of CSV is stored as."""
    if not _CELL.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def as_kind(value: Scalar, kind: Kind) -> Scalar | None:
    """A stored value read as a kind; None if it is not of that kind."""
    if isinstance(value, str):
        if kind == "text":
            return value
        if kind == "number in text":
            return number_of(value)
        return truth_of(value) if kind == "truth in text" else None
    return value if kind == ("truth" if isinstance(value, bool) else "number") else None


def meanings(test: Test) -> list[tuple[Kind, Value]]:
    """Each kind of stored values that a condition on a manifest's field compares, with the wanted
    values of that kind."""
    several = isinstance(test.value, tuple)
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    texts = tuple(value for value in values if isinstance(value, str))
    truths = tuple(value for value in values if isinstance(value, bool))
    truths += _spelt_truths(test, texts)
    numbers = tuple(value for value in values if not isinstance(value, str | bool))
    by_kind: list[tuple[Kind, tuple[Scalar, ...]]] = [
        ("text", texts),
        ("number", numbers + _spelt_numbers(test, texts)),
        ("number in text", numbers),
        ("truth", truths),
        ("truth in text", truths),
    ]
    return [(kind, some if several else some[0]) for kind, some in by_kind if some]


def _spelt_numbers(test: Test, texts: tuple[str, ...]) -> tuple[int | float, ...]:
    """Texts of a filter as a CSV cell of the same text was stored."""
    if test.operator in ("startswith", "contains"):
        return ()
    cells = tuple(spelt for text in texts if not isinstance(spelt := cell(text), str))
    whole = test.operator != "between" or len(cells) == len(texts)
    return cells if whole else ()


def _spelt_truths(test: Test, texts: tuple[str, ...]) -> tuple[bool, ...]:
    if test.operator not in ("=", "in"):
        return ()
    return tuple(truth for text in texts if (truth := truth_of(text)) is not None)
