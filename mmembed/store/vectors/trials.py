"""Queries that are tried on cells, and how much must be read to find their nearest vectors.

Each of the nearest says by its measures whether a reach finds it. So a choice of how far to read
costs no search.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numkong
import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.cell_codes import Places
from mmembed.store.vectors.cell_search import products, usual_likeness
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.clustering import check
from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.packed_codes import packed
from mmembed.store.vectors.reach import NARROW, Band, Reach
from mmembed.store.vectors.rescoring import Rows
from mmembed.store.vectors.table import Table

K = 10
"""Results of a query of which the share that is found is measured."""
CANDIDATES = 64
"""The nearest by codes, of which the nearest K are chosen by their exact cosines."""
BLOCK = 4096
"""Codes that are compared with all queries at a time."""
BAND = 96
"""Queries that get a margin together; their share has a standard error of some 0.003."""
BY_CODES = 0.25
"""Share of the permitted misses that the leading numbers of codes may cause."""
MARGINS = 24
"""Margins that are compared for a band."""
TIE = 1e-6
"""Cosines that differ by less are equal."""

Cosines = NDArray[np.float32]
Queries = NDArray[np.int64]
"""The places of some queries among all."""


@dataclass(frozen=True)
class Trials:
    """m queries, and the reading that finds their nearest K."""

    rows: Rows
    limits: Cosines
    """(m,): the cosines of their K-th."""
    margins: Cosines
    """(m, K): see reach.Bands."""
    ranks: NDArray[np.int64]
    """(m, K): the places of the cells of the nearest among all, counted from 1."""
    needed: Cosines
    """(m, K): see Reach.surely."""
    likeness: Cosines
    """(m, cells): of the centroids."""
    usual: NDArray[np.float64]
    """(m,): the mean likeness of centroids from all over."""
    bands: tuple[Queries, ...]
    """The queries in each band, by falling likeness; those beside the vectors last."""
    spread: float
    """See Reach."""

    def reach(self, share: float, promise: float) -> Reach:
        """The reach that reads the fewest cells of those with which the share of the nearest is
        found in each band."""
        *wide, narrow = self.bands
        surely = self._surely(np.concatenate([*wide, narrow[:0]]), share)
        bands = tuple(
            (float(self.limits[band].min()), *self._band(band, share, surely)) for band in wide
        )
        if not len(narrow):
            return Reach(bands, bands[-1][1:], (surely, surely), self.spread, promise=promise)
        beside = self._surely(narrow, share)
        band = self._band(narrow, share, beside)
        return Reach(bands, band, (surely, beside), self.spread, promise=promise)

    def _surely(self, queries: Queries, share: float) -> float:
        if not len(queries):
            return 0.0
        of_codes = 1 - BY_CODES * (1 - share)
        return float(np.quantile(self.needed[queries], of_codes, method="higher"))

    def _band(self, band: Queries, share: float, surely: float) -> Band:
        """The margin and the number of cells that read the fewest cells on average."""
        ranks, margins = self.ranks[band], self.margins[band]
        survive = self.needed[band] <= surely
        enough = min(int(np.ceil(share * survive.size)), int(survive.sum()))
        shares = np.linspace((2 + share) / 3, 1, MARGINS)  # filtered searches have the margin alone
        choices = []
        for margin in np.quantile(margins, shares, method="higher"):
            found = np.sort(ranks[survive & (margins <= margin)])
            if len(found) >= enough:
                most = int(found[enough - 1])
                read = np.minimum(self._near(band, float(margin)), most).mean()
                choices.append((float(read), float(margin), most))
        _, margin, most = min(choices)
        return margin, most

    def _near(self, band: Queries, margin: float) -> NDArray[np.int64]:
        """The number of cells above the floor of each query: (queries,)."""
        limits = self.limits[band]
        floors = limits - margin * np.maximum(limits - self.usual[band], TIE)
        near: NDArray[np.int64] = (self.likeness[band] >= floors[:, None]).sum(axis=1)
        return near


def nearest(
    cells: Cells, table: Table, rows: Rows, count: int, go_on: Callable[[], bool] = lambda: True
) -> tuple[Places, Cosines]:
    """The `count` nearest vectors to each of (m, dim) queries, in no order: their places in the
    cells, int64 (m, count), and cosines. There are at least so many vectors. All codes are read
    once by each core, which looks for its share of the queries. Raises StoreError once the work may
    not go on."""
    cores = os.cpu_count() or 1
    parts = np.array_split(cells.rotation.codes_of(rows), cores)
    with ThreadPoolExecutor(cores) as pool:
        looked = pool.map(lambda codes: _nearest_codes(cells.vectors.codes, codes, go_on), parts)
        candidates = np.concatenate(list(looked))
    places = np.empty((len(rows), count), np.int64)
    cosines = np.empty((len(rows), count), np.float32)
    for row, (query, some) in enumerate(zip(rows, candidates, strict=True)):
        some = some[some >= 0]
        exact = table.rows(cells.vectors.ids[some]) @ query
        kept = np.argpartition(-exact, count - 1)[:count]
        places[row], cosines[row] = some[kept], exact[kept]
    return places, cosines


def _nearest_codes(codes: Codes, queries: Codes, go_on: Callable[[], bool]) -> Places:
    """The places of the CANDIDATES that are nearest by their codes to each of (m, dim) queries:
    int64 (m, CANDIDATES), -1 where there are fewer."""
    best = np.full((len(queries), CANDIDATES), -np.iinfo(np.int32).max, np.int32)
    places = np.full(best.shape, -1, np.int64)
    for start in range(0, len(codes) if len(queries) else 0, BLOCK):
        check(go_on)
        block = codes[start : start + BLOCK]
        product: Any = numkong.dots_packed(queries, packed(block))
        scores = np.asarray(product)[:, : len(block)]
        for row in np.flatnonzero(scores.max(axis=1) > best.min(axis=1)):
            above = np.flatnonzero(scores[row] > best[row].min())
            both = np.concatenate([best[row], scores[row, above]])
            kept = np.argpartition(-both, CANDIDATES - 1)[:CANDIDATES]
            best[row] = both[kept]
            places[row] = np.concatenate([places[row], start + above])[kept]
    return places


def tried(cells: Cells, table: Table, sets: Sequence[Rows], go_on: Callable[[], bool]) -> Trials:
    """Find the nearest of some sets of queries, and how much must be read for them. The first set
    lies as the vectors do. Raises StoreError once the work may not go on."""
    rows = np.concatenate(sets)
    places, cosines = nearest(cells, table, rows, K, go_on)
    limits, scale = cosines.min(axis=1), cells.rotation.squared_length
    owners, leading = cells.vectors.owners_at(places), cells.rotation.lead
    codes = cells.rotation.codes_of(rows)
    likeness = (cells.centroids.scores(codes) / scale).astype(np.float32)
    margins, ranks = np.empty(places.shape, np.float32), np.empty(places.shape, np.int64)
    needed = np.empty(places.shape, np.float32)
    usual = [usual_likeness(own, 1) for own in likeness]
    for row, (code, own, limit) in enumerate(zip(codes, owners, limits, strict=True)):
        near = cells.vectors.codes[places[row]]
        short = limit * scale - products(near[:, :leading], code[:leading])
        needed[row] = short / max(cells.vectors.left_out(code), 1.0)
        beyond = max(float(limit) - usual[row].mean, TIE)
        margins[row] = (limit - likeness[row, own]) / beyond
        ranks[row] = (likeness[row][:, None] >= likeness[row, own]).sum(axis=0)
    means, spreads = np.array([(one.mean, one.spread) for one in usual]).T
    spread = float(np.median(spreads[: len(sets[0])]))
    bands = banded(limits, spreads < NARROW * spread)
    return Trials(rows, limits, margins, ranks, needed, likeness, means, bands, spread)


def banded(limits: Cosines, beside: NDArray[np.bool_]) -> tuple[Queries, ...]:
    """The places of m queries in bands by falling likeness, and those beside the vectors."""
    order = np.argsort(-limits, kind="stable")
    wide = order[~beside[order]]
    return *np.array_split(wide, max(1, len(wide) // BAND)), order[beside[order]]
