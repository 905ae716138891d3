"""A view at one moment: vectors, cells of most of them, and codes of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.cell_codes import PassingCodes
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.int8_scan import CodeScan, Wanted
from mmembed.store.vectors.rescoring import HEAD, NECK, NECK_POOL, POOL, Ids, continued, rank, unit
from mmembed.store.vectors.table import Table, Vectors
from mmembed.types import Ranked

Answer = TypeVar("Answer")

SCANNED_FROM = 32
"""Vectors beside the cells from which on they are scanned, not scored one by one."""
UNMERGED = 256
"""Changes beside cells for which no new ones are built, whatever their size."""
UNMERGED_SHARE = 0.01
"""The same as a share of the vectors: scanning them takes a fraction of a search of the cells."""
NOTHING = np.empty(0, np.int64)
GROWTH = 4
"""Factor for the candidates of cells if too many of them were removed."""


@dataclass(frozen=True, eq=False)
class Generation:
    """The vectors as of one change of the catalog. It never changes, so searches need no lock:
    a change makes another generation, which shares what stays."""

    table: Table
    seq: int
    """The last change of the catalog that the table holds."""
    cells: Cells | None = None
    newer: CodeScan | None = None
    """Codes of the vectors that are newer than the cells; None while there are few."""
    scan: CodeScan | None = None
    """Codes of all vectors; None until they are needed."""

    def __len__(self) -> int:
        return len(self.table)

    def with_more(self, ids: Ids, vectors: Vectors) -> Generation:
        """With some new vectors. Raises StoreError if one is broken."""
        table = self.table.with_more(ids, vectors)
        scan, newer = self.scan, self.newer
        if scan is not None:
            scan = scan.with_more(ids, unit(vectors))
            scan = None if scan.outgrown else scan
        if newer is not None:
            newer = newer.with_more(ids, unit(vectors))
        return replace(self, table=table, scan=scan, newer=newer).scanned_beside()

    def without(self, ids: Ids) -> Generation:
        """Without some of its vectors."""
        table = self.table.without(ids)
        scan, newer = self.scan, self.newer
        return replace(
            self,
            table=table,
            scan=scan and scan.without(ids),
            newer=newer and newer.without(ids),
        )

    def with_cells(self, cells: Cells | None) -> Generation:
        """With other cells, or none."""
        return replace(self, cells=cells, newer=None).scanned_beside()

    def scanned_beside(self) -> Generation:
        """With codes of the vectors that are newer than the cells, if there are many."""
        if self.cells is None or (self.newer is not None and not self.newer.outgrown):
            return self
        ids = self.table.ids_after(self.cells.covers)
        if len(ids) < SCANNED_FROM:
            return replace(self, newer=None)
        return replace(self, newer=CodeScan.of(ids, self.table.rows))

    @property
    def wants_merge(self) -> bool:
        """Whether so much changed since the cells were built that others should be."""
        return self._newer_count + self._lost > max(UNMERGED, UNMERGED_SHARE * len(self))

    @property
    def growable(self) -> Cells | None:
        """The cells, if their centroids still suit the vectors."""
        outgrown = self.cells is None or self.cells.outgrown_by(len(self))
        return None if outgrown else self.cells

    @cached_property
    def _newer_count(self) -> int:
        """Vectors that are newer than the cells."""
        return 0 if self.cells is None else len(self.table.ids_after(self.cells.covers))

    @cached_property
    def _lost(self) -> int:
        """Vectors of the cells that were removed."""
        return 0 if self.cells is None else len(self.cells) + self._newer_count - len(self)

    def head(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The first results by the cells, up to NECK. They do not depend on `count`."""
        head = self._ranked(query, POOL, min(count, HEAD))
        if count <= HEAD:
            return head
        neck = self._ranked(query, NECK_POOL, NECK_POOL)  # some of it may precede the head's last
        return continued(head, neck, min(count, NECK), len(self))

    def _ranked(self, query: NDArray[np.float32], pool: int, count: int) -> Ranked:
        return self._of_candidates(
            query, pool, lambda ids: rank(ids, self.table.rows, query, count, size=len(self))
        )

    def head_among(self, query: NDArray[np.float32], ids: Ids, passing: PassingCodes) -> Ranked:
        """The first results by the cells, HEAD of them, among vectors with rising ids. passing:
        those of them that are in the cells."""
        assert self.cells is not None
        newer = ids[np.searchsorted(ids, self.cells.covers, side="right") :]
        return self._of_candidates(
            query,
            POOL,
            lambda found: rank(found, self.table.rows, query, HEAD, size=len(self)),
            (passing, newer),
        )

    def _of_candidates(
        self,
        query: NDArray[np.float32],
        count: int,
        answer: Callable[[Ids], Answer],
        among: tuple[PassingCodes, Ids] | None = None,
    ) -> Answer:
        """The answer that is made of the candidates. among: the vectors that count, in the cells
        and beside them."""
        assert self.cells is not None
        passing, newer = among or (None, None)
        enough = count * HEAD // POOL
        while True:
            last = count >= len(self.cells)

            def finish(near: Ids, count: int = count, last: bool = last) -> Answer | None:
                ids = self._present(near)
                if len(ids) < enough and not last:
                    return None
                return answer(np.concatenate([ids, self._newer(query, count, newer)]))

            found = self.cells.answered(query, count, finish, passing)
            if found is not None:
                return found
            count *= GROWTH

    def _present(self, ids: Ids) -> Ids:
        """Those of the cells' vectors that were not removed."""
        gone = self._lost or self.table.removed
        return ids[self.table.contains(ids)] if gone else ids

    def _newer(self, query: NDArray[np.float32], count: int, among: Ids | None) -> Ids:
        """The nearest that are newer than the cells, and some more."""
        assert self.cells is not None
        if not self._newer_count:
            return NOTHING
        if self.newer is None:
            ids = self.table.ids_after(self.cells.covers)
            return ids if among is None else ids[np.isin(ids, among)]
        wanted = Wanted(query, count)
        if among is not None:
            return self.newer.nearest_at(wanted, self.newer.places_of(among))
        [near] = self.newer.nearest([wanted])
        return near
