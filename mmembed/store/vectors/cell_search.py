"""Reads the cells around a query, nearest first, until what is left cannot hold its nearest.

Of each vector the leading numbers of its code are read, which say nearly how like it is. The whole
code is read of those that are the nearest by these.
"""

from __future__ import annotations

import numkong
import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.cell_codes import PassingCodes, Places
from mmembed.store.vectors.centroids import Centroids
from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.int8_scan import GROUP, reached
from mmembed.store.vectors.reach import Reach, Usual
from mmembed.store.vectors.rescoring import POOL, Ids
from mmembed.store.vectors.rotation import Rotation

NEAR = 64
"""Cells that are put in order first. Where more are read, all are."""
USUAL_OF = 128
"""Centroids whose likeness is taken for that of all."""
FIRST = 8
"""Cells that are read first, and twice as many each time after."""
TENTH = 10
"""The place among POOL candidates whose likeness says how far to read, since most searches want so
few. Of more candidates, it is that of half of them."""
CHECKED = 3
"""For each vector up to that place, so many nearly as near ones are compared by their whole
codes."""
SURVIVING = 8
"""For each candidate, the vectors that are compared by their whole codes, at least."""
MOST_SURVIVING = 16_384
SURVIVING_OF = 128
"""Those vectors at most, or one of so many of a large collection: reading whole codes from all over
memory takes ten times as long as reading the leading numbers of a cell. The misses are measured
with the reach."""

TIED = 4
"""Factor for the vectors that tie with the last candidate. Equal pictures have equal vectors, and
those with the lowest ids come first."""
EXCLUDED = np.iinfo(np.int32).min
"""The score of vectors that do not count."""

Numbers = NDArray[np.int64]
"""Of cells."""
Scores = NDArray[np.int32]
"""Inner products of codes."""


class CellSearch:
    """The search of one query. For one thread."""

    def __init__(
        self, passing: PassingCodes, code: NDArray[np.int8], count: int, rotation: Rotation
    ) -> None:
        """code: int8 (dim,). count: how many of the nearest vectors are wanted."""
        self._passing = passing
        self._code = code
        self._leading = np.ascontiguousarray(code[None, : rotation.lead])
        self._count = count
        self._is_counted = passing.cells is None and count <= POOL
        """Whether no more cells are read than were needed for the nearest ten of all vectors."""
        self._place = TENTH if count <= POOL else count // 2
        self._scale = rotation.squared_length
        self._left_out = passing.vectors.left_out(code)
        self._surely = 0.0
        """See Reach.surely."""
        self._most_surviving = max(MOST_SURVIVING, len(passing.vectors.ids) // SURVIVING_OF)
        self._is_bounded = False
        """Whether the reach was measured."""
        self._done = 0
        """Cells that were read."""
        self._scores: list[Scores] = []
        self._cells: list[Numbers] = []
        self._best: Scores = np.empty(0, np.int32)
        """Of the nearest so far by their whole codes, rising; as many as say how far to read."""

    def run(self, centroids: Centroids, reach: Reach) -> Ids:
        """The vectors that are nearest by their codes: `count`, fewer if there are not so many, or
        some more where they tie. In no order."""
        scores = centroids.scores(self._code[None])[0]
        usual, left = usual_likeness(scores, self._scale), self._passing.cells
        self._surely = reach.surely[reach.is_beside(usual)]
        self._is_bounded = bool(reach.bands)
        cells = np.arange(len(scores)) if left is None else np.flatnonzero(left)
        if self._passing.is_read_whole:
            self._read(cells)
            return self._nearest()
        scores, step = scores[cells], FIRST
        if len(cells) > 2 * NEAR:
            first = np.argpartition(scores, len(cells) - NEAR)[-NEAR:]
            order = first[np.argsort(-scores[first])]
            if not self._read_while_near(cells[order], scores[order], reach, usual, step):
                return self._nearest()
            cells, scores, step = np.delete(cells, first), np.delete(scores, first), NEAR
        order = np.argsort(-scores)
        self._read_while_near(cells[order], scores[order], reach, usual, step)
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
        return float(self._best[0]) / self._scale

    def _read(self, cells: Numbers) -> None:
        numbers = cells.tolist()
        scores = self._passing.packed.scores(self._leading, numbers)
        passes = self._passing.passing_in(numbers)
        if passes is not None:
            scores[~passes] = EXCLUDED
        self._cells.append(cells)
        self._scores.append(scores)
        checked = _largest(scores, CHECKED * self._place)[: CHECKED * self._place]
        whole = self._whole_scores(self._places_at(checked, [cells]))
        best = np.sort(np.concatenate([self._best, whole]))
        self._best = best[-self._place :]

    def _nearest(self) -> Ids:
        if not self._scores:
            return np.empty(0, np.int64)
        scores = np.concatenate(self._scores)
        chosen = _largest(scores, SURVIVING * self._count)
        if len(self._best) == self._place:
            floor = self._best[0] - self._surely * self._left_out
            if len(chosen) and floor < scores[chosen].min():
                chosen = np.flatnonzero(scores >= max(floor, EXCLUDED + 1))
                if self._is_bounded and len(chosen) > self._most_surviving:
                    chosen = chosen[_largest(scores[chosen], self._most_surviving)]
        near = self._places_at(chosen, self._cells)
        near = self._first_of_tied(near, self._whole_scores(near), self._count)
        ids: Ids = self._passing.vectors.ids[near]
        return ids

    def _first_of_tied(self, places: Places, scores: Scores, count: int) -> Places:
        """The places of the `count` largest scores of (n,). Of those that tie with the last, the
        first ones by id, TIED times as many as are wanted."""
        if len(places) <= count:
            return places
        least = np.partition(scores, len(scores) - count)[-count]
        tied = places[scores == least]
        order = np.argsort(self._passing.vectors.ids[tied])
        return np.concatenate([places[scores > least], tied[order[: TIED * self._count]]])

    def _places_at(self, chosen: Places, read: list[Numbers]) -> Places:
        """The places of vectors from where they are among those of the cells that were read."""
        cells, starts = np.concatenate(read), self._passing.starts
        ends = self._passing.packed.sizes[cells].cumsum()
        parts = np.searchsorted(ends, chosen, side="right")
        firsts = starts[cells + 1] - ends
        places: Places = firsts[parts] + chosen
        return places if self._passing.places is None else self._passing.places[places]

    def _whole_scores(self, places: Places) -> Scores:
        """The inner products with whole codes: int32 (n,)."""
        return products(self._passing.vectors.codes[places], self._code)


def usual_likeness(scores: Scores, scale: float) -> Usual:
    """About the cosines of a vector with centroids from all over, from the scores of all."""
    likeness = scores[:: max(1, len(scores) // USUAL_OF)] / scale
    return Usual(float(likeness.mean()), float(likeness.std()))


def products(codes: Codes, code: NDArray[np.int8]) -> Scores:
    """int8 (n, dim), (dim,) → their inner products, int32 (n,)."""
    scores = np.empty(len(codes), np.int32)
    if len(codes):
        numkong.dot(codes, code, out=scores)
    return scores


def _largest(values: Scores, count: int) -> Places:
    """Where the `count` largest of (n,) values are, and what ties with the last; or all that
    count."""
    if len(values) <= count:
        return np.flatnonzero(values > EXCLUDED)
    if count * GROUP * 4 <= len(values):
        places = np.flatnonzero(values >= max(int(reached(values, count)), EXCLUDED + 1))
        return places if len(places) <= count else places[_largest(values[places], count)]
    least = max(int(np.partition(values, len(values) - count)[len(values) - count]), EXCLUDED + 1)
    return np.flatnonzero(values >= least)
