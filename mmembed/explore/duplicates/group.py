"""A group of pictures of which each two belong together, with few comparisons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmembed.explore.duplicates.centres import Numbers, Places, ReachOf, Rule

FEW = 32
"""Pictures up to which all are compared: a centre is not worth its while."""
SAMPLED = 256
"""Pictures of a group of which its centre is made."""
BLOCK = 1024
"""Pictures of a group that are compared at a time."""
MOST_COMPARED = 4096
"""Pictures of a group that one picture is compared with, on average."""


class Group:
    """Pictures that belong together. Of those that are equal in all that the rule looks at, one is
    compared."""

    def __init__(self, rule: Rule, place: int, equal_to: int) -> None:
        """One picture. equal_to: the first place that is equal to it."""
        self.members = [place]
        self._rule = rule
        self._distinct = {equal_to}
        self._places = np.array([equal_to], np.int64)
        """The first `_count` are the distinct places."""
        self._reaches = np.full(1, np.inf)
        self._count = 1
        self._widest = np.inf
        self._reach_of: ReachOf | None = None
        self._next_centre = FEW
        """Distinct pictures with which the next centre is made."""

    def reaches_if_one(self, other: Group) -> Numbers | None:
        """If each two of both groups belong together, the reaches of the other's distinct pictures
        from this one's centre; else None. It is None, too, where too many would have to be compared
        to know it."""
        theirs = other._places[: other._count]
        reaches = np.full(len(theirs), np.inf)
        if self._reach_of is not None:
            reaches = _in_blocks(self._reach_of, theirs)
        farthest = float(reaches.max())
        if self._widest + farthest <= 1 or self._count == other._count == 1:
            return reaches  # a pair is one of pictures that belong together
        ours = self._places[: self._count][_from_far(self._reaches[: self._count], 1 - farthest)]
        theirs = theirs[_from_far(reaches, 1 - self._widest)]
        if len(ours) * len(theirs) > MOST_COMPARED * other._count:
            return None
        compared = (
            self._rule.belong(some, few) for some in _blocks(ours) for few in _blocks(theirs)
        )
        return reaches if all(answers.all() for answers in compared) else None

    def take_in(self, other: Group, reaches: Numbers) -> None:
        """Become one with another group, whose reaches are as `reaches_if_one` told them."""
        self.members += other.members
        theirs = other._places[: other._count]
        is_new = [place not in self._distinct for place in theirs.tolist()]
        self._distinct.update(theirs.tolist())
        self._append(theirs[is_new], reaches[is_new])
        if self._count >= self._next_centre:
            self._make_centre()

    def _append(self, places: Places, reaches: Numbers) -> None:
        count = self._count + len(places)
        if count > len(self._places):
            self._places = np.resize(self._places, 2 * count)
            self._reaches = np.resize(self._reaches, 2 * count)
        self._places[self._count : count] = places
        self._reaches[self._count : count] = reaches
        self._count = count
        self._widest = max([self._widest, *reaches.tolist()])

    def _make_centre(self) -> None:
        places = self._places[: self._count]
        chosen = np.linspace(0, self._count - 1, min(SAMPLED, self._count)).astype(np.int64)
        self._reach_of = self._rule.reach_around(places[chosen])
        self._reaches[: self._count] = _in_blocks(self._reach_of, places)
        self._widest = float(self._reaches[: self._count].max())
        self._next_centre = 2 * self._count


def _in_blocks(reach_of: ReachOf, places: Places) -> Numbers:
    starts = range(0, len(places), BLOCK)
    return np.concatenate([reach_of(places[start : start + BLOCK]) for start in starts])


def _from_far(reaches: Numbers, more_than: float) -> Places:
    """Which of them are more than so much, largest first: those are the first to be refused."""
    chosen = np.flatnonzero(reaches > more_than)
    return np.asarray(chosen[np.argsort(-reaches[chosen], kind="stable")])


def _blocks(places: Places) -> Iterator[Places]:
    """A few, then BLOCK at a time."""
    yield places[:FEW]
    for start in range(FEW, len(places), BLOCK):
        yield places[start : start + BLOCK]
