"""int8 codes of vectors in memory, cell by cell: those of a cell lie side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.centroids import Owners
from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.packed_codes import PackedCodes
from mmembed.store.vectors.rescoring import Ids

BLOCK = 16_384
"""Codes that are made at a time."""
SAMPLE = 2048
"""Vectors whose numbers are taken for all."""
FEW_PASSING, IN_CELLS = 131_072, 512
"""Vectors that pass a filter, and cells that hold them, which are all read."""
PACKED_UP_TO = 1_000_000
"""Vectors of a filter of which the leading numbers are packed apart, some 100 bytes each."""

Places = NDArray[np.int64]
"""Of vectors, in the order of their cells."""


@dataclass(frozen=True, eq=False)
class CellCodes:
    """Vectors in cells. They never change: additions and removals make others."""

    starts: NDArray[np.int64]
    """(cells + 1,): the first place of each cell, and the end."""
    ids: Ids
    """(n,): of the vector at each place."""
    codes: Codes
    """int8 (n, dim)."""
    lead: int
    """The first numbers of a code that nearly say how like vectors are."""

    @classmethod
    def of(
        cls,
        ids: Ids,
        owners: Owners,
        codes_of: Callable[[Places], Codes],
        *,
        cells: int,
        shape: tuple[int, int],
    ) -> CellCodes:
        """n vectors in the cells that own them. codes_of: the codes of those at some places among
        the n. They are asked for in the order of cells, so two copies of all are never in memory.
        shape: the length of a code, and its lead."""
        order, (dim, lead) = np.argsort(owners, kind="stable"), shape
        codes = np.empty((len(ids), dim), np.int8)
        for start in range(0, len(ids), BLOCK):
            codes[start : start + BLOCK] = codes_of(order[start : start + BLOCK])
        sizes = np.bincount(owners, minlength=cells)
        return cls(np.concatenate([[0], sizes.cumsum()]), ids[order], codes, lead)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def packed(self) -> PackedCodes:
        """The leading numbers of all codes once more."""
        return PackedCodes.of(self.starts, self.codes[:, : self.lead])

    def left_out(self, code: NDArray[np.int8]) -> float:
        """The standard deviation of the part of inner products with a code, int8 (dim,), that the
        leading numbers leave out."""
        return float(np.linalg.norm(code[self.lead :].astype(np.float32))) * self._width_of_rest

    @cached_property
    def _width_of_rest(self) -> float:
        rest = self.codes[:: max(1, len(self) // SAMPLE), self.lead :].astype(np.float32)
        return float((rest**2).mean() ** 0.5) if rest.size else 0.0

    def of_cell_owners(self) -> Owners:
        """The cell of the vector at each place: int32 (n,)."""
        cells = np.arange(len(self.starts) - 1, dtype=np.int32)
        return np.repeat(cells, np.diff(self.starts))

    def owners_at(self, places: Places) -> NDArray[np.int64]:
        """The cells of vectors at some places, of the same shape."""
        owners: NDArray[np.int64] = np.searchsorted(self.starts, places, side="right") - 1
        return owners

    def every(self) -> PassingCodes:
        """All of them."""
        return PassingCodes(self, self.starts, self.packed)

    def passing(self, ids: Ids) -> PassingCodes:
        """The given vectors, as far as they are there."""
        passes = np.isin(self.ids, ids)
        before = np.concatenate([[0], passes.cumsum()])[self.starts]
        cells = before[1:] > before[:-1]
        if before[-1] > PACKED_UP_TO:
            return PassingCodes(self, self.starts, self.packed, cells, passes=passes)
        places = np.flatnonzero(passes)
        packed = PackedCodes.of(before, self.codes[:, : self.lead][places])
        return PassingCodes(self, before, packed, cells, places=places)


@dataclass(frozen=True, eq=False)
class PassingCodes:
    """Vectors that pass a filter, in their cells."""

    vectors: CellCodes
    starts: NDArray[np.int64]
    """(cells + 1,): the first packed one of each cell, and the end."""
    packed: PackedCodes
    cells: NDArray[np.bool_] | None = None
    """(cells,): whether any vector of a cell passes; None if it does in each."""
    places: Places | None = None
    """(packed,): the place of each packed vector; None if all are packed."""
    passes: NDArray[np.bool_] | None = None
    """(n,): whether the vector at a place passes; None if all that are packed do."""

    @cached_property
    def is_read_whole(self) -> bool:
        """Whether few vectors in few cells pass: reading all of them takes some milliseconds. They
        may be far from a query, where the reach, which is measured for the nearest of all vectors,
        says too little."""
        if self.places is None or self.cells is None or len(self.places) > FEW_PASSING:
            return False
        return bool(np.count_nonzero(self.cells) <= IN_CELLS)

    def passing_in(self, cells: list[int]) -> NDArray[np.bool_] | None:
        """Whether the vectors in some cells pass; None if all do."""
        if self.passes is None:
            return None
        starts = self.starts
        return np.concatenate([self.passes[starts[cell] : starts[cell + 1]] for cell in cells])
