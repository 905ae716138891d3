"""The score from which a label is given, so that so many of its tags are right.

A threshold is learned where a person or a file tagged pictures with the label. Of such pictures,
enough have the tag from the threshold on. They are taken for pictures like the others. A picture
that has some of the labels is taken for one that has all of its own.

Elsewhere the scores are taken for probabilities. Then the mean score of the tags is the share of
right ones among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.classify.thresholds import threshold_for

Basis: TypeAlias = Literal["given", "examples", "assumed"]
"""Where a threshold comes from."""

FEWEST = 10
"""Tagged pictures of a label from which its threshold is learned."""


@dataclass(frozen=True)
class LabelThreshold:
    """The score from which a label is given."""

    least: float | None
    """None where no score is sure enough."""
    basis: Basis
    precision: float | None = None
    """The expected share of right tags from there on; None of a given threshold."""
    examples: int = 0
    """Pictures that people or files tagged with the label."""


def given_threshold(least: float) -> LabelThreshold:
    """A threshold that was asked for."""
    return LabelThreshold(least, "given")


def assumed_threshold(scores: NDArray[np.float32], precision: float) -> LabelThreshold:
    """The lowest threshold whose tags have a mean score of at least `precision`. scores: (k,), of
    one label."""
    least = threshold_for(scores, precision)
    passing = scores[scores >= np.float32(least)]
    if not len(passing):
        return LabelThreshold(None, "assumed")
    return LabelThreshold(least, "assumed", float(passing.mean(dtype=np.float64)))


def learned_threshold(
    scores: NDArray[np.float32], right: NDArray[np.bool_], precision: float, examples: int
) -> LabelThreshold:
    """The lowest threshold from which at least `precision` of the judged pictures have the tag. The
    share is that of the rule of succession, by which a few pictures prove little.

    scores, right: (k,), of judged pictures: the label's score, and whether it was given by a person
    or a file. examples: all pictures with the tag, also those below the scores.
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order].astype(np.float64)
    shares = (np.cumsum(right[order]) + 1) / (np.arange(1, len(order) + 1) + 2)
    ends = np.append(falling[:-1] > falling[1:], True)[: len(falling)]
    enough = np.flatnonzero(ends & (shares >= precision))
    if not len(enough):
        return LabelThreshold(None, "examples", None, examples)
    last = enough[-1]
    return LabelThreshold(float(falling[last]), "examples", float(shares[last]), examples)
