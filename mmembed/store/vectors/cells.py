"""Vectors in cells by k-means, each around a centroid. They never change, so searches run side by
side.

A search reads the codes of the nearest cells one after the other, which waits for no memory. It
ends where the next centroid is too unlike the query for its cell to hold one of the nearest. How
unlike that is, is measured when the cells are made.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.cell_codes import CellCodes, PassingCodes, Places
from mmembed.store.vectors.cell_search import CellSearch
from mmembed.store.vectors.centroids import Centroids
from mmembed.store.vectors.clustering import PORTION, centroids_of, check, rotation_of
from mmembed.store.vectors.coalesce import Together
from mmembed.store.vectors.int8_codes import Codes
from mmembed.store.vectors.reach import Reach
from mmembed.store.vectors.rescoring import Ids, chunks
from mmembed.store.vectors.rotation import Rotation
from mmembed.store.vectors.table import Table

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

MOST_LANES = 16
"""Searches that run side by side."""
TOGETHER = 8
"""Queries that one lane answers while others wait."""
OUTGROWN = 2
"""Factor by which vectors may become more before their cells are made anew."""
NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True)
class Pool:
    """A query that asks for candidates."""

    query: NDArray[np.float32]
    """(dim,)."""
    count: int
    """How many of the nearest."""
    passing: PassingCodes
    """The vectors that count."""
    finish: Callable[[Ids], Any]
    """Makes the answer of them."""


class Cells:
    """Cells of the vectors with ids up to `covers`; any thread may search them."""

    def __init__(
        self,
        rotation: Rotation,
        centroids: Centroids,
        vectors: CellCodes,
        *,
        covers: int,
        clustered: int,
    ) -> None:
        """clustered: how many vectors there were when the centroids were chosen."""
        self.rotation = rotation
        self.centroids = centroids
        self.vectors = vectors
        self.covers = covers
        self.clustered = clustered
        self.reach = Reach()
        """How far it is searched, and the share that it finds then."""
        self._every = vectors.every()
        lanes = range(min(os.cpu_count() or 1, MOST_LANES))
        self._together = Together(*(self._search for _ in lanes), most=TOGETHER)

    def __len__(self) -> int:
        """The number of vectors, including those that were removed since."""
        return len(self.vectors)

    @classmethod
    def built(
        cls, table: Table, former: Cells | None = None, go_on: Callable[[], bool] = lambda: True
    ) -> Cells:
        """Cells of all vectors of a table. They keep the centroids of former cells of it, if there
        are some. Takes a minute or two for a million vectors. Raises StoreError once it may not go
        on."""
        check(go_on)
        if former is None:
            rotation = rotation_of(table)
            centroids = centroids_of(table, rotation, go_on)
            every = _Assigned(table, rotation, centroids, None, table.ids, go_on)
            return cls(
                rotation, centroids, every.codes(), covers=every.covers, clustered=len(table)
            )
        ids, since = table.ids_after(former.covers), former.clustered
        rotation, centroids = former.rotation, former.centroids
        if not len(ids) and table.contains(former.vectors.ids).all():
            vectors, covers = former.vectors, former.covers
        else:
            grown = _Assigned(table, rotation, centroids, former, ids, go_on)
            vectors, covers = grown.codes(), max(grown.covers, former.covers)
        return cls(rotation, centroids, vectors, covers=covers, clustered=since)

    def outgrown_by(self, count: int) -> bool:
        """Whether so many vectors should have other centroids."""
        return count > OUTGROWN * self.clustered or OUTGROWN * count < self.clustered

    def near(
        self, query: NDArray[np.float32], count: int, passing: PassingCodes | None = None
    ) -> Ids:
        """The vectors that are found nearest to a float32 (dim,) query, `count` or all, or some
        more that tie, in no order; removed ones, too."""
        return self.answered(query, count, lambda ids: ids, passing)

    def answered(
        self,
        query: NDArray[np.float32],
        count: int,
        finish: Callable[[Ids], Answer],
        passing: PassingCodes | None = None,
    ) -> Answer:
        """The answer that `finish` makes of the nearest. The thread that searches calls it, for
        callers that wait, too. If all callers went on at once, they would wait for the
        interpreter, and so would the searching threads."""
        if not len(self):
            return finish(NOTHING)
        answer: Answer = self._together(Pool(query, count, passing or self._every, finish))
        return answer

    def _search(self, pools: Sequence[Pool]) -> list[Any]:
        answers = []
        for pool in pools:
            code = self.rotation.code_of(pool.query)
            one = CellSearch(pool.passing, code, pool.count, self.rotation)
            answers.append(pool.finish(one.run(self.centroids, self.reach)))
        return answers


class _Assigned:
    """Vectors whose cells are known: those of former cells that are still there, and new ones."""

    def __init__(
        self,
        table: Table,
        rotation: Rotation,
        centroids: Centroids,
        former: Cells | None,
        new: Ids,
        go_on: Callable[[], bool],
    ) -> None:
        """Assigns the new vectors to centroids. Raises StoreError once it may not go on."""
        self._table, self._rotation, self._centroids = table, rotation, centroids
        self._go_on, self._new = go_on, new
        self._former: Codes | None = None
        kept, owners = NOTHING, [np.empty(0, np.int32)]
        if former is not None:
            kept = np.flatnonzero(table.contains(former.vectors.ids))
            self._former = former.vectors.codes
            owners = [former.vectors.of_cell_owners()[kept]]
        self._kept = kept
        self._kept_ids = NOTHING if former is None else former.vectors.ids[kept]
        for done, some in enumerate(chunks(new, PORTION)):
            check(go_on)
            if done and done % 50 == 0:
                log.info("cells: %d of %d vectors assigned", done * PORTION, len(new))
            owners.append(centroids.owners(rotation.codes_of(table.rows(some))))
        self._owners = np.concatenate(owners)

    @property
    def covers(self) -> int:
        """The last new id."""
        return int(self._new[-1]) if len(self._new) else 0

    def codes(self) -> CellCodes:
        """All of them in their cells."""
        return CellCodes.of(
            np.concatenate([self._kept_ids, self._new]),
            self._owners,
            self._codes_at,
            cells=len(self._centroids),
            shape=(self._rotation.dim, self._rotation.lead),
        )

    def _codes_at(self, places: Places) -> Codes:
        """The codes of those at some places among all: int8 (n, dim)."""
        check(self._go_on)
        codes, known = np.empty((len(places), self._rotation.dim), np.int8), len(self._kept)
        old = places < known
        if self._former is not None:
            codes[old] = self._former[self._kept[places[old]]]
        rows = self._table.rows(self._new[places[~old] - known])
        codes[~old] = self._rotation.codes_of(rows)
        return codes
