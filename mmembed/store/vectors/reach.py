"""How far a graph is searched for a query: farther where what is found is less like the query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Limits: TypeAlias = tuple[tuple[float, int], ...]
"""(likeness, expansion): queries whose results are less like them are searched with this
expansion. Falling likeness, rising expansions."""


@dataclass(frozen=True)
class Reach:
    """How far a graph is searched, and what it finds then."""

    expansion: int
    """The number of vectors that the first search of a query visits."""
    recall: float = 0.0
    """The share of the nearest ten that was found when it was measured."""
    promise: float = 0.0
    """The share that it was to find."""
    further: Limits | None = ()
    """For the second search of a query. None: chosen by a former release, which knew of none."""

    @classmethod
    def of(
        cls,
        expansion: int,
        recall: float,
        promise: float,
        further: Iterable[Sequence[float]] | None,
    ) -> Reach:
        """A stored one, whose limits JSON has made lists."""
        limits = None
        if further is not None:
            limits = tuple((float(likeness), int(wanted)) for likeness, wanted in further)
        return cls(expansion, recall, promise, limits)

    def expansion_for(self, likeness: float) -> int:
        """The number of vectors to visit for a query. likeness: of the tenth of the first results
        to the query; see hnsw.Near."""
        wanted = [expansion for limit, expansion in self.further or () if likeness < limit]
        return max(wanted, default=self.expansion)

    def visited(self, likeness: float) -> int:
        """The number of vectors that the searches of a query visit together."""
        second = self.expansion_for(likeness)
        return self.expansion if second == self.expansion else self.expansion + second
