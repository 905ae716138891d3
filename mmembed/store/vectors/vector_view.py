"""The vectors of one kind in memory: exact search while they are few, HNSW when they are many."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import StoreError
from mmembed.store.vectors import snapshot
from mmembed.store.vectors.coalesce import Together
from mmembed.store.vectors.flat import Flat, Vectors
from mmembed.store.vectors.hnsw import Graph
from mmembed.store.vectors.int8_scan import CodeScan, Wanted
from mmembed.store.vectors.rescoring import FEW, HEAD, MARGIN, Ids, Rows, rank, unit
from mmembed.store.vectors.snapshot import Stamp
from mmembed.types import Kind, Ranked

log = logging.getLogger(__name__)

TOGETHER = 8
"""Queries that share one read of the scan; with more, nothing is saved and the first waits."""


class VectorView:
    """The distinct vectors of one kind, with an HNSW graph over them where one was built.

    Without a graph, search is exact for any number of vectors. One lock guards every call of the
    vectors' holder. Exact search reads the scan, which is made at first need and follows additions
    and removals. It is read without the lock, and a holder of the lock must not wait for its
    readers.
    """

    def __init__(self, path: Path, *, kind: Kind, dim: int, exact_limit: int) -> None:
        self.path = path
        self.kind = kind
        self.dim = dim
        self.exact_limit = exact_limit
        self.seq = 0
        """The last change of the catalog that this view holds."""
        self.mark = ""
        """The mark of that change in the history that the view was loaded from."""
        self.saved_seq = -1
        """The last change in the snapshot on disk; -1 if there is none."""
        self._lock = threading.RLock()
        self._scan_together = Together(self._scan_for, most=TOGETHER)
        self._take(Flat(dim))

    def __len__(self) -> int:
        with self._lock:
            return len(self._vectors)

    def ids(self) -> Ids:
        """The ids of all vectors in the view, rising."""
        with self._lock:
            return self._vectors.ids()

    # -- following the catalog -------------------------------------------------------

    def load(self, collection: str, fingerprint: str) -> bool:
        """Take the snapshot if it can be trusted; False where there is none such.

        `mark` is then that of the snapshot: it is for the caller to compare it with the
        catalog's.
        """
        found = snapshot.read(self.path, self._stamp(collection, fingerprint, "", 0))
        if found is None:
            return False
        content, stamp = found
        try:
            graph = Graph.opened(content, dim=self.dim, count=stamp.count, removed=stamp.removed)
        except StoreError as error:
            log.warning("%s: %s; not used", self.path, error)
            return False
        with self._lock:
            self._take(graph)
            self.seq = self.saved_seq = stamp.seq
            self.mark = stamp.mark
        return True

    def _take(self, vectors: Flat | Graph) -> None:
        self._vectors = vectors
        self._scan: CodeScan | None = None
        self._sample: tuple[int, Rows] | None = None
        """The number of wanted ids, and the ids."""

    def rebuild(
        self, batches: Iterable[tuple[Sequence[int], Vectors]], seq: int, *, graph: bool
    ) -> None:
        """Load all vectors of the catalog as of change `seq`, and build a graph if wanted. If that
        fails, the view stays as it was."""
        vectors = Graph(self.dim) if graph else Flat(self.dim)
        for ids, some in batches:
            self._add(vectors, ids, some)
        with self._lock:
            self._take(vectors)
            self.seq = seq
            self.saved_seq = -1

    def apply(
        self, added: Sequence[int], vectors: Vectors, removed: Sequence[int], seq: int
    ) -> None:
        """Update the view to change `seq`; known ids stay as they are."""
        with self._lock:
            new = ~self._vectors.contains(added)
            if new.any():
                self._enter(np.asarray(added, dtype=np.int64)[new], vectors[new])
            gone = np.asarray(removed, dtype=np.int64)[self._vectors.contains(removed)]
            if len(gone):
                self._leave(gone)
            self.seq = seq

    def _enter(self, ids: Ids, vectors: Vectors) -> None:
        scan, self._scan, self._sample = self._scan, None, None
        self._add(self._vectors, ids, vectors)
        if scan is not None:
            scan = scan.with_more(ids, unit(vectors))
            self._scan = None if scan.outgrown else scan

    def _leave(self, ids: Ids) -> None:
        scan, self._scan, self._sample = self._scan, None, None
        self._vectors.remove(ids)
        if scan is not None:
            self._scan = scan.without(ids)

    def _add(self, to: Flat | Graph, ids: Sequence[int] | Ids, vectors: Vectors) -> None:
        try:
            to.add(ids, vectors)
        except StoreError as error:
            raise StoreError(f"{self.path}: {error}") from error

    @property
    def has_graph(self) -> bool:
        """Whether there is a graph for a snapshot; vectors alone are read from the catalog as
        fast."""
        return isinstance(self._vectors, Graph)

    @property
    def wants_graph(self) -> bool:
        """Whether there are more vectors than should be searched without one."""
        return not self.has_graph and len(self) > self.exact_limit

    @property
    def wants_rebuild(self) -> bool:
        """Whether so many vectors were removed that searching has become slow."""
        with self._lock:
            return isinstance(self._vectors, Graph) and self._vectors.wants_rebuild

    def save(self, collection: str, fingerprint: str, mark: str) -> None:
        """Publish a snapshot of the view as it is now, whose last change has this mark. The
        view has a graph. Raises StoreError."""
        with self._lock:
            assert isinstance(self._vectors, Graph)
            content = self._vectors.bytes()
            stamp = self._stamp(collection, fingerprint, mark, self._vectors.removed)
        try:
            snapshot.write(self.path, content, stamp)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from error
        self.saved_seq = stamp.seq

    def _stamp(self, collection: str, fingerprint: str, mark: str, removed: int) -> Stamp:
        return Stamp(
            layout=snapshot.LAYOUT,
            collection=collection,
            fingerprint=fingerprint,
            kind=self.kind,
            dim=self.dim,
            seq=self.seq,
            mark=mark,
            count=len(self._vectors),
            removed=removed,
        )

    # -- searching -------------------------------------------------------------------

    def search(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The `count` nearest vectors to a unit-norm float32 (dim,) query."""
        head = self._head(query, count)
        if head is None:
            return self._search_exactly(query, count, None)
        return head if count <= HEAD else self._with_tail(head, query, count)

    def nearest(
        self, query: NDArray[np.float32], count: int, among: Sequence[int] | None
    ) -> Ranked:
        """`search`, or `search_among` if only some vectors are wanted."""
        if among is None:
            return self.search(query, count)
        return self.search_among(query, among, count)

    def search_among(self, query: NDArray[np.float32], ids: Sequence[int], count: int) -> Ranked:
        """The nearest among the vectors with these ids, always exactly."""
        wanted = np.asarray(ids, dtype=np.int64)
        if len(wanted) > FEW:
            return self._search_exactly(query, count, wanted)
        with self._lock:
            kept = wanted[self._vectors.contains(ids)]
            return rank(kept, self._vectors.rows, query, count, size=len(kept))

    def _search_exactly(self, query: NDArray[np.float32], count: int, among: Ids | None) -> Ranked:
        one = Wanted(query, max(count, 1))
        while True:
            if among is None:
                scan, near = self._scan_together(one)  # other threads may do so meanwhile
                size = len(scan)
            else:
                scan = self._scanned()
                near, size = scan.nearest_among(one, among)
            with self._lock:
                if scan is self._scan:  # or some of these vectors may be gone
                    return rank(near, self._vectors.rows, query, count, size=size)

    def _scan_for(self, wanted: Sequence[Wanted]) -> list[tuple[CodeScan, Ids]]:
        scan = self._scanned()
        return [(scan, near) for near in scan.nearest(wanted)]

    def _scanned(self) -> CodeScan:
        with self._lock:
            if self._scan is None:
                self._scan = CodeScan.of(self._vectors.ids(), self._vectors.rows)
            return self._scan

    def _head(self, query: NDArray[np.float32], count: int) -> Ranked | None:
        """The graph's results, up to HEAD; None if it is not searched."""
        with self._lock:
            graph = self._vectors
            if not isinstance(graph, Graph) or len(graph) <= self.exact_limit:
                return None
            pool = graph.pool(query)
            return rank(pool, graph.rows, query, min(count, HEAD), size=len(graph))

    def _with_tail(self, head: Ranked, query: NDArray[np.float32], count: int) -> Ranked:
        # The first results do not depend on the number of wanted ones; the rest follows on them.
        tail = self._search_exactly(query, 2 * count + MARGIN, None)
        after = (tail.scores < head.scores[-1]) | (
            (tail.scores == head.scores[-1]) & (tail.ids > head.ids[-1])
        )
        ids = np.concatenate([head.ids, tail.ids[after]])[:count]
        scores = np.concatenate([head.scores, tail.scores[after]])[:count]
        return Ranked(ids, scores, complete=count >= len(self))

    def sample(self, count: int) -> Rows:
        """Up to `count` vectors from all over the view, the same ones until it changes: float32
        (n, dim), unit-norm."""
        with self._lock:
            if self._sample is None or self._sample[0] != count:
                ids = self._vectors.ids()
                # From all over the collection: neighbours in it are often of one folder.
                spread = ids[:: max(1, -(-len(ids) // count))]
                self._sample = count, self._vectors.rows(spread)
            return self._sample[1]
