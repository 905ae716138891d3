"""An int8 copy of the vectors: read once per query, it leaves few that may be among the best.

What the copy says of a cosine is off by no more than a bound that is known for every vector,
so the few that it leaves include all the best, and exact scores of those are all it takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mmembed.index.grid import Asked, Codes, Columns, Grid
from mmembed.index.scoring import Ids, Rows, chunks

BLOCK = 16_384
"""Vectors in one array of codes; what comes in is appended to the last one, by copying it."""
PORTION = 1024
"""Vectors that are encoded at a time: memory is touched again while it is in the cache."""
SAMPLE = 4096
"""Vectors that the grid is fitted to."""
READ_BY_ALL = 5
"""Blocks from which on all cores read them; fewer are read before another thread wakes."""
GROUP = 64
"""Values of which only the largest is looked at."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Scan:
    """The codes of vectors, in blocks. It never changes, so that many may search it at once:
    what comes and goes makes another scan, which shares the blocks that stay as they were."""

    ids: Ids
    grid: Grid
    blocks: tuple[Codes, ...]
    columns: Columns
    fitted: int
    """How many vectors there were when the grid was fitted to them."""

    @classmethod
    def of(cls, ids: Ids, rows_of: Callable[[Ids], Rows]) -> Scan:
        """A scan over these vectors, whose rows are read in portions."""
        grid = Grid.of(rows_of(ids[:: max(1, -(-len(ids) // SAMPLE))]))
        parts = [_encoded(grid, some, rows_of) for some in chunks(ids, BLOCK)]
        columns = np.hstack([np.empty((3, 0), np.float32), *(part[1] for part in parts)])
        return cls(ids, grid, tuple(part[0] for part in parts), columns, len(ids))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def outgrown(self) -> bool:
        """Whether so many vectors came in that a grid should be fitted to them."""
        return len(self) > 2 * self.fitted

    def with_more(self, ids: Ids, rows: Rows) -> Scan:
        """This scan and some vectors that it has not."""
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

    def without(self, ids: Ids) -> Scan:
        """This scan less some of its vectors."""
        stays = ~np.isin(self.ids, ids)
        kept = (block if stays[part].all() else block[stays[part]] for part, block in self._parts())
        return replace(
            self,
            ids=self.ids[stays],
            blocks=tuple(block for block in kept if len(block)),
            columns=self.columns[:, stays],
        )

    def nearest(
        self, query: NDArray[np.float32], count: int, among: Ids | None = None
    ) -> tuple[Ids, int]:
        """All vectors that may be among the `count` nearest to a unit-norm float32 (dim,)
        query, in no order, and how many there are to choose from: all, or these if given."""
        places = None if among is None else np.flatnonzero(np.isin(self.ids, among))
        size = len(self) if places is None else len(places)
        if count < size:
            # In 8 bits the query leaves some hundreds, and in 16 of those some tens.
            for planes in (1, 2):
                places = self._left(self.grid.asked(query, planes), max(count, 1), places)
        return (self.ids if places is None else self.ids[places]), size

    def _left(self, asked: Asked, count: int, places: Places | None) -> Places:
        parts = list(self._read(places))
        # Reading memory is the work, and every core reads beside the others, without the GIL.
        each = _readers().map if len(parts) >= READ_BY_ALL else map
        bounds = list(each(lambda part: asked.bounds(*part), parts))
        low, high = (np.concatenate(part) for part in zip(*bounds, strict=True))
        near = np.flatnonzero(high >= reached(low, count))
        return near if places is None else places[near]

    def _read(self, places: Places | None) -> Iterator[tuple[Codes, Columns]]:
        for part, block in self._parts():
            if places is None:
                yield block, self.columns[:, part]
                continue
            first, last = np.searchsorted(places, (part.start, part.stop))
            if first < last:
                some = places[first:last]
                yield block[some - part.start], self.columns[:, some]

    def _parts(self) -> Iterator[tuple[slice, Codes]]:
        start = 0
        for block in self.blocks:
            yield slice(start, start + len(block)), block
            start += len(block)


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, "scan")


def _encoded(grid: Grid, ids: Ids, rows_of: Callable[[Ids], Rows]) -> tuple[Codes, Columns]:
    parts = [grid.encode(rows_of(some)) for some in chunks(ids, PORTION)]
    return np.concatenate([part[0] for part in parts]), np.hstack([part[1] for part in parts])


def reached(values: NDArray[np.float64], count: int) -> float:
    """A number that at least `count` of (n,) values reach, and about no more than that."""
    if count * GROUP * 4 <= len(values):
        # The largest of each group: several times faster to choose from than all, and groups
        # of values far apart seldom hold two of the largest.
        groups = len(values) // GROUP
        values = values[: groups * GROUP].reshape(GROUP, groups).max(axis=0)
    place = len(values) - count
    return float(np.partition(values, place)[place])
