"""Pairs of pictures, of which a bounded number is kept for each picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Values = NDArray[np.float32]

NEAREST = 16
"""Later pictures that are kept of each: ten thousand black frames are near each other, and all
pairs of them would not fit into memory. Groups are made of chains of these pairs, and compared
as a whole."""
PENDING = 4_000_000
"""Pairs from which on the kept ones are chosen anew."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of places, each once; (n,)."""

    some: Places
    others: Places
    """Larger than `some`."""
    values: Values
    """How alike they are, or how far apart, as the finder of the pairs says."""

    @classmethod
    def none(cls) -> Pairs:
        """No pair."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """All pairs of the parts."""
        if not parts:
            return cls.none()
        return cls(
            np.concatenate([one.some for one in parts]),
            np.concatenate([one.others for one in parts]),
            np.concatenate([one.values for one in parts]),
        )

    def __len__(self) -> int:
        return len(self.some)

    def where(self, chosen: NDArray[np.bool_]) -> Pairs:
        """The chosen pairs."""
        return Pairs(self.some[chosen], self.others[chosen], self.values[chosen])

    def distinct(self) -> Pairs:
        """Each pair once."""
        keys = self.some << 32 | self.others
        _, first = np.unique(keys, return_index=True)
        return Pairs(self.some[first], self.others[first], self.values[first])

    def best(self, most: int = NEAREST) -> Pairs:
        """The `most` pairs of largest value of each picture with later ones."""
        order = np.lexsort((self.others, -self.values, self.some))
        some = self.some[order]
        is_first = np.ones(len(some), dtype=bool)
        is_first[1:] = some[1:] != some[:-1]
        starts = np.maximum.accumulate(np.where(is_first, np.arange(len(some)), 0))
        order = order[np.arange(len(some)) - starts < most]
        return Pairs(self.some[order], self.others[order], self.values[order])


class KeptPairs:
    """Collects pairs, and keeps the best of each picture."""

    def __init__(self) -> None:
        self._parts: list[Pairs] = []
        self._pending = 0

    def add(self, pairs: Pairs) -> None:
        """Take in pairs; a pair may come twice."""
        self._parts.append(pairs)
        self._pending += len(pairs)
        if self._pending > PENDING:
            self._parts = [self.best()]
            self._pending = 0

    def best(self) -> Pairs:
        """The kept pairs of all that came in."""
        return Pairs.joined(self._parts).distinct().best()
