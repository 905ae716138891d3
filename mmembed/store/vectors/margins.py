"""How far around a query must cells be read, so that what was promised is found?

The nearest vectors of a query lie in cells whose centroids are about as like it as they are, or
less. The margin is how much less. It is measured with queries that lead from the vectors
themselves to directions as wide as they are spread. The last queries lie beside all vectors, as
texts lie beside all images. The queries are ordered by the likeness of their tenth vectors. Each
band of them gets the least margin that is enough, and the least number of cells.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.cell_search import products, usual_likeness
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.clustering import PORTION, check
from mmembed.store.vectors.reach import ALL, NARROW, Band, Reach
from mmembed.store.vectors.rescoring import POOL, Ids, Rows, chunks, rank
from mmembed.store.vectors.table import Table

log = logging.getLogger(__name__)

K = 10
"""Results of a query of which the share that is found is measured."""
TURNS = (0, 25, 40, 55, 70, 90)
"""Degrees by which vectors are turned towards directions as wide as they are spread."""
BESIDE = 82
"""Degrees by which such directions are turned towards any: then they are as narrow as texts are
among images, and find as much in as many cells."""
QUERIES = 128
"""Queries of each turn."""
BAND = 96
"""Queries that get a margin together; their share has a standard error of some 0.003."""
SAMPLE = 1024
"""Vectors whose spread the directions have."""
FEW = 2_000
"""Vectors up to which all cells are read."""
SEED = 11
ATTEMPTS = ((0.5, 4.0), (0.7, 6.0), (0.85, 8.0), (0.95, 12.0), (1.0, float(ALL)))
"""Share of the permitted misses that is not used up, since other queries may miss more, and what
Reach.surely is at least. Larger ones where the cells find less than was measured."""
TIE = 1e-6
"""Cosines that differ by less are equal."""

Shares = NDArray[np.float64]
Cosines = NDArray[np.float32]


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
    bands: tuple[NDArray[np.int64], ...]
    """The places of queries in each band, by falling likeness; those beside the vectors last."""
    spread: float
    """See Reach."""

    def reach(self, share: float, promise: float, surely: float) -> Reach:
        """The reach with which the share of the nearest is found in each band. surely: see Reach;
        of queries beside the vectors at least."""
        *wide, narrow = self.bands
        bands = tuple((float(self.limits[band].min()), *self._band(band, share)) for band in wide)
        beside = self._band(narrow, share) if len(narrow) else bands[-1][1:]
        least = surely
        if len(narrow):
            least = float(np.quantile(self.needed[narrow], _each(share), method="higher"))
        return Reach(bands, beside, (surely, max(surely, least)), self.spread, promise=promise)

    def _band(self, band: NDArray[np.int64], share: float) -> Band:
        margin = np.quantile(self.margins[band], _each(share), method="higher")
        most = np.quantile(self.ranks[band], _each(share), method="higher")
        return float(margin), int(most)


def _each(share: float) -> float:
    """A third of the misses is by the margin, one by the number of cells, and one by codes."""
    return (2 + share) / 3


def choose_reach(
    cells: Cells, table: Table, promise: float, go_on: Callable[[], bool] = lambda: True
) -> None:
    """Set how far cells are read for a query: as far as finds the promised share of the nearest ten
    vectors, with some misses to spare. Takes half a minute or more for a million vectors. Raises
    StoreError once it may not go on."""
    if len(table) <= FEW:  # then reading all takes less time than finding out what to read
        cells.reach = Reach(recall=1.0, promise=promise)
        return
    trials = tried(cells, table, queries(table), go_on)
    for spared, surely in ATTEMPTS:
        cells.reach = reach = trials.reach(promise + (1 - promise) * spared, promise, surely)
        shares = found(cells, table, trials.rows, trials.limits, go_on)
        recall = min(float(shares[band].mean()) for band in trials.bands if len(band))
        cells.reach = replace(reach, recall=recall)
        if recall >= promise:
            return
    log.warning(
        "of the hardest queries, the cells find %.3f of the nearest ten, less than %.3f",
        cells.reach.recall,
        promise,
    )


def queries(table: Table) -> list[Rows]:
    """For each turn, vectors from all over a table that are turned so far towards directions as
    wide as the vectors are spread. The last ones lie beside all vectors. float32 (m, dim),
    unit-norm."""
    ids = table.ids
    sample = table.rows(ids[:: max(1, -(-len(ids) // SAMPLE))])
    own = sample[:: max(1, -(-len(sample) // QUERIES))]
    spread, random = sample - sample.mean(axis=0), np.random.default_rng(SEED)
    turned = []
    for turn in np.radians(TURNS):
        weights = random.normal(size=(len(own), len(sample))).astype(np.float32)
        directions = _unit(weights @ spread + np.float32(TIE))
        turned.append(_unit(np.cos(turn) * own + np.sin(turn) * directions))
    any_direction = _unit(random.normal(size=own.shape))
    aside = np.radians(BESIDE)
    return [*turned, _unit(np.cos(aside) * turned[-1] + np.sin(aside) * any_direction)]


def _unit(rows: NDArray[Any]) -> Rows:
    scaled: Rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def nearest(
    table: Table, rows: Rows, count: int, go_on: Callable[[], bool] = lambda: True
) -> tuple[Ids, Cosines]:
    """The `count` nearest vectors to each of (m, dim) queries, in no order: their ids, int64
    (m, count), and cosines. There are at least so many vectors."""
    ids = np.zeros((len(rows), count), np.int64)
    best = np.full((len(rows), count), -2, dtype=np.float32)
    for some in chunks(table.ids, PORTION):
        check(go_on)
        cosines = rows @ table.rows(some).T
        for row in np.flatnonzero(cosines.max(axis=1) > best.min(axis=1)):
            both = np.concatenate([best[row], cosines[row]])
            kept = np.argpartition(-both, count - 1)[:count]
            best[row], ids[row] = both[kept], np.concatenate([ids[row], some])[kept]
    return ids, best


def tried(cells: Cells, table: Table, sets: Sequence[Rows], go_on: Callable[[], bool]) -> Trials:
    """Find the nearest of some sets of queries, and how much must be read for them. The first set
    lies as the vectors do."""
    rows = np.concatenate(sets)
    ids, cosines = nearest(table, rows, K, go_on)
    limits = cosines.min(axis=1)
    places = cells.vectors.places_of(ids.ravel()).reshape(ids.shape)
    owners, leading = cells.vectors.of_cell_owners()[places], cells.rotation.lead
    margins, ranks = np.empty(ids.shape, np.float32), np.empty(ids.shape, np.int64)
    needed = np.empty(ids.shape, np.float32)
    spreads = np.empty(len(rows))
    for place, (row, own, limit) in enumerate(zip(rows, owners, limits, strict=True)):
        code, scale = cells.rotation.code_of(row), cells.rotation.squared_length
        scores = cells.centroids.scores(code[None])[0]
        codes = cells.vectors.codes[places[place]]
        short = limit * scale - products(codes[:, :leading], code[:leading])
        needed[place] = short / max(cells.vectors.left_out(code), 1.0)
        usual, likeness = usual_likeness(scores, scale), scores / scale
        margins[place] = (limit - likeness[own]) / max(limit - usual.mean, TIE)
        ranks[place] = (likeness[:, None] >= likeness[own]).sum(axis=0)
        spreads[place] = usual.spread
    spread = float(np.median(spreads[: len(sets[0])]))
    bands = banded(limits, spreads < NARROW * spread)
    return Trials(rows, limits, margins, ranks, needed, bands, spread)


def banded(limits: Cosines, beside: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """The places of m queries in bands by falling likeness, and those beside the vectors."""
    order = np.argsort(-limits, kind="stable")
    wide = order[~beside[order]]
    return *np.array_split(wide, max(1, len(wide) // BAND)), order[beside[order]]


def found(
    cells: Cells, table: Table, rows: Rows, limits: Cosines, go_on: Callable[[], bool]
) -> Shares:
    """The share of the nearest K that cells find for each of m queries, as they are set. limits:
    the cosines of the K-th."""
    shares = np.zeros(len(rows))
    for place, row in enumerate(rows):
        check(go_on)
        ids = cells.near(row, POOL)
        scores = rank(ids, table.rows, row, K, size=len(table)).scores
        shares[place] = (scores >= limits[place] - TIE).sum() / K
    return shares
