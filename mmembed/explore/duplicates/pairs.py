"""Pairs of pictures, of which a bounded number is kept for each picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Values = NDArray[np.float32]

NEAREST = 16
"""Later pictures that are kept of each: ten thousand black frames are near each other, and all
pairs of them would not fit into memory. Groups are made of chains of these pairs, and compared
as a whole."""
NOBODY = -1
CHUNK = 20_000
"""Pictures whose pairs are looked at at a time."""


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

    def where(self, chosen: NDArray[np.bool_] | Places | slice) -> Pairs:
        """The chosen pairs, in the chosen order."""
        return Pairs(self.some[chosen], self.others[chosen], self.values[chosen])

    def distinct(self) -> Pairs:
        """Each pair once."""
        keys = self.some << 32 | self.others
        _, first = np.unique(keys, return_index=True)
        return Pairs(self.some[first], self.others[first], self.values[first])


def chains(places: Places, firsts: Places) -> Pairs:
    """Each place with the next one that has the same first, whose value is 1. places: rising."""
    order = np.argsort(firsts, kind="stable")
    some, others = places[order][:-1], places[order][1:]
    same = firsts[order][:-1] == firsts[order][1:]
    return Pairs(some[same], others[same], np.ones(np.count_nonzero(same), np.float32))


class KeptPairs:
    """Collects pairs, and keeps the best of each picture with later ones. Takes 8 bytes for each
    kept pair, whatever came in."""

    def __init__(self, count: int, most: int = NEAREST) -> None:
        """count: of all pictures; most: pairs that are kept of each."""
        self._others = np.full((count, most), NOBODY, np.int32)
        self._values = np.full((count, most), -np.inf, np.float32)

    def bounds(self, some: Places) -> Values:
        """(n,): the least values of further pairs of these pictures that are kept."""
        return np.asarray(np.nextafter(self._values[some].min(axis=1), np.float32(np.inf)))

    def add(self, pairs: Pairs) -> None:
        """Take in pairs; a pair may come twice, and has its larger value then."""
        order = np.lexsort((-pairs.values, pairs.others, pairs.some))
        some, others = pairs.some[order], pairs.others[order]
        is_first = np.ones(len(order), dtype=bool)
        is_first[1:] = (some[1:] != some[:-1]) | (others[1:] != others[:-1])
        pairs = pairs.where(order[is_first])
        order = np.lexsort((pairs.others, -pairs.values, pairs.some))
        pairs = pairs.where(order)
        starts = np.flatnonzero(np.diff(pairs.some, prepend=-1))
        for first in range(0, len(starts), CHUNK):
            last = starts[first + CHUNK] if first + CHUNK < len(starts) else len(pairs)
            self._merge(pairs.where(slice(starts[first], last)), starts[first : first + CHUNK])

    def _merge(self, pairs: Pairs, starts: Places) -> None:
        """pairs: sorted by picture, best first. starts: where each picture begins, and where the
        first one begins among all."""
        starts = starts - starts[0]
        lengths = np.diff(starts, append=len(pairs))
        row = np.repeat(np.arange(len(starts)), lengths)
        rank = np.arange(len(pairs)) - starts[row]
        most = self._others.shape[1]
        fits = rank < most
        others = np.full((len(starts), most), NOBODY, np.int32)
        values = np.full((len(starts), most), -np.inf, np.float32)
        others[row[fits], rank[fits]] = pairs.others[fits]
        values[row[fits], rank[fits]] = pairs.values[fits]
        self._keep_best(pairs.some[starts], others, values)

    def _keep_best(self, some: Places, others: NDArray[np.int32], values: Values) -> None:
        """Take in pairs of different pictures, (n, most), where NOBODY stands for none."""
        known, known_values = self._others[some], self._values[some]
        same = (known[:, :, None] == others[:, None, :]) & (others[:, None, :] != NOBODY)
        again = np.where(same, values[:, None, :], -np.inf).max(axis=2)
        values = np.where(same.any(axis=1), -np.inf, values)
        joined = np.concatenate([np.maximum(known_values, again), values], axis=1)
        best = np.argsort(-joined, axis=1, kind="stable")[:, : known.shape[1]]
        self._values[some] = np.take_along_axis(joined, best, axis=1)
        self._others[some] = np.take_along_axis(np.concatenate([known, others], 1), best, axis=1)

    def parts(self) -> Iterator[Pairs]:
        """The kept pairs, those of some pictures at a time."""
        for start in range(0, len(self._others), CHUNK):
            values = self._values[start : start + CHUNK]
            rows, columns = np.nonzero(values > -np.inf)
            others = self._others[start + rows, columns].astype(np.int64)
            yield Pairs(start + rows, others, values[rows, columns])

    def all(self) -> Pairs:
        """All kept pairs."""
        return Pairs.joined(list(self.parts()))
