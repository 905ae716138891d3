"""The leading numbers of codes, packed cell by cell.

numkong multiplies a vector with packed rows several times as fast as with others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numkong
import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.int8_codes import Codes

PADDED = 8
"""Rows are packed in multiples of so many: others take four times as long."""


def packed(codes: Codes) -> Any:
    """Rows that are multiplied with others again and again, int8 (n, dim), n > 0. Further rows of
    zeros are behind them."""
    rows = np.zeros((len(codes) + -len(codes) % PADDED, codes.shape[1]), np.int8)
    rows[: len(codes)] = codes
    return numkong.dots_pack(rows)


@dataclass(frozen=True, eq=False)
class PackedCodes:
    """The leading numbers of vectors in cells."""

    cells: tuple[Any, ...]
    """The packed rows of each cell; None where it has none."""
    sizes: NDArray[np.int64]
    """(cells,): rows of each cell."""

    @classmethod
    def of(cls, starts: NDArray[np.int64], codes: Codes) -> PackedCodes:
        """codes: int8 (n, lead) or a part of the columns of others, cell by cell. starts:
        (cells + 1,), the first row of each cell, and the end."""
        ends = starts.tolist()
        cells = (
            packed(codes[start:stop]) if stop > start else None for start, stop in pairwise(ends)
        )
        return cls(tuple(cells), np.diff(starts))

    def scores(self, code: Codes, cells: Sequence[int]) -> NDArray[np.int32]:
        """The inner products with the vectors in some cells, one cell after the other: int8 (1,
        lead) → int32 (n,)."""
        sizes = self.sizes[cells].tolist()
        scores, done = np.empty(sum(sizes) + PADDED, np.int32), 0
        address = scores.ctypes.data
        for cell, size in zip(cells, sizes, strict=True):
            if size:  # the zeros behind a cell are overwritten by the next one
                shape = (1, size + -size % PADDED)
                place = numkong.from_pointer(address + 4 * done, shape, "int32")
                numkong.dots_packed(code, self.cells[cell], out=place)
                done += size
        return scores[:done]
