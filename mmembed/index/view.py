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
from mmembed.index.snapshot import Stamp
from mmembed.types import Background, Kind, Ranked

log = logging.getLogger(__name__)

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 256
POOL = 256
"""Candidates that HNSW is asked for, whatever k is: the order must not depend on k."""
MARGIN = 32
"""Candidates fetched beyond the wanted ones, for the exact rescoring to choose from."""
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
        self.saved_seq = -1
        """The last change that the snapshot on disk holds; -1 where there is none."""
        self._lock = threading.RLock()
        self._removed = 0
        self._index = self._empty()
        self._rows: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None
        self._sample: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        with self._lock:
            return len(self._index)

    def _empty(self) -> Index:
        return Index(
            ndim=self.dim,
            metric="ip",
            dtype="f16",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )

    def ids(self) -> NDArray[np.int64]:
        """The ids of all vectors in the view, rising."""
        with self._lock:
            return np.sort(np.asarray(self._index.keys).astype(np.int64))

    # -- following the catalog -------------------------------------------------------

    def load(self, collection: str, fingerprint: str) -> bool:
        """Take the snapshot if it can be trusted; False where the view must be rebuilt."""
        found = snapshot.read(self.path, self._stamp(collection, fingerprint))
        if found is None:
            return False
        content, stamp = found
        index = self._empty()
        try:
            index.load(content)
        except Exception as error:  # USearch raises whatever its C++ core threw
            log.warning("%s: cannot be loaded (%s); rebuilding it", self.path, error)
            return False
        if (index.ndim, len(index)) != (self.dim, stamp.count):
            log.warning("%s: holds something else than its stamp says; rebuilding it", self.path)
            return False
        with self._lock:
            self._index = index
            index.expansion_search = EXPANSION_SEARCH
            self.seq = self.saved_seq = stamp.seq
            self._forget()
        return True

    def rebuild(self, batches: Iterable[tuple[Sequence[int], Vectors]], seq: int) -> None:
        """Build anew from all vectors of the catalog as of change `seq`."""
        with self._lock:
            self._index = self._empty()
            self._removed = 0
            for ids, vectors in batches:
                self._add(ids, vectors)
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
                self._add([added[i] for i in new], vectors[new])
            gone = [i for i, known in zip(removed, self._contains(removed), strict=True) if known]
            if gone:
                # Without compact: that cuts edges without mending them, and ruins recall.
                self._index.remove(np.asarray(gone, dtype=np.uint64))
                self._removed += len(gone)
            self.seq = seq
            if added or gone:
                self._forget()

    @property
    def wants_rebuild(self) -> bool:
        """Whether so many vectors were removed that searching has become slow."""
        with self._lock:
            return self._removed > max(100, REBUILD_TOMBSTONES * len(self._index))

    def save(self, collection: str, fingerprint: str) -> None:
        """Publish a snapshot of the view as it is now. Raises StoreError."""
        with self._lock:
            content = self._index.save()
            stamp = self._stamp(collection, fingerprint)
        try:
            snapshot.write(self.path, content, stamp)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from error
        self.saved_seq = stamp.seq

    def _stamp(self, collection: str, fingerprint: str) -> Stamp:
        return Stamp(
            layout=snapshot.LAYOUT,
            collection=collection,
            fingerprint=fingerprint,
            kind=self.kind,
            dim=self.dim,
            seq=self.seq,
            count=len(self._index),
        )

    def _contains(self, ids: Sequence[int]) -> NDArray[np.bool_]:
        if not len(ids):
            return np.zeros(0, dtype=bool)
        return np.atleast_1d(self._index.contains(np.asarray(ids, dtype=np.uint64)))

    def _add(self, ids: Sequence[int], vectors: Vectors) -> None:
        if not len(ids):
            return
        rows = _unit(vectors).astype(np.float16)
        if rows.shape[1] != self.dim or not np.isfinite(rows).all():
            raise StoreError(f"{self.path}: a vector of the catalog is not finite, or too short")
        small = len(self._index) + len(ids) < SINGLE_THREAD_BELOW
        self._index.add(
            np.asarray(ids, dtype=np.uint64), rows, threads=1 if small else os.cpu_count() or 1
        )

    def _forget(self) -> None:
        self._rows = None
        self._sample = None

    # -- searching -------------------------------------------------------------------

    def search(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The `count` nearest vectors to a unit-norm float32 (dim,) query."""
        with self._lock:
            size = len(self._index)
            if size == 0:
                return _nothing()
            if size <= self.exact_limit:
                ids, rows = self._matrix()
                return _rank(ids, rows, query, count)
            return self._search_graph(query, count, size)

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
            if not len(kept):
                return _nothing()
            rows = self._get(kept)
        return _rank(kept, rows, query, count)

    def _search_graph(self, query: NDArray[np.float32], count: int, size: int) -> Ranked:
        deep = count + MARGIN > POOL
        wanted = min(size, 2 * count + MARGIN if deep else POOL)
        matches = self._index.search(query, wanted, exact=deep)
        ids = np.asarray(matches.keys).astype(np.int64)
        rows = self._get(ids)
        ranked = _rank(ids, rows, query, count)
        return Ranked(ranked.ids, ranked.scores, complete=count >= size)

    def background(self, query: NDArray[np.float32]) -> Background:
        """Mean and standard deviation of the query's cosines with up to 1,024 vectors."""
        with self._lock:
            if self._sample is None:
                self._sample = self._get(self.ids()[:BACKGROUND_SIZE])
            scores = self._sample @ query
        if not len(scores):
            return Background(0.0, 0.0)
        return Background(float(scores.mean()), float(scores.std()))

    def _matrix(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if self._rows is None:
            ids = self.ids()
            self._rows = ids, self._get(ids)
        return self._rows

    def _get(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        if not len(ids):
            return np.empty((0, self.dim), dtype=np.float32)
        return _unit(np.vstack(self._index.get(ids.astype(np.uint64))))


def _unit(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """float16 (n, dim) → float32 (n, dim), unit-norm again after the rounding to float16."""
    rows = vectors.astype(np.float32)
    norms: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / norms


def _nothing() -> Ranked:
    return Ranked(np.empty(0, dtype=np.int64), np.empty(0), complete=True)


def _rank(
    ids: NDArray[np.int64],
    rows: NDArray[np.float32],
    query: NDArray[np.float32],
    count: int,
) -> Ranked:
    """Order by exact scores. A matrix product's last bits depend on its shape, so the best
    candidates are scored again one by one: the same pair always gets the same score."""
    keep = min(len(ids), count + MARGIN)
    best = np.argpartition(-(rows @ query), keep - 1)[:keep]
    scores = np.round((rows[best].astype(np.float64) * query).sum(axis=1), 6)
    order = np.lexsort((ids[best], -scores))[:count]
    return Ranked(ids[best][order], scores[order], complete=count >= len(ids))
