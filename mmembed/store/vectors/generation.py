"""A view at one moment: vectors, a graph over most of them, and codes of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.hnsw import Graph, Near
from mmembed.store.vectors.int8_scan import CodeScan, Wanted
from mmembed.store.vectors.rescoring import HEAD, NECK, NECK_POOL, POOL, Ids, continued, rank, unit
from mmembed.store.vectors.table import Table, Vectors
from mmembed.types import Ranked

Answer = TypeVar("Answer")

SCANNED_FROM = 32
"""Vectors beside the graph from which on they are scanned, not scored one by one."""
UNMERGED = 256
"""Changes beside a graph for which no new graph is built, whatever its size."""
UNMERGED_SHARE = 0.01
"""The same as a share of the vectors: scanning them takes a fraction of a graph's search."""
REMOVED_SHARE = 0.3
"""Share of removed vectors in a graph from which on a new one is built from the start."""
NOTHING = np.empty(0, np.int64)
GROWTH = 4
"""Factor for the candidates of a graph if too many of them were removed."""


@dataclass(frozen=True, eq=False)
class Generation:
    """The vectors as of one change of the catalog. It never changes, so searches need no lock:
    a change makes another generation, which shares what stays."""

    table: Table
    seq: int
    """The last change of the catalog that the table holds."""
    graph: Graph | None = None
    newer: CodeScan | None = None
    """Codes of the vectors that are newer than the graph; None while there are few."""
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

    def with_graph(self, graph: Graph | None) -> Generation:
        """With another graph, or none."""
        return replace(self, graph=graph, newer=None).scanned_beside()

    def scanned_beside(self) -> Generation:
        """With codes of the vectors that are newer than the graph, if there are many."""
        if self.graph is None or (self.newer is not None and not self.newer.outgrown):
            return self
        ids = self.table.ids_after(self.graph.covers)
        if len(ids) < SCANNED_FROM:
            return replace(self, newer=None)
        return replace(self, newer=CodeScan.of(ids, self.table.rows))

    @property
    def wants_merge(self) -> bool:
        """Whether so much changed since the graph was built that another should be."""
        return self._newer_count + self._lost > max(UNMERGED, UNMERGED_SHARE * len(self))

    @property
    def growable(self) -> Graph | None:
        """The graph, if another one may grow from it; None if too many of its vectors are gone."""
        return None if self._lost > REMOVED_SHARE * len(self) else self.graph

    @cached_property
    def _newer_count(self) -> int:
        """Vectors that are newer than the graph."""
        return 0 if self.graph is None else len(self.table.ids_after(self.graph.covers))

    @cached_property
    def _lost(self) -> int:
        """Vectors of the graph that were removed."""
        return 0 if self.graph is None else self.graph.nodes + self._newer_count - len(self)

    def head(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The first results by the graph, up to NECK. They do not depend on `count`."""
        head = self._ranked(query, POOL, min(count, HEAD))
        if count <= HEAD:
            return head
        neck = self._ranked(query, NECK_POOL, NECK_POOL)  # some of it may precede the head's last
        return continued(head, neck, min(count, NECK), len(self))

    def _ranked(self, query: NDArray[np.float32], pool: int, count: int) -> Ranked:
        return self._of_candidates(
            query, pool, lambda ids: rank(ids, self.table.rows, query, count, size=len(self))
        )

    def candidates(self, query: NDArray[np.float32], count: int) -> Ids:
        """The vectors that the graph finds nearest, about `count`, and newer ones that may be."""
        return self._of_candidates(query, count, lambda ids: ids)

    def _of_candidates(
        self, query: NDArray[np.float32], count: int, answer: Callable[[Ids], Answer]
    ) -> Answer:
        """The answer that is made of the candidates."""
        assert self.graph is not None
        enough = count * HEAD // POOL
        while True:
            last = count >= self.graph.nodes

            def finish(near: Near, count: int = count, last: bool = last) -> Answer | None:
                ids = self._present(near.ids)
                if len(ids) < enough and not last:
                    return None
                return answer(np.concatenate([ids, self._newer(query, count)]))

            found = self.graph.answered(query, count, finish)
            if found is not None:
                return found
            count *= GROWTH

    def _present(self, ids: Ids) -> Ids:
        """Those of the graph's vectors that were not removed."""
        gone = self._lost or self.table.removed
        return ids[self.table.contains(ids)] if gone else ids

    def _newer(self, query: NDArray[np.float32], count: int) -> Ids:
        assert self.graph is not None
        if not self._newer_count:
            return NOTHING
        if self.newer is None:
            return self.table.ids_after(self.graph.covers)
        [near] = self.newer.nearest([Wanted(query, count)])
        return near
