"""An int8 copy of the vectors: scanning it leaves few candidates for the best of a query.

The error of a cosine from the copy has a known bound for every vector. So the candidates include
all the best, and only they need exact scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.int8_codes import Codes, Columns, Grid, QueryCodes, Scores, about_each
from mmembed.store.vectors.rescoring import Ids, Rows, chunks

BLOCK = 16_384
"""Vectors in one array of codes; new vectors are appended to a copy of the last array."""
PORTION = 1024
"""Vectors that are encoded at a time, so that their memory stays in the cache."""
SAMPLE = 4096
"""Vectors that the grid is fitted to."""
GROUP = 64
"""Size of a group of values of which only the largest is compared."""

COPIED = 4
"""Part of a block's vectors from which on all are scored: copying some takes longer."""

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Wanted:
    """A query of a scan."""

    query: NDArray[np.float32]
    """(dim,), unit-norm."""
    count: int
    """How many of the nearest, at least 1."""


@dataclass(frozen=True)
class CodeScan:
    """The codes of vectors, in blocks. A scan never changes, so many threads may search it at once.
    Additions and removals make another scan, which shares the unchanged blocks."""

    ids: Ids
    grid: Grid
    blocks: tuple[Codes, ...]
    columns: Columns
    fitted: int
    """The number of vectors that the grid was fitted to."""

    @classmethod
    def of(cls, ids: Ids, rows_of: Callable[[Ids], Rows]) -> CodeScan:
        """A scan over these vectors, whose rows are read in portions."""
        grid = Grid.of(rows_of(ids[:: max(1, -(-len(ids) // SAMPLE))]))
        parts = [_encoded(grid, some, rows_of) for some in chunks(ids, BLOCK)]
        columns = np.hstack([np.empty((3, 0), np.float32), *(part[1] for part in parts)])
        return cls(ids, grid, tuple(part[0] for part in parts), columns, len(ids))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def outgrown(self) -> bool:
        """Whether so many vectors were added that the grid should be fitted again."""
        return len(self) > 2 * self.fitted

    def with_more(self, ids: Ids, rows: Rows) -> CodeScan:
        """This scan with some new vectors."""
        codes, columns = self.grid.encode(rows)
        full = self.blocks
        if full and len(full[-1]) < BLOCK:
            codes, full = np.concatenate([full[-1], codes]), full[:-1]
        return replace(
            self,
            ids=np.concatenate([self.ids, ids]),
            blocks=(*full, codes),
            columns=np.hstack([self.columns, columns]),
        )

    def without(self, ids: Ids) -> CodeScan:
        """This scan without some of its vectors."""
        stays = ~np.isin(self.ids, ids)
        kept = (block if stays[part].all() else block[stays[part]] for part, block in self._parts())
        return replace(
            self,
            ids=self.ids[stays],
            blocks=tuple(block for block in kept if len(block)),
            columns=self.columns[:, stays],
        )

    def only(self, ids: Ids) -> CodeScan:
        """A scan over those of these vectors that are in this one, one after the other."""
        stays = np.isin(self.ids, ids)
        kept = [block[stays[part]] for part, block in self._parts()]
        blocks = (np.concatenate(kept),) if stays.any() else ()
        return replace(self, ids=self.ids[stays], blocks=blocks, columns=self.columns[:, stays])

    def brought_to(self, ids: Ids, rows_of: Callable[[Ids], Rows]) -> CodeScan:
        """A scan over these vectors, of which this one may have others and lack some."""
        gone = self.ids[~np.isin(self.ids, ids, assume_unique=True)]
        new = ids[~np.isin(ids, self.ids, assume_unique=True)]
        scan = self.without(gone) if len(gone) else self
        return scan.with_more(new, rows_of(new)) if len(new) else scan

    def nearest(self, wanted: Sequence[Wanted]) -> list[Ids]:
        """For each query, all candidates for its nearest vectors, in no order. The codes are read
        once for all queries."""
        coarse = [self.grid.encoded(search.query, planes=1) for search in wanted]
        about = np.empty((len(wanted), len(self)))
        for at, block in self._parts():
            about[:, at] = about_each(coarse, block, self.columns[0, at])
        nearest_ids = []
        for search, query_codes, row in zip(wanted, coarse, about, strict=True):
            places = self._near(query_codes, row, self.columns, search.count)
            nearest_ids.append(self.ids[self._nearer(search, places)])
        return nearest_ids

    def places_of(self, ids: Ids) -> Places:
        """The places of the given vectors that are there, rising."""
        return np.flatnonzero(np.isin(self.ids, ids))

    def nearest_at(self, search: Wanted, places: Places) -> Ids:
        """All candidates for the nearest of the vectors at rising places."""
        coarse = self.grid.encoded(search.query, planes=1)
        return self.ids[self._nearer(search, self._left(coarse, search.count, places))]

    def _nearer(self, search: Wanted, places: Places) -> Places:
        # A query in 8 bits leaves some hundreds, and in 16 bits some tens of these.
        return self._left(self.grid.encoded(search.query, planes=2), search.count, places)

    def _left(self, query_codes: QueryCodes, count: int, places: Places) -> Places:
        """The candidates for the `count` nearest among the vectors at rising places."""
        if count >= len(places):
            return places
        parts = []
        for at, block in self._parts():
            first, last = np.searchsorted(places, (at.start, at.stop))
            if first < last:
                some = places[first:last]
                parts.append(self._about(query_codes, at, block, some))
        return places[
            self._near(query_codes, np.concatenate(parts), self.columns[:, places], count)
        ]

    def _about(self, query_codes: QueryCodes, at: slice, block: Codes, places: Places) -> Scores:
        if len(places) * COPIED < len(block):
            return query_codes.about(block[places - at.start], self.columns[0, places])
        scores: Scores = query_codes.about(block, self.columns[0, at])[places - at.start]
        return scores

    def _near(self, query_codes: QueryCodes, about: Scores, columns: Columns, count: int) -> Places:
        """The places whose cosine may be among the `count` largest, rising. The own error bound is
        computed for few places. The others cannot reach the limit even with the largest bound of
        all."""
        if count >= len(about):
            return np.arange(len(about))
        best = np.flatnonzero(about >= reached(about, count))
        surely = float((about[best] - query_codes.off(columns[:, best])).min())
        some = np.flatnonzero(about >= surely - float(query_codes.off(self._widest)[0]))
        off = query_codes.off(columns[:, some])
        low, high = about[some] - off, about[some] + off
        near: Places = some[high >= np.partition(low, -count)[-count]]
        return near

    @cached_property
    def _widest(self) -> Columns:
        """float32 (3, 1): the largest of each column."""
        largest: Columns = self.columns.max(axis=1, keepdims=True)
        return largest

    def _parts(self) -> Iterator[tuple[slice, Codes]]:
        start = 0
        for block in self.blocks:
            yield slice(start, start + len(block)), block
            start += len(block)


def _encoded(grid: Grid, ids: Ids, rows_of: Callable[[Ids], Rows]) -> tuple[Codes, Columns]:
    parts = [grid.encode(rows_of(some)) for some in chunks(ids, PORTION)]
    return np.concatenate([part[0] for part in parts]), np.hstack([part[1] for part in parts])


def reached(values: NDArray[Any], count: int) -> float:
    """A number that at least `count` of (n,) values reach, and about no more than that."""
    if count * GROUP * 4 <= len(values):
        # Choosing among the largest of each group is several times faster. Groups of values far
        # apart seldom hold two of the largest.
        groups = len(values) // GROUP
        values = values[: groups * GROUP].reshape(GROUP, groups).max(axis=0)
    place = len(values) - count
    return float(np.partition(values, place)[place])
