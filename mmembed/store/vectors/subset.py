"""Some of a view's vectors, as a filter leaves them: searched again and again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.cell_codes import PassingCodes
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.generation import Generation
from mmembed.store.vectors.int8_scan import CodeScan, Wanted
from mmembed.store.vectors.rescoring import Ids
from mmembed.types import Ranked

CODES_KEPT = 150_000
"""Vectors of which codes are kept side by side: 512 bytes each for 512 dimensions."""
WIDE_FROM = 20_000
"""Vectors from which on the cells are read for those of a subset; of fewer, all are scanned."""


class Subset:
    """Vectors by their rising ids."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self._codes: tuple[CodeScan, CodeScan] | None = None
        self._places: tuple[CodeScan, Ids] | None = None
        self._passing: tuple[Cells, PassingCodes] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def is_wide(self, generation: Generation) -> bool:
        """Whether the cells are searched for vectors of the subset."""
        return generation.cells is not None and len(self) >= WIDE_FROM

    def nearest(self, scan: CodeScan, search: Wanted) -> tuple[Ids, int]:
        """All candidates for the nearest vectors of the subset by a scan of all, and how many of
        the subset there are."""
        if len(self) > CODES_KEPT:
            there = self._places
            if there is None or there[0] is not scan:
                self._places = there = scan, scan.places_of(self.ids)
            return scan.nearest_at(search, there[1]), len(there[1])
        kept = self._codes
        if kept is None or kept[0] is not scan:
            self._codes = kept = scan, scan.only(self.ids)
        [near] = kept[1].nearest([search])
        return near, len(kept[1])

    def head(self, generation: Generation, query: NDArray[np.float32]) -> Ranked:
        """The first results by the cells."""
        cells, kept = generation.cells, self._passing
        assert cells is not None
        if kept is None or kept[0] is not cells:
            self._passing = kept = cells, cells.vectors.passing(self.ids)
        return generation.head_among(query, self.ids, kept[1])


def first(ranked: Ranked, count: int) -> Ranked:
    """The first `count` results."""
    return Ranked(ranked.ids[:count], ranked.scores[:count], complete=False)
