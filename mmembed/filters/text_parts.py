"""Finds a text within another, in letters of any case."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache


def alike(letter: str) -> str:
    """The character in all the cases that `contains` takes for the same, itself first."""
    forms = (letter, letter.lower(), letter.upper())
    return "".join(dict.fromkeys(form for form in forms if len(form) == 1))


def has_part(text: str, part: str) -> bool:
    """Whether a text contains a part.

    The time grows with the sum of their lengths, nearly. The product would be too much: a filter's
    part and a tag may both repeat one letter.
    """
    if len(part) > len(text) or _folded(part) not in _folded(text):
        return False
    places = _places(part)
    end, state = 1 << len(part), 0
    # Bit n of the state: the last n letters of the text are the first n of the part.
    for letter in text:
        state = (state | 1) << 1 & places.get(letter, 0)
        if state & end:
            return True
    return not part


def _folded(text: str) -> str:
    """Equal for all the forms of a letter, and for some other letters."""
    return text.upper().casefold()


@lru_cache(maxsize=128)
def _places(part: str) -> Mapping[str, int]:
    """Each form of each letter, with a bit for every place at which it fits, from 1."""
    places: dict[str, int] = {}
    for place, letter in enumerate(part, 1):
        for form in alike(letter):
            places[form] = places.get(form, 0) | 1 << place
    return places
