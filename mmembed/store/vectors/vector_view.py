"""The vectors of one kind in memory: exact search while they are few, cells when they are many."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import StoreError
from mmembed.store.vectors import saved_generation, snapshot
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.coalesce import Together
from mmembed.store.vectors.generation import Generation
from mmembed.store.vectors.int8_scan import CodeScan, Wanted
from mmembed.store.vectors.margins import choose_reach
from mmembed.store.vectors.rescoring import FEW, HEAD, MARGIN, NECK, Ids, Rows, continued, rank
from mmembed.store.vectors.snapshot import Stamp
from mmembed.store.vectors.subset import Subset, first
from mmembed.store.vectors.table import Table, Vectors
from mmembed.types import Kind, Ranked

log = logging.getLogger(__name__)

TOGETHER = 8
"""Queries that share one read of the scan; with more, nothing is saved and the first waits."""
RECALL = 0.99
"""Share of the nearest ten vectors that cells find, unless something else is promised."""


class VectorView:
    """The distinct vectors of one kind, in cells where these were built.

    Without cells, search is exact for any number of vectors. A search reads the generation of that
    moment, without a lock. Changes make another generation, one at a time; so do new cells, which
    are built while both searches and changes go on.
    """

    def __init__(
        self,
        path: Path,
        *,
        kind: Kind,
        dim: int,
        exact_limit: int,
        recall: float = RECALL,
        go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        """recall: the share of the nearest ten vectors that cells must find. go_on: asked while
        cells are built; if it says no, building fails."""
        self.path = path
        self.kind = kind
        self.dim = dim
        self.exact_limit = exact_limit
        self.recall = recall
        self._go_on = go_on
        self.mark = ""
        """The mark of the last change in the history that the view was loaded from."""
        self._now = Generation(Table.empty(dim), 0)
        self._saved: tuple[Cells | None, int] | None = None
        """The cells and the last change in the snapshot on disk."""
        self._changing = threading.Lock()
        self._building = threading.Lock()
        self._scanning = threading.Lock()
        self._scan_together = Together(self._nearest, most=TOGETHER)
        self._sample: tuple[Table, int, Rows] | None = None

    def __len__(self) -> int:
        return len(self._now)

    @property
    def seq(self) -> int:
        """The last change of the catalog that this view holds."""
        return self._now.seq

    def ids(self) -> Ids:
        """The ids of all vectors in the view, rising."""
        return self._now.table.ids

    def vectors(self, ids: Sequence[int]) -> Vectors | None:
        """The vectors of n ids as they are stored: float16 (n, dim). None if one is missing."""
        table, wanted = self._now.table, np.asarray(ids, dtype=np.int64)
        return table.vectors(wanted) if table.contains(wanted).all() else None

    # -- following the catalog -------------------------------------------------------

    def load(self, collection: str, fingerprint: str) -> bool:
        """Take the snapshot if it can be trusted; False where there is none such.

        `mark` is then that of the snapshot: it is for the caller to compare it with the
        catalog's.
        """
        read = saved_generation.read(self.path, self._stamp(collection, fingerprint))
        if read is None:
            return False
        with self._changing:
            self._now, self.mark = read
            self._saved = self._now.cells, self._now.seq
        return True

    def rebuild(
        self,
        batches: Iterable[tuple[Sequence[int], Vectors]],
        seq: int,
        *,
        cells: bool,
        expected: int = 0,
    ) -> None:
        """Load all vectors of the catalog as of change `seq`, and build cells if wanted. If that
        fails, the view stays as it was. expected: how many there are about."""
        table = Table.empty(self.dim, room=expected)
        with self._named():
            for ids, vectors in batches:
                table = table.with_more(np.asarray(ids, dtype=np.int64), vectors)
        read = Generation(table, seq)
        if cells:
            read = self._built(read)
        with self._changing:
            self._now = read

    def apply(
        self, added: Sequence[int], vectors: Vectors, removed: Sequence[int], seq: int
    ) -> None:
        """Update the view to change `seq`; known ids stay as they are."""
        with self._changing, self._named():
            now = self._now
            ids = np.asarray(added, dtype=np.int64)
            new = ~now.table.contains(ids)
            if new.any():
                now = now.with_more(ids[new], vectors[new])
            gone = np.asarray(removed, dtype=np.int64)
            gone = gone[now.table.contains(gone)]
            if len(gone):
                now = now.without(gone)
            self._now = replace(now, seq=seq)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            raise StoreError(f"{self.path}: {error}") from error

    # -- cells -----------------------------------------------------------------------

    @property
    def has_cells(self) -> bool:
        """Whether there are cells for a snapshot; vectors alone are read from the catalog as
        fast."""
        return self._now.cells is not None

    @property
    def wants_cells(self) -> bool:
        """Whether there are more vectors than should be searched without cells."""
        return not self.has_cells and len(self) > self.exact_limit

    @property
    def is_outgrown(self) -> bool:
        """Whether so much changed since the cells were built that others should be."""
        return self._now.wants_merge

    @property
    def wants_build(self) -> bool:
        """Whether cells are missing, or behind the vectors, or of another promise. These are
        measured again and not built anew, where no vector is new."""
        cells = self._now.cells
        if cells is None:
            return self.wants_cells
        return self.is_outgrown or cells.reach.promise != self.recall

    def build(self) -> None:
        """Build cells of the vectors of now, and have them answer from then on. Searches and
        changes go on meanwhile. Raises StoreError."""
        with self._building:
            base = self._now
            cells = self._built(base).cells
            with self._changing:
                if base.table.is_former_of(self._now.table):
                    self._now = self._now.with_cells(cells)

    def _built(self, base: Generation) -> Generation:
        with self._named():
            cells = Cells.built(base.table, base.growable, self._go_on)
            choose_reach(cells, base.table, self.recall, self._go_on)
        log.info("%s: %s", self.path, cells.reach)
        return base.with_cells(cells)

    @property
    def unsaved(self) -> bool:
        """Whether there are cells that are not in the snapshot on disk, or a later change."""
        now = self._now
        return now.cells is not None and self._saved != (now.cells, now.seq)

    def save(self, collection: str, fingerprint: str, mark: Callable[[int], str]) -> None:
        """Publish a snapshot of the view as it is now, if it has cells. mark: the mark of a
        change of the catalog. Raises StoreError."""
        now = self._now
        if now.cells is None:
            return  # another thread read the view anew a moment ago
        saved_generation.write(self.path, now, self._stamp(collection, fingerprint), mark)
        self._saved = now.cells, now.seq

    def _stamp(self, collection: str, fingerprint: str) -> Stamp:
        return Stamp(snapshot.LAYOUT, collection, fingerprint, self.kind, self.dim)

    # -- searching -------------------------------------------------------------------

    def search(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The `count` nearest vectors to a unit-norm float32 (dim,) query."""
        while True:
            now = self._now
            if now.cells is None or len(now) <= self.exact_limit:
                return self._search_exactly(query, count, None)
            found = now.head(query, count)
            if count > NECK:
                # The first results do not depend on the number of wanted ones.
                tail = self._search_exactly(query, 2 * count + MARGIN, None)
                found = continued(found, tail, count, len(now))
            if self._still_hold(now, found):
                return found

    def nearest(self, query: NDArray[np.float32], count: int, among: Subset | None) -> Ranked:
        """`search`, or `search_among` if only some vectors are wanted."""
        return (
            self.search(query, count) if among is None else self.search_among(query, among, count)
        )

    def search_among(self, query: NDArray[np.float32], among: Subset, count: int) -> Ranked:
        """The nearest among some vectors: exactly, or by the cells where they are many."""
        while True:
            now = self._now
            head = None
            if among.is_wide(now) and len(now) > self.exact_limit:
                head = among.head(now, query)
            if head is None or count > HEAD:
                found = self._search_exactly(query, count + (MARGIN if head else 0), among)
                found = found if head is None else continued(head, found, count, len(among))
            else:
                found = first(head, count)
            if self._still_hold(now, found):
                return found

    def _search_exactly(
        self, query: NDArray[np.float32], count: int, among: Subset | None
    ) -> Ranked:
        if among is not None and len(among) <= FEW:
            table = self._now.table
            kept = among.ids[table.contains(among.ids)]
            return rank(kept, table.rows, query, count, size=len(kept))
        wanted = Wanted(query, max(count, 1))
        while True:
            if among is None:
                now, near = self._scan_together(wanted)  # for other threads, too
                size = len(now)
            else:
                now, scan = self._scanned()
                near, size = among.nearest(scan, wanted)
            found = rank(near, now.table.rows, query, count, size=size)
            if self._still_hold(now, found):
                return found

    def _still_hold(self, now: Generation, found: Ranked) -> bool:
        """Whether no result was removed while it was searched."""
        return now is self._now or bool(self._now.table.contains(found.ids).all())

    def _nearest(self, wanted: Sequence[Wanted]) -> list[tuple[Generation, Ids]]:
        now, scan = self._scanned()
        return [(now, near) for near in scan.nearest(wanted)]

    def _scanned(self) -> tuple[Generation, CodeScan]:
        """The generation of now with codes of all its vectors."""
        now = self._now
        if now.scan is not None:
            return now, now.scan
        with self._scanning:  # which takes seconds: searches by cells and changes go on
            table = self._now.table
            scan = self._now.scan or CodeScan.of(table.ids, table.rows)
            with self._changing:
                scan = scan.brought_to(self._now.table.ids, self._now.table.rows)
                self._now = now = replace(self._now, scan=scan)
        return now, scan

    def sample(self, count: int) -> Rows:
        """Up to `count` vectors from all over the view, the same ones until it changes: float32
        (n, dim), unit-norm."""
        kept, table = self._sample, self._now.table
        if kept is not None and kept[0] is table and kept[1] == count:
            return kept[2]
        # From all over the collection: neighbours in it are often of one folder.
        rows = table.rows(table.ids[:: max(1, -(-len(table) // count))])
        self._sample = table, count, rows
        return rows
