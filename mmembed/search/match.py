"""Whether a collection holds what a query asks for.

Constants were chosen on photographs other than those that docs/search.md judges them by. They say
`unsure` rather than something wrong: a model that fails to see a ring on a finger takes it for
absent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmembed.search.text_fit import Floats
from mmembed.types import Match

JUDGED = 20
"""First hits of a query that are looked at."""
SHARPNESS = 3.0
"""Of the soft maximum of strengths: 0 gives their mean, infinity the largest."""
WEIGHT = 0.5
"""Of such a hit beside a picture of the sample: few pictures among many count, too."""
SAMPLED = 1024
"""Pictures to which the sample of a large collection comes."""

_YES = 1.3, 0.3
"""Strength, and its growth where the collection has a tenth of the FEW pictures: of few pictures a
single one that fits by chance weighs much."""
_NO = -0.5, -0.35
"""Strength in FEW pictures, and its growth with ten times as many: what is asked for of more
pictures is there more often, and the model may not see it."""
FEW = 300
SMALLEST, LARGEST = 50, 10_000
"""Pictures for which the growth is reckoned with: about others nothing was measured."""

COPY = 0.95
"""Likeness of a copy: of one re-encoded, cropped a little or brightened 95 % have more, of other
pictures' nearest one 10 %."""
UNRELATED = 0.5
"""Likeness that two pictures taken at random have in one of ten cases."""


def strength_of_words(hits: Floats, sample: Floats, count: int) -> float:
    """The soft maximum of the strengths of words at the pictures of a collection.

    hits, sample: strengths at the first hits, and at pictures from all over the collection, see
    `search.text_fit`. count: how many pictures these stand for.
    """
    weighted = np.concatenate([SHARPNESS * sample, SHARPNESS * hits + math.log(WEIGHT)])
    return float(np.logaddexp.reduce(weighted) - math.log(count)) / SHARPNESS


def match_of_words(hits: Floats, sample: Floats, pictures: int) -> Match | None:
    """hits, sample: strengths at the JUDGED first hits, and at pictures from all over the
    collection; no sample where only some of it are searched. pictures: how many the collection
    has. The answer is None without hits."""
    if not len(hits):
        return None
    if len(sample):
        least = most = strength_of_words(hits, sample, len(sample))
    else:  # at least the hits fit, and at most all that was searched fits as they do
        least = strength_of_words(hits, sample, SAMPLED)
        most = strength_of_words(hits, hits, len(hits))
        pictures = LARGEST
    if least >= _yes_at(pictures):
        return "yes"
    return "no" if most < _no_at(pictures) else "unsure"


def _yes_at(pictures: int) -> float:
    strength, growth = _YES
    return strength + growth * max(0.0, -_tens(pictures))


def _no_at(pictures: int) -> float:
    strength, growth = _NO
    return strength + growth * _tens(pictures)


def _tens(pictures: int) -> float:
    return math.log10(min(LARGEST, max(SMALLEST, pictures)) / FEW)


def match_of_pictures(likenesses: Sequence[float]) -> Match | None:
    """likenesses: of the first hits with the query picture, see `search.likeness`; without the
    query's own item. The answer is None without hits."""
    if not len(likenesses):
        return None
    best = max(likenesses)
    if best >= COPY:
        return "yes"
    return "no" if best < UNRELATED else "unsure"
