"""One kind's vectors in memory: exact search while they are few, HNSW when they are many."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from mmembed.errors import StoreError
from mmembed.index import snapshot
from mmembed.index.scoring import Ids, Rows, cosines, rank, unit
from mmembed.index.snapshot import Stamp
from mmembed.types import Background, Kind, Ranked

log = logging.getLogger(__name__)

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 512
POOL = 256
"""Candidates that HNSW is asked for, whatever k is: the order must not depend on k."""
MARGIN = 32
"""Candidates fetched beyond twice the wanted ones, for the exact rescoring to choose from."""
HEAD = 50
"""Results that HNSW finds, 98 in 100 or better even where vectors crowd; further down it misses
more, so what comes after them is found exactly."""
SINGLE_THREAD_BELOW = 10_000
"""Small graphs that are built by several threads at once lose recall."""
REBUILD_TOMBSTONES = 0.3
BACKGROUND_SIZE = 1024

Vectors = NDArray[np.float16]


class VectorView:
    """A USearch index over the distinct vectors of one kind, and what is known of it.

    One lock stands around every call: USearch itself crashes when it is saved or
    measured while something is added. Vectors are float16, as in the catalog.
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
        """The last change that the snapshot on disk holds; -1 where there is none."""
        self._lock = threading.RLock()
        self._removed = 0
        self._index = self._empty()
        self._rows: tuple[Ids, Rows] | None = None
        self._sample: Rows | None = None

    def __len__(self) -> int:
        with self._lock:
            return len(self._index)

    def _empty(self) -> Index:
        return Index(
            ndim=self.dim,
            metric="cos",
            dtype="f16",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )

    def ids(self) -> Ids:
        """The ids of all vectors in the view, rising."""
        with self._lock:
            return np.sort(np.asarray(self._index.keys).astype(np.int64))

    # -- following the catalog -------------------------------------------------------

    def load(self, collection: str, fingerprint: str) -> bool:
        """Take the snapshot if it can be trusted; False where the view must be rebuilt.

        `mark` is then that of the snapshot: it is for the caller to compare it with the
        catalog's.
        """
        found = snapshot.read(self.path, self._stamp(collection, fingerprint, ""))
        if found is None:
            return False
        content, stamp = found
        index = self._empty()
        try:
            index.load(content)
        except Exception as error:  # USearch raises whatever its C++ core threw
            log.warning("%s: cannot be loaded (%s); rebuilding it", self.path, error)
            return False
        if (index.ndim, len(index), index.dtype) != (self.dim, stamp.count, self._index.dtype):
            log.warning("%s: holds something else than its stamp says; rebuilding it", self.path)
            return False
        with self._lock:
            self._index = index
            index.expansion_search = EXPANSION_SEARCH
            self.seq = self.saved_seq = stamp.seq
            self.mark = stamp.mark
            self._removed = stamp.removed
            self._forget()
        return True

    def rebuild(self, batches: Iterable[tuple[Sequence[int], Vectors]], seq: int) -> None:
        """Build anew from all vectors of the catalog as of change `seq`. Where that fails,
        the view stays as it was."""
        index = self._empty()
        for ids, vectors in batches:
            self._add(index, ids, vectors)
        with self._lock:
            self._index = index
            self._removed = 0
            self.seq = seq
            self.saved_seq = -1
            self._forget()

    def apply(
        self, added: Sequence[int], vectors: Vectors, removed: Sequence[int], seq: int
    ) -> None:
        """Follow the catalog to change `seq`; ids that are there already are left alone."""
        with self._lock:
            if len(added):
                new = [i for i, known in enumerate(self._contains(added)) if not known]
                self._add(self._index, [added[i] for i in new], vectors[new])
                # USearch puts new vectors into the places of removed ones.
                self._removed = max(0, self._removed - len(new))
            gone = [i for i, known in zip(removed, self._contains(removed), strict=True) if known]
            if gone:
                # Without compact: that cuts edges without mending them, and ruins recall.
                self._index.remove(np.asarray(gone, dtype=np.uint64))
                self._removed += len(gone)
            self.seq = seq
            if len(added) or gone:
                self._forget()

    @property
    def wants_rebuild(self) -> bool:
        """Whether so many vectors were removed that searching has become slow."""
        with self._lock:
            return self._removed > max(100, REBUILD_TOMBSTONES * len(self._index))

    def save(self, collection: str, fingerprint: str, mark: str) -> None:
        """Publish a snapshot of the view as it is now, whose last change has this mark.
        Raises StoreError."""
        with self._lock:
            content = self._index.save()
            stamp = self._stamp(collection, fingerprint, mark)
        try:
            snapshot.write(self.path, content, stamp)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from error
        self.saved_seq = stamp.seq

    def _stamp(self, collection: str, fingerprint: str, mark: str) -> Stamp:
        return Stamp(
            layout=snapshot.LAYOUT,
            collection=collection,
            fingerprint=fingerprint,
            kind=self.kind,
            dim=self.dim,
            seq=self.seq,
            mark=mark,
            count=len(self._index),
            removed=self._removed,
        )

    def _contains(self, ids: Sequence[int]) -> NDArray[np.bool_]:
        if not len(ids):
            return np.zeros(0, dtype=bool)
        return np.atleast_1d(self._index.contains(np.asarray(ids, dtype=np.uint64)))

    def _add(self, index: Index, ids: Sequence[int], vectors: Vectors) -> None:
        if not len(ids):
            return
        if vectors.shape != (len(ids), self.dim) or not _sound(vectors):
            raise StoreError(f"{self.path}: a vector of the catalog is broken; restore a backup")
        small = len(index) + len(ids) < SINGLE_THREAD_BELOW
        index.add(
            np.asarray(ids, dtype=np.uint64),
            np.ascontiguousarray(vectors),
            threads=1 if small else os.cpu_count() or 1,
        )

    def _forget(self) -> None:
        self._rows = None
        self._sample = None

    # -- searching -------------------------------------------------------------------

    def search(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The `count` nearest vectors to a unit-norm float32 (dim,) query."""
        with self._lock:
            if len(self._index) > self.exact_limit:
                return self._search_graph(query, count)
            ids, rows = self._matrix()
        return rank(ids, rows @ query, lambda some: rows[np.searchsorted(ids, some)], query, count)

    def nearest(
        self, query: NDArray[np.float32], count: int, among: Sequence[int] | None
    ) -> Ranked:
        """`search`, or `search_among` where only some vectors are asked for."""
        if among is None:
            return self.search(query, count)
        return self.search_among(query, among, count)

    def search_among(self, query: NDArray[np.float32], ids: Sequence[int], count: int) -> Ranked:
        """The nearest among the vectors with these ids, always exactly."""
        with self._lock:
            kept = np.asarray(ids, dtype=np.int64)[self._contains(ids)]
            return rank(kept, cosines(kept, self._get, query), self._get, query, count)

    def _search_graph(self, query: NDArray[np.float32], count: int) -> Ranked:
        size = len(self._index)
        pool = self._keys(query, POOL, exact=False)
        head = rank(pool, cosines(pool, self._get, query), self._get, query, min(count, HEAD))
        if count <= HEAD:
            return Ranked(head.ids, head.scores, complete=count >= size)
        # The same results come first, however many are asked for; the rest follows on them.
        far = self._keys(query, 2 * count + MARGIN, exact=True)
        tail = rank(far, cosines(far, self._get, query), self._get, query, len(far))
        after = (tail.scores < head.scores[-1]) | (
            (tail.scores == head.scores[-1]) & (tail.ids > head.ids[-1])
        )
        ids = np.concatenate([head.ids, tail.ids[after]])[:count]
        scores = np.concatenate([head.scores, tail.scores[after]])[:count]
        return Ranked(ids, scores, complete=count >= size)

    def _keys(self, query: NDArray[np.float32], count: int, *, exact: bool) -> Ids:
        found = self._index.search(query, min(count, len(self._index)), exact=exact)
        return np.asarray(found.keys).astype(np.int64)

    def background(self, query: NDArray[np.float32]) -> Background:
        """Mean and standard deviation of the query's cosines with up to 1,024 vectors."""
        with self._lock:
            if self._sample is None:
                ids = self.ids()
                # From all over the collection: neighbours in it are often of one folder.
                self._sample = self._get(ids[:: max(1, -(-len(ids) // BACKGROUND_SIZE))])
            scores = self._sample @ query
        if not len(scores):
            return Background(0.0, 0.0)
        return Background(float(scores.mean()), float(scores.std()))

    def _matrix(self) -> tuple[Ids, Rows]:
        if self._rows is None:
            ids = self.ids()
            self._rows = ids, self._get(ids)
        return self._rows

    def _get(self, ids: Ids) -> Rows:
        if not len(ids):
            return np.empty((0, self.dim), dtype=np.float32)
        return unit(np.vstack(self._index.get(ids.astype(np.uint64))))


def _sound(vectors: Vectors) -> bool:
    return bool(np.isfinite(vectors).all() and vectors.any(axis=1).all())
