"""Whether a collection holds what a query asks for, judged by the best hits.

Constants were chosen on photographs other than those that docs/search.md judges them by. They say
`unsure` rather than something wrong: a model that fails to see a ring on a finger takes it for
absent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmembed.types import Match

JUDGED = 20
"""First hits of a query that are looked at."""
BEST = 10
"""Of these, the strongest, whose mean strength decides; of small collections fewer."""
PICTURES_FOR_EACH = 10

_YES = 2.3, 0.4
_NO = 0.2, 0.1
"""Strength in 1,000 pictures, and its growth with ten times as many, whose best fit better by
chance."""
SMALLEST, LARGEST = 100, 10_000
"""Pictures for which the growth is reckoned with: about others nothing was measured."""

COPY = 0.95
"""Likeness of a copy: of one re-encoded, cropped a little or brightened 95 % have more, of other
pictures' nearest one 10 %."""
UNRELATED = 0.5
"""Likeness that two pictures taken at random have in one of ten cases."""


def match_of_words(strengths: Sequence[float], pictures: int) -> Match | None:
    """strengths: of the JUDGED first hits, in deviations, see `search.text_fit`. pictures: how many
    were searched; 0 where that is not known. The answer is None without hits."""
    if not len(strengths):
        return None
    fewest = pictures or len(strengths)
    if _strength(strengths, pictures or LARGEST) >= _at(pictures or LARGEST, _YES):
        return "yes"
    return "no" if _strength(strengths, fewest) < _at(fewest, _NO) else "unsure"


def _strength(strengths: Sequence[float], pictures: int) -> float:
    count = min(BEST, max(1, pictures // PICTURES_FOR_EACH))
    return float(np.sort(strengths)[-count:].mean())


def _at(pictures: int, threshold: tuple[float, float]) -> float:
    strength, growth = threshold
    measured = min(LARGEST, max(SMALLEST, pictures))
    return strength + growth * (math.log10(measured) - 3)


def match_of_pictures(likenesses: Sequence[float]) -> Match | None:
    """likenesses: of the first hits with the query picture, see `search.likeness`; without the
    query's own item. The answer is None without hits."""
    if not len(likenesses):
        return None
    best = max(likenesses)
    if best >= COPY:
        return "yes"
    return "no" if best < UNRELATED else "unsure"
