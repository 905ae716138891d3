"""Vectors in cells by k-means, each around a centroid. They never change, so searches run side by
side.

A search reads the codes of the nearest cells one after the other, which waits for no memory. It
ends where the next centroid is too unlike the query for its cell to hold one of the nearest. How
unlike that is, is measured when the cells are made.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.cell_codes import CellCodes, PassingCodes
from mmembed.store.vectors.cell_search import CellSearch
from mmembed.store.vectors.centroids import Centroids
from mmembed.store.vectors.clustering import PORTION, centroids_of, check, owners_of
from mmembed.store.vectors.coalesce import Together, Worker
from mmembed.store.vectors.reach import Reach
from mmembed.store.vectors.rescoring import Ids, chunks
from mmembed.store.vectors.rotation import code_of, codes_of
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

    code: NDArray[np.int8]
    """int8 (dim,)."""
    count: int
    """How many of the nearest."""
    passing: PassingCodes | None
    """The vectors that count, if not all do."""
    finish: Callable[[Ids], Any]
    """Makes the answer of them."""


class Cells:
    """Cells of the vectors with ids up to `covers`; any thread may search them."""

    def __init__(
        self, centroids: Centroids, vectors: CellCodes, *, covers: int, clustered: int
    ) -> None:
        """clustered: how many vectors there were when the centroids were chosen. Raises StoreError
        if the centroids' graph cannot be read."""
        self.centroids = centroids
        self.vectors = vectors
        self.covers = covers
        self.clustered = clustered
        self.reach = Reach()
        """How far it is searched, and the share that it finds then."""
        lanes = range(min(os.cpu_count() or 1, MOST_LANES))
        self._together = Together(*(self._lane() for _ in lanes), most=TOGETHER)

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
            centroids = centroids_of(table, go_on)
            known = CellCodes.of(NOTHING, np.empty(0, np.int32), deque(), cells=0, dim=table.dim)
            ids, since = table.ids, len(table)
        else:
            centroids, known = former.centroids, former.vectors
            ids, since = table.ids_after(former.covers), former.clustered
        kept = table.contains(known.ids)
        if former is not None and not len(ids) and kept.all():
            return cls(centroids, known, covers=former.covers, clustered=since)
        blocks, owners = deque(known.blocks(kept)), [known.of_cell_owners()[kept]]
        for done, some in enumerate(chunks(ids, PORTION)):
            if done and done % 50 == 0:
                log.info("cells: %d of %d vectors assigned", done * PORTION, len(ids))
            codes = codes_of(table.rows(some))
            owners.append(owners_of(centroids, codes, go_on))
            blocks.append(codes)
        vectors = CellCodes.of(
            np.concatenate([known.ids[kept], ids]),
            np.concatenate(owners),
            blocks,
            cells=len(centroids),
            dim=table.dim,
        )
        covers = int(ids[-1]) if len(ids) else former.covers if former else 0
        return cls(centroids, vectors, covers=covers, clustered=since)

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
        answer: Answer = self._together(Pool(code_of(query), count, passing, finish))
        return answer

    def _lane(self) -> Worker[Pool, Any]:
        searcher, everything = self.centroids.searcher(), PassingCodes(self.vectors, None, None)

        def search(pools: Sequence[Pool]) -> list[Any]:
            answers = []
            for pool in pools:
                passing = pool.passing or everything
                one = CellSearch(passing.vectors, pool.code, pool.count, passing.places)
                ids = one.run(self.centroids, searcher, self.reach, passing.cells)
                answers.append(pool.finish(ids))
            return answers

        return search
