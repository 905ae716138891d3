"""int8 codes of vectors in memory, cell by cell: those of a cell lie side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.centroids import Owners
from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.rescoring import Ids

BLOCK = 16_384
"""Codes that are moved at a time."""
CODES_KEPT = 150_000
"""Vectors of a filter of which codes are kept side by side: 512 bytes each for 512 dimensions."""


@dataclass(frozen=True, eq=False)
class CellCodes:
    """Vectors in cells. They never change: additions and removals make others."""

    starts: NDArray[np.int64]
    """(cells + 1,): the first place of each cell, and the end."""
    ids: Ids
    """(n,): of the vector at each place."""
    codes: Codes
    """int8 (n, dim)."""

    @classmethod
    def of(
        cls, ids: Ids, owners: Owners, blocks: deque[Codes], *, cells: int, dim: int
    ) -> CellCodes:
        """n vectors in the cells that own them. blocks: their codes, taken away one by one, so that
        two copies of all are never in memory."""
        order = np.argsort(owners, kind="stable")
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        codes, done = np.empty((len(ids), dim), np.int8), 0
        while blocks:
            block = blocks.popleft()
            codes[places[done : done + len(block)]] = block
            done += len(block)
        sizes = np.bincount(owners, minlength=cells)
        return cls(np.concatenate([[0], sizes.cumsum()]), ids[order], codes)

    def __len__(self) -> int:
        return len(self.ids)

    def of_cell_owners(self) -> Owners:
        """The cell of the vector at each place: int32 (n,)."""
        cells = np.arange(len(self.starts) - 1, dtype=np.int32)
        return np.repeat(cells, np.diff(self.starts))

    def owners(self, ids: Ids) -> Owners:
        """The cells of n vectors, all of which are there: int32 (n,)."""
        order = np.argsort(self.ids)
        places = order[np.searchsorted(self.ids, ids, sorter=order)]
        owners: Owners = self.of_cell_owners()[places]
        return owners

    def blocks(self, kept: NDArray[np.bool_]) -> Iterator[Codes]:
        """The codes at the places that are kept, bool (n,), a part at a time."""
        for start in range(0, len(self), BLOCK):
            part, stay = self.codes[start : start + BLOCK], kept[start : start + BLOCK]
            yield part if stay.all() else part[stay]

    def passing(self, ids: Ids) -> PassingCodes:
        """The given vectors, as far as they are there."""
        places = np.isin(self.ids, ids)
        before = np.concatenate([[0], places.cumsum()])[self.starts]
        cells = before[1:] > before[:-1]
        if before[-1] > CODES_KEPT:
            return PassingCodes(self, cells, places)
        return PassingCodes(CellCodes(before, self.ids[places], self.codes[places]), cells, None)


@dataclass(frozen=True, eq=False)
class PassingCodes:
    """Vectors that pass a filter, in their cells."""

    vectors: CellCodes
    cells: NDArray[np.bool_] | None
    """(cells,): whether any vector of a cell passes; None if it does in each."""
    places: NDArray[np.bool_] | None
    """(n,): whether the vector at a place passes; None if all do."""
