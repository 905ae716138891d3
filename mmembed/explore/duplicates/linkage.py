"""Pairs → groups by complete linkage: in a group, each two pictures belong together.

The closest pair comes first. Two groups become one if each picture of one belongs with each of the
other. So a chain, in which only neighbours are alike, does not become a group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.pairs import Pairs

Places = NDArray[np.int64]
Belong: TypeAlias = Callable[[Places, Places], "NDArray[np.bool_]"]
"""Whether pictures at n and at m places belong together: (n, m)."""
Said: TypeAlias = Mapping[int, frozenset[int]]
"""Of a place, the decisions that it is in; two places with one in common are no duplicates."""
BLOCK = 1024
"""Pictures of a group that are compared at a time."""
NOTHING: frozenset[int] = frozenset()


def linked(pairs: Pairs, belong: Belong, said: Said, equal: Places) -> list[list[int]]:
    """The groups of two and more, each with rising places, by their first places.

    pairs: of pictures that belong together, with larger values for closer ones. equal: (n,), for
    each place the first that is equal to it in all that `belong` looks at: thousands of black
    frames are compared as one.
    """
    linkage = _Linkage(belong, dict(said), equal)
    order = np.lexsort((pairs.others, pairs.some, -pairs.values))
    for some, other in zip(pairs.some[order].tolist(), pairs.others[order].tolist(), strict=True):
        linkage.try_to_join(some, other)
    groups = (sorted(members) for members in linkage.members.values() if len(members) > 1)
    return sorted(groups)


@dataclass
class _Linkage:
    belong: Belong
    said: dict[int, frozenset[int]]
    equal: Places
    members: dict[int, list[int]] = field(default_factory=dict)
    """Of each group, by one of them."""
    distinct: dict[int, Places] = field(default_factory=dict)
    """Of each group, its members without those that are equal to another one, rising."""
    group: dict[int, int] = field(default_factory=dict)
    """The group of each place that is not alone."""
    apart: dict[int, set[int]] = field(default_factory=dict)
    """Groups that were compared and do not belong together; they never will."""

    def try_to_join(self, some: int, other: int) -> None:
        """Make one group of the groups of two places, which belong together, if all others of the
        two groups do."""
        left, right = self.group.get(some, some), self.group.get(other, other)
        if left == right or right in self.apart.get(left, ()):
            return
        if self._belong(left, right):
            self._join(left, right)
        else:
            self.apart.setdefault(left, set()).add(right)
            self.apart.setdefault(right, set()).add(left)

    def _belong(self, left: int, right: int) -> bool:
        if self.said.get(left, NOTHING) & self.said.get(right, NOTHING):
            return False
        ours, theirs = self._distinct(left), self._distinct(right)
        if len(ours) == len(theirs) == 1:
            return True
        return all(
            self.belong(ours[start : start + BLOCK], theirs[begin : begin + BLOCK]).all()
            for start in range(0, len(ours), BLOCK)
            for begin in range(0, len(theirs), BLOCK)
        )

    def _distinct(self, group: int) -> Places:
        known = self.distinct.get(group)
        return self.equal[group : group + 1] if known is None else known

    def _join(self, left: int, right: int) -> None:
        if len(self.members.get(left, ())) < len(self.members.get(right, ())):
            left, right = right, left
        self.distinct[left] = np.union1d(self._distinct(left), self._distinct(right))
        self.distinct.pop(right, None)
        moved = self.members.pop(right, [right])
        self.members.setdefault(left, [left]).extend(moved)
        self.group.update(dict.fromkeys([*moved, left], left))
        self._join_said(left, right)
        for far in self.apart.pop(right, set()):
            self.apart[far].discard(right)
            self.apart[far].add(left)
            self.apart.setdefault(left, set()).add(far)

    def _join_said(self, left: int, right: int) -> None:
        said = self.said.pop(right, NOTHING) | self.said.get(left, NOTHING)
        if said:
            self.said[left] = said
