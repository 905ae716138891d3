"""How far around a query cells are read: as far as its nearest vectors may lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Bands: TypeAlias = tuple[tuple[float, float, int], ...]
"""(likeness, margin, most), by falling likeness: for queries whose tenth vector is at least so like
them; the last one is for all others, too. margin: how much less like them a centroid may be, as a
share of what the tenth has beyond their usual likeness. most: cells that are read."""
Band: TypeAlias = tuple[float, int]
"""(margin, most)."""

EVERYTHING = -1e9
"""A floor that every centroid reaches."""
ALL = 2**31
"""More than there are cells."""
NARROW = 0.5
"""A query lies beside the vectors if its likeness with them varies by less than this share of what
is usual: as texts lie beside images, which are then about equally far."""


@dataclass(frozen=True)
class Usual:
    """The likeness of a query with centroids from all over."""

    mean: float
    spread: float
    """The standard deviation."""


@dataclass(frozen=True)
class Reach:
    """Which cells are read for a query, and what is found in them."""

    bands: Bands = ()
    """Without any, all cells are read."""
    beside: Band = (0.0, ALL)
    """For queries that lie beside the vectors."""
    surely: tuple[float, float] = (ALL, ALL)
    """A vector may be nearer than the leading numbers of its code say by so many standard
    deviations of what they leave out: for queries that lie as the vectors do, and for those that
    lie beside them."""
    spread: float = 0.0
    """The usual spread of queries that lie as the vectors do."""
    recall: float = 0.0
    """The share of the nearest ten that was found when it was measured."""
    promise: float = 0.0
    """The share that it was to find."""

    @classmethod
    def of(
        cls,
        bands: Iterable[Sequence[float]],
        beside: Sequence[float],
        surely: Sequence[float],
        *rest: float,
    ) -> Reach:
        """A stored one, whose tuples JSON has made lists. rest: the other fields."""
        stored = tuple((float(like), float(margin), int(most)) for like, margin, most in bands)
        margin, most = beside
        narrow = float(margin), int(most)
        return cls(stored, narrow, (float(surely[0]), float(surely[1])), *rest)

    def is_beside(self, usual: Usual) -> bool:
        """Whether a query lies beside the vectors."""
        return usual.spread < NARROW * self.spread

    def limits(self, likeness: float, usual: Usual) -> tuple[float, int]:
        """The likeness of a centroid and a query from which on its cell is read, and how many cells
        are read at most. likeness: of the query and the tenth vector so far. It may rise as more is
        read, and the floor with it."""
        if not self.bands:
            return EVERYTHING, ALL
        if self.is_beside(usual):
            margin, most = self.beside
            return _floor(likeness, margin, usual), most
        floors, most, above = [], 0, float("inf")
        for place, (limit, margin, cells) in enumerate(self.bands):
            last = place == len(self.bands) - 1
            if likeness < above:
                floors.append(_floor(likeness if last else max(likeness, limit), margin, usual))
                most = most or cells if likeness >= limit or last else most
            above = limit
        return min(floors), most


def _floor(likeness: float, margin: float, usual: Usual) -> float:
    return likeness - margin * max(likeness - usual.mean, 0.0)
