"""Vectors in memory by rising ids, which any number of threads read while one thread adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import StoreError
from mmembed.store.vectors.rescoring import Ids, Rows, unit

Vectors = NDArray[np.float16]
"""float16 (n, dim), as in the catalog."""
Places = NDArray[np.int64]

CAPACITY = 1024
"""Least number of vectors that memory is reserved for."""
REMOVED_SHARE = 0.3
"""Share of removed vectors from which on their memory is freed."""
SPARE = 1.5
"""Factor by which reserved memory grows."""


class Tail:
    """Ids and vectors with room for more. They are appended beyond what readers know of."""

    def __init__(self, dim: int, capacity: int) -> None:
        self.vectors: Vectors = np.empty((capacity, dim), np.float16)
        self.ids: Ids = np.empty(capacity, np.int64)
        self.used = 0

    def with_more(self, known: int, ids: Ids, vectors: Vectors) -> Tail:
        """Memory that holds the first `known` vectors and these; mostly this memory itself."""
        stop = known + len(ids)
        tail = self
        if known != self.used or stop > len(self.ids):
            tail = Tail(self.vectors.shape[1], max(CAPACITY, stop, int(SPARE * known)))
            tail.vectors[:known], tail.ids[:known] = self.vectors[:known], self.ids[:known]
        tail.vectors[known:stop], tail.ids[known:stop] = vectors, ids
        tail.used = stop
        return tail


@dataclass(frozen=True, eq=False)
class Table:
    """Distinct vectors by their ids. A table never changes: additions and removals make another
    one, which shares its memory. Vectors that were removed keep their places."""

    base: tuple[Ids, Vectors]
    """Of a snapshot or a former table: rising ids and their vectors."""
    tail: Tail
    added: int
    """The vectors of the tail that belong to this table; their ids are above those of the base."""
    gone: NDArray[np.bool_]
    """(places,): whether the vector at a place was removed."""
    origin: object = field(default_factory=object)
    """Shared by all tables that were made of each other."""

    @classmethod
    def of(cls, ids: Ids, vectors: Vectors, *, room: int = 0) -> Table:
        """A table of these vectors, whose ids rise. room: memory for so many further ones, so that
        two copies are never in memory while it grows."""
        tail = Tail(vectors.shape[1], room)
        return cls((ids, vectors), tail, 0, np.zeros(len(ids), dtype=bool))

    @classmethod
    def empty(cls, dim: int, *, room: int = 0) -> Table:
        """A table without vectors. room: see `of`."""
        return cls.of(np.empty(0, np.int64), np.empty((0, dim), np.float16), room=room)

    def __len__(self) -> int:
        return len(self.gone) - self.removed

    @property
    def dim(self) -> int:
        """The length of each vector."""
        return int(self.tail.vectors.shape[1])

    @cached_property
    def removed(self) -> int:
        """The places of removed vectors."""
        return int(self.gone.sum())

    @cached_property
    def ids(self) -> Ids:
        """The ids of all vectors, rising."""
        ids = np.concatenate([self.base[0], self.tail.ids[: self.added]])
        return ids[~self.gone] if self.removed else ids

    def ids_after(self, last: int) -> Ids:
        """The ids above `last`, rising."""
        start = self._start_after(last)
        places = np.arange(start, len(self.gone))
        return self._ids_at(places[~self.gone[start:]])

    def contains(self, ids: Sequence[int] | Ids) -> NDArray[np.bool_]:
        """bool (n,): whether there are vectors of these ids."""
        wanted = np.asarray(ids, dtype=np.int64)
        places, known = self._places(wanted)
        known[known] = ~self.gone[places[known]]
        return known

    def rows(self, ids: Ids) -> Rows:
        """The vectors of n ids that are, or were, in this table: float32 (n, dim), unit-norm."""
        return unit(self.vectors(ids))

    def vectors(self, ids: Ids) -> Vectors:
        """The same as they are stored: float16 (n, dim)."""
        places, _ = self._places(ids)
        first = len(self.base[0])
        if not len(places) or places.max() < first:
            return self.base[1][places]
        late = places >= first
        found = np.empty((len(ids), self.dim), np.float16)
        found[~late] = self.base[1][places[~late]]
        found[late] = self.tail.vectors[places[late] - first]
        return found

    def arrays(self) -> list[Vectors]:
        """The vectors of all ids in their order, in a few contiguous arrays."""
        if self.removed:
            return [np.ascontiguousarray(self.vectors(self.ids))]
        return [np.ascontiguousarray(self.base[1]), self.tail.vectors[: self.added]]

    def with_more(self, ids: Ids, vectors: Vectors) -> Table:
        """This table with some new vectors. Raises StoreError if a vector is of another length, not
        finite or 0."""
        if not len(ids):
            return self
        check_sound(len(ids), vectors, self.dim)
        order = np.argsort(ids, kind="stable")
        ids, vectors = ids[order], vectors[order]
        if ids[0] <= self._last:
            return self._merged(ids, vectors)  # never of the catalog, whose ids rise
        tail = self.tail.with_more(self.added, ids, vectors)
        gone = np.concatenate([self.gone, np.zeros(len(ids), dtype=bool)])
        return replace(self, tail=tail, added=self.added + len(ids), gone=gone)

    def without(self, ids: Ids) -> Table:
        """This table without some of its vectors."""
        gone = self.gone.copy()
        gone[self._places(ids)[0]] = True
        less = replace(self, gone=gone)
        if less.removed <= max(CAPACITY, REMOVED_SHARE * len(gone)):
            return less
        return replace(Table.of(less.ids, less.vectors(less.ids)), origin=self.origin)

    def is_former_of(self, other: Table) -> bool:
        """Whether the other one was made of this one by additions and removals."""
        return self.origin is other.origin

    def _merged(self, ids: Ids, vectors: Vectors) -> Table:
        every = np.concatenate([self.ids, ids])
        order = np.argsort(every, kind="stable")
        vectors = np.concatenate([self.vectors(self.ids), vectors])[order]
        return replace(Table.of(every[order], vectors), origin=self.origin)

    @property
    def _last(self) -> int:
        ids = self.tail.ids[: self.added] if self.added else self.base[0]
        return int(ids[-1]) if len(ids) else -1

    @cached_property
    def _is_dense(self) -> bool:
        """Whether the ids of the base follow each other without a gap."""
        base = self.base[0]
        return len(base) > 0 and int(base[-1] - base[0]) == len(base) - 1

    def _start_after(self, last: int) -> int:
        first = len(self.base[0])
        start = int(np.searchsorted(self.base[0], last, side="right"))
        if start < first:
            return start
        added = self.tail.ids[: self.added]
        return first + int(np.searchsorted(added, last, side="right"))

    def _ids_at(self, places: Places) -> Ids:
        first = len(self.base[0])
        late = places >= first
        ids = np.empty(len(places), np.int64)
        ids[~late] = self.base[0][places[~late]]
        ids[late] = self.tail.ids[places[late] - first]
        return ids

    def _places(self, ids: Ids) -> tuple[Places, NDArray[np.bool_]]:
        """The places of n ids, and whether each is known."""
        base, added = self.base[0], self.tail.ids[: self.added]
        if self._is_dense:  # then nothing has to be looked for
            places = ids - base[0]
            if not len(places) or 0 <= places.min() <= places.max() < len(base):
                return places, np.ones(len(ids), dtype=bool)
        places = np.searchsorted(base, ids)
        late = places == len(base)
        known = ~late
        known[known] = base[places[known]] == ids[known]
        if late.any() and len(added):
            found = np.searchsorted(added, ids[late])
            places[late] += found
            known[late] = added[np.minimum(found, len(added) - 1)] == ids[late]
        return places, known


def check_sound(count: int, vectors: Vectors, dim: int) -> None:
    """Raises StoreError unless these are `count` vectors of `dim` finite numbers, none 0."""
    sound = vectors.shape == (count, dim) and np.isfinite(vectors).all()
    if not (sound and vectors.any(axis=1).all()):
        raise StoreError("a vector of the catalog is broken; restore a backup")
