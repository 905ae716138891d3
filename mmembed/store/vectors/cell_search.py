"""Reads the cells around a query, nearest first, until what is left cannot hold its nearest."""

from __future__ import annotations

import numkong
import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.cell_codes import CellCodes
from mmembed.store.vectors.centroids import Centroids, Searcher, nearest_centroids
from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.int8_scan import GROUP, reached
from mmembed.store.vectors.reach import Reach, Usual
from mmembed.store.vectors.rescoring import POOL, Ids
from mmembed.store.vectors.rotation import squared_length

NEAR = 32
"""Cells that the graph of centroids names. Where more are read, all centroids are compared."""
USUAL_OF = 128
"""Centroids whose likeness is taken for that of all."""
FIRST = 4
"""Cells that are read first, and twice as many each time after."""
TENTH = 10
"""The place among POOL candidates whose likeness says how far to read, since most searches want so
few. Of more candidates, it is that of half of them."""

TIED = 4
"""Factor for the vectors that tie with the last candidate. Equal pictures have equal vectors, and
those with the lowest ids come first."""

Numbers = NDArray[np.int64]
"""Of cells."""
Scores = NDArray[np.float32]
"""Inner products of codes."""


class CellSearch:
    """The search of one query. For one thread."""

    def __init__(
        self,
        vectors: CellCodes,
        code: NDArray[np.int8],
        count: int,
        places: NDArray[np.bool_] | None = None,
    ) -> None:
        """code: int8 (dim,). count: how many of the nearest vectors are wanted. places: see
        PassingCodes."""
        self._vectors = vectors
        self._code = code
        self._count = count
        self._passing = places
        self._is_counted = False
        """Whether no more cells are read than were needed for the nearest ten of all vectors."""
        self._place = TENTH if count <= POOL else count // 2
        self._scale = squared_length(len(code))
        self._done = 0
        """Cells that were read."""
        self._starts: list[NDArray[np.int64]] = []
        self._sizes: list[NDArray[np.int64]] = []
        self._scores: list[Scores] = []
        self._best: Scores = np.empty(0, np.float32)
        """Of the nearest so far, as many as say how far to read."""

    def run(
        self,
        centroids: Centroids,
        searcher: Searcher,
        reach: Reach,
        cells: NDArray[np.bool_] | None = None,
    ) -> Ids:
        """The vectors that are nearest by their codes: `count`, fewer if there are not so many, or
        some more where they tie. In no order. cells: (cells,), the ones to be read, if not
        all are."""
        self._is_counted = cells is None and self._count <= POOL
        left = np.ones(len(centroids), dtype=bool) if cells is None else cells.copy()
        step, usual = FIRST, usual_likeness(centroids, self._code)
        if cells is None and len(centroids) > 2 * NEAR:
            near, scores = nearest_centroids(searcher, self._code, NEAR)
            if not self._read_while_near(near, scores, reach, usual, step):
                return self._nearest()
            left[near], step = False, NEAR
        others = np.flatnonzero(left)
        scores = products(centroids.codes, self._code)[others]
        order = np.argsort(-scores)
        self._read_while_near(others[order], scores[order], reach, usual, step)
        return self._nearest()

    def _read_while_near(
        self, cells: Numbers, scores: Scores, reach: Reach, usual: Usual, step: int
    ) -> bool:
        """Read cells, by falling score of their centroids, while they may hold some of the nearest;
        False once one may not."""
        done, before = 0, self._done
        while done < len(cells):
            floor, most = reach.limits(self._likeness(), usual)
            near = int(np.searchsorted(-scores, -floor * self._scale, side="right"))
            if self._is_counted:
                near = min(near, most - before)
            until = min(done + step, near)
            if until <= done:
                return False
            self._read(cells[done:until])
            done, step = until, 2 * step
            self._done = before + done
        return True

    def _likeness(self) -> float:
        """About the cosine with the vector that says how far to read, of those that were read."""
        if len(self._best) < self._place:
            return -np.inf
        return float(self._best.min()) / self._scale

    def _read(self, cells: Numbers) -> None:
        starts = self._vectors.starts[cells]
        sizes = self._vectors.starts[cells + 1] - starts
        scores, done = np.empty(int(sizes.sum()), np.float32), 0
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
            if size:
                some = scores[done : done + size]
                numkong.dot(self._vectors.codes[start : start + size], self._code, out=some)
                if self._passing is not None:
                    some[~self._passing[start : start + size]] = -np.inf
                done += size
        self._starts.append(starts)
        self._sizes.append(sizes)
        self._scores.append(scores)
        largest = _largest(scores, self._place)
        self._best = _largest(np.concatenate([self._best, largest]), self._place)

    def _nearest(self) -> Ids:
        if not self._scores:
            return np.empty(0, np.int64)
        scores = np.concatenate(self._scores)
        best = _largest(scores, self._count)
        least = best.min() if len(best) else np.inf
        ids = self._ids_at(np.flatnonzero((scores > least) & (scores > -np.inf)))
        tied = self._ids_at(np.flatnonzero((scores == least) & (scores > -np.inf)))
        return np.concatenate([ids, np.sort(tied)[: TIED * self._count]])

    def _ids_at(self, chosen: NDArray[np.int64]) -> Ids:
        """The vectors whose scores are at these places among all that were read."""
        sizes, starts = np.concatenate(self._sizes), np.concatenate(self._starts)
        ends = sizes.cumsum()
        cells = np.searchsorted(ends, chosen, side="right")
        ids: Ids = self._vectors.ids[starts[cells] + chosen - (ends - sizes)[cells]]
        return ids


def usual_likeness(centroids: Centroids, code: NDArray[np.int8]) -> Usual:
    """About the cosines of a vector, int8 (dim,), with centroids from all over."""
    some = centroids.codes[:: max(1, len(centroids) // USUAL_OF)]
    likeness = products(some, code) / squared_length(len(code))
    return Usual(float(likeness.mean()), float(likeness.std()))


def products(codes: Codes, code: NDArray[np.int8]) -> Scores:
    """int8 (n, dim), (dim,) → their inner products, float32 (n,)."""
    scores = np.empty(len(codes), np.float32)
    if len(codes):
        numkong.dot(codes, code, out=scores)
    return scores


def _largest(values: Scores, count: int) -> Scores:
    """The `count` largest of (n,) values, or all."""
    if count * GROUP * 4 <= len(values):
        values = values[values >= reached(values, count)]
    if len(values) > count:
        values = np.partition(values, len(values) - count)[-count:]
    return values
