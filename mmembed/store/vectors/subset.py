"""Some of a view's vectors, as a filter leaves them: searched again and again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.generation import Generation
from mmembed.store.vectors.int8_scan import CodeScan, Wanted
from mmembed.store.vectors.rescoring import HEAD, Ids, rank
from mmembed.types import Ranked

WIDE_FROM = 20_000
"""Vectors from which on the graph is searched for those of a subset."""
WIDE_SHARE = 0.04
"""The same as a share of all: of fewer, the graph's candidates would hold too few."""
SPARE = 2
"""Factor for the graph's candidates, since the nearest vectors may hold fewer of a subset."""
MOST_CANDIDATES = 8192
"""Candidates from which on an exact search takes less time."""
CODES_KEPT = 150_000
"""Vectors of a subset of which codes are kept side by side: 512 bytes each for 512 dimensions."""


class Subset:
    """Vectors by their rising ids."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self._codes: tuple[CodeScan, CodeScan] | None = None
        self._places: tuple[CodeScan, Ids] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def contains(self, ids: Ids) -> NDArray[np.bool_]:
        """bool (n,): whether these are of the subset."""
        if not len(self.ids):
            return np.zeros(len(ids), dtype=bool)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        same: NDArray[np.bool_] = self.ids[places] == ids
        return same

    def is_wide(self, generation: Generation) -> bool:
        """Whether the graph is searched for vectors of the subset."""
        least = max(WIDE_FROM, WIDE_SHARE * len(generation))
        return generation.graph is not None and len(self) >= least

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

    def head(self, generation: Generation, query: NDArray[np.float32]) -> Ranked | None:
        """The first results by the graph, HEAD of them; None if it finds too few of the subset, as
        where a folder's theme is another than the query's."""
        size = len(generation)
        count = SPARE * HEAD * size // len(self)
        while count <= MOST_CANDIDATES:
            candidates = generation.candidates(query, count)
            of_subset = candidates[self.contains(candidates)]
            if len(of_subset) >= HEAD:
                return rank(of_subset, generation.table.rows, query, HEAD, size=size)
            count *= SPARE if len(of_subset) > HEAD // 4 else MOST_CANDIDATES
        return None


def first(ranked: Ranked, count: int) -> Ranked:
    """The first `count` results."""
    return Ranked(ranked.ids[:count], ranked.scores[:count], complete=False)
