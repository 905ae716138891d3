"""How far around a query must cells be read, so that what was promised is found?

The nearest vectors of a query lie in cells whose centroids are about as like it as they are, or
less. The margin is how much less. It is measured with queries that lead from the vectors
themselves to directions as wide as they are spread. The last queries lie beside all vectors, as
texts lie beside all images. The queries are ordered by the likeness of their tenth vectors. Each
band of them gets the least margin that is enough, and the least number of cells.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.clustering import check
from mmembed.store.vectors.reach import Reach
from mmembed.store.vectors.rescoring import POOL, Rows, rank
from mmembed.store.vectors.table import Table
from mmembed.store.vectors.trials import TIE, K, Queries, Trials, tried

log = logging.getLogger(__name__)

TURNS = (0, 25, 40, 55, 70, 90)
"""Degrees by which vectors are turned towards directions as wide as they are spread."""
BESIDE = 82
"""Degrees by which such directions are turned towards any: then they are as narrow as texts are
among images, and find as much in as many cells."""
QUERIES = 128
"""Queries of each turn."""
FEWER = 64
"""The same where there are MANY vectors, each of which is compared with all queries."""
MANY = 2_000_000
SEARCHED_OF = 2
"""Of so many queries of a band, one is searched, to see what is found."""
SAMPLE = 1024
"""Vectors whose spread the directions have."""
FEW = 2_000
"""Vectors up to which all cells are read."""
SEED = 11
ATTEMPTS = (-0.5, -0.2, 0.0, 0.3, 0.6, 0.9, 1.0)
"""Share of the permitted misses that is not used up when a reach is chosen. A search finds a
little more than was measured, since it reads the cells before its tenth vector is known. Larger
shares where it finds less."""
ERROR = 0.007
"""The standard error of what is found for the queries of a band that are searched."""

Shares = NDArray[np.float64]


def choose_reach(
    cells: Cells, table: Table, promise: float, go_on: Callable[[], bool] = lambda: True
) -> None:
    """Set how far cells are read for a query: as far as finds the promised share of the nearest ten
    vectors. All codes are read once, and some hundred queries are searched for each attempt, which
    takes some ten seconds for a million vectors. Raises StoreError once it may not go on."""
    if len(table) <= FEW:  # then reading all takes less time than finding out what to read
        cells.reach = Reach(recall=1.0, promise=promise)
        return
    count = QUERIES if len(table) < MANY else FEWER
    trials = tried(cells, table, queries(table, count), go_on)
    for spared in ATTEMPTS:
        reach = trials.reach(promise + (1 - promise) * spared, promise)
        recall, least = _found_in(cells, table, trials, reach, go_on)
        log.info("cells: with %.1f of the misses spared, %.4f is found", spared, recall)
        if recall >= promise and least >= promise - ERROR:
            return
    log.warning(
        "of the hardest queries, the cells find %.3f of the nearest ten, less than %.3f",
        cells.reach.recall,
        promise,
    )


def _found_in(
    cells: Cells, table: Table, trials: Trials, reach: Reach, go_on: Callable[[], bool]
) -> tuple[float, float]:
    """Have cells be read so far, and search some queries of each band. The share that is found
    for those that lie as the vectors do, or for those beside them if it is less; and the least of
    any band."""
    cells.reach = reach
    *wide, narrow = (band[::SEARCHED_OF] for band in trials.bands)
    shares = [found(cells, table, trials, band, go_on) for band in (*wide, narrow) if len(band)]
    beside = shares.pop() if len(narrow) else shares[-1]
    recall = min(float(np.concatenate(shares).mean()), float(beside.mean()))
    cells.reach = replace(reach, recall=recall)
    return recall, min(float(own.mean()) for own in (*shares, beside))


def queries(table: Table, count: int = QUERIES) -> list[Rows]:
    """For each turn, `count` vectors or so from all over a table, turned so far towards directions
    as wide as the vectors are spread. The last ones lie beside all vectors. float32 (m, dim),
    unit-norm."""
    ids = table.ids
    sample = table.rows(ids[:: max(1, -(-len(ids) // SAMPLE))])
    own = sample[:: max(1, -(-len(sample) // count))]
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


def found(
    cells: Cells, table: Table, trials: Trials, asked: Queries, go_on: Callable[[], bool]
) -> Shares:
    """The share of the nearest K that cells find for some of the queries, as they are set: (n,)."""

    def share(query: int) -> float:
        check(go_on)
        row = trials.rows[query]
        scores = rank(cells.near(row, POOL), table.rows, row, K, size=len(table)).scores
        return float((scores >= trials.limits[query] - TIE).sum()) / K

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return np.fromiter(pool.map(share, asked.tolist()), np.float64, len(asked))
