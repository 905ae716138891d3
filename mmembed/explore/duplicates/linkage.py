"""Pairs → groups by complete linkage: in a group, each two pictures belong together.

The closest pair comes first. Two groups become one if each picture of one belongs with each of the
other. So a chain, in which only neighbours are alike, does not become a group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.centres import Rule
from mmembed.explore.duplicates.group import Group
from mmembed.explore.duplicates.pairs import Pairs

Places = NDArray[np.int64]
Said: TypeAlias = Mapping[int, frozenset[int]]
"""Of a place, the decisions that it is in; two places with one in common are no duplicates."""
NOTHING: frozenset[int] = frozenset()


def linked(pairs: Pairs, rule: Rule, said: Said, equal: Places) -> list[list[int]]:
    """The groups of two and more, each with rising places, by their first places.

    pairs: of pictures that belong together, with larger values for closer ones. equal: (n,), for
    each place the first that is equal to it in all that the rule looks at: thousands of black
    frames are compared as one. Of thousands that differ, most are not compared, see `group`; a
    group that would need too many comparisons stays in parts.
    """
    linkage = _Linkage(rule, dict(said), equal)
    order = np.lexsort((pairs.others, pairs.some, -pairs.values))
    for some, other in zip(pairs.some[order].tolist(), pairs.others[order].tolist(), strict=True):
        linkage.try_to_join(some, other)
    return sorted(sorted(group.members) for group in linkage.groups.values())


@dataclass
class _Linkage:
    rule: Rule
    said: dict[int, frozenset[int]]
    equal: Places
    groups: dict[int, Group] = field(default_factory=dict)
    """Of two pictures and more, by one of them."""
    group_of: dict[int, int] = field(default_factory=dict)
    """Of each place that is not alone."""
    apart: dict[int, set[int]] = field(default_factory=dict)
    """Groups that were compared and do not belong together; they never will."""

    def try_to_join(self, some: int, other: int) -> None:
        """Make one group of the groups of two places, which belong together, if all others of the
        two groups do."""
        left, right = self.group_of.get(some, some), self.group_of.get(other, other)
        if left == right or right in self.apart.get(left, ()):
            return
        ours, theirs = self._group(left), self._group(right)
        if len(ours.members) < len(theirs.members):
            left, right, ours, theirs = right, left, theirs, ours
        is_said = self.said.get(left, NOTHING) & self.said.get(right, NOTHING)
        reaches = None if is_said else ours.reaches_if_one(theirs)
        if reaches is None:
            self.apart.setdefault(left, set()).add(right)
            self.apart.setdefault(right, set()).add(left)
            return
        ours.take_in(theirs, reaches)
        self.group_of.update(dict.fromkeys([*theirs.members, left], left))
        self.groups[left] = ours
        self.groups.pop(right, None)
        self._join_said(left, right)
        self._join_apart(left, right)

    def _group(self, name: int) -> Group:
        known = self.groups.get(name)
        return Group(self.rule, name, int(self.equal[name])) if known is None else known

    def _join_said(self, left: int, right: int) -> None:
        said = self.said.pop(right, NOTHING) | self.said.get(left, NOTHING)
        if said:
            self.said[left] = said

    def _join_apart(self, left: int, right: int) -> None:
        for far in self.apart.pop(right, set()):
            self.apart[far].discard(right)
            self.apart[far].add(left)
            self.apart.setdefault(left, set()).add(far)
