"""Searches all shards at once, and merges vectors: in the order of one database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.entries import Found, Place, RankedImages
from mmembed.store.protocol import Index, SearchedBy
from mmembed.store.rank_items import nearest_images, rank_items
from mmembed.store.shards.sharded_vectors import ShardedVectors
from mmembed.types import KINDS, Embeddings, Kind, Ranked

Query = NDArray[np.float32]


class ShardedSearch(ShardedVectors):
    """See Search."""

    _samples: dict[tuple[Kind, int], tuple[list[Embeddings], Embeddings]]
    _sampling: threading.Lock

    def search(
        self,
        query: Query,
        count: int,
        where: Where = EVERYTHING,
        *,
        kind: Kind,
        after: Place | None = None,
    ) -> Found:
        """See Search.search. Raises QueryError."""
        return rank_items(
            self._ranking(query, where, kind=kind, of_images=False),
            lambda vector_ids: self.items_of_vectors(vector_ids, where),
            self.chunks_of,
            count=count,
            after=after,
        )

    def nearest_images(
        self, query: Query, count: int, where: Where = EVERYTHING, *, by: Kind
    ) -> RankedImages:
        """See Search.nearest_images."""
        return nearest_images(
            self._ranking(query, where, kind=by, of_images=True),
            lambda vector_ids: self.images_of_vectors(vector_ids, by, where),
            count,
        )

    def _ranking(
        self, query: Query, where: Where, *, kind: Kind, of_images: bool
    ) -> Callable[[int], Ranked]:
        """Gives the nearest vectors of all shards that pass, so many as are wanted."""

        def nearest(most: int) -> Ranked:
            return merged(
                self._ask(
                    lambda shard: shard.ranking(query, where, kind=kind, of_images=of_images)(most)
                ),
                most,
            )

        return nearest

    def sample(self, kind: Kind, count: int) -> Embeddings:
        """See Search.sample: of each shard as large a part as it has vectors."""
        held = self._ask(lambda shard: (shard, shard.searched(kind)))
        sizes = [(shard, searched.vectors) for shard, searched in held if searched]
        total = sum(size for _, size in sizes)
        # Of a shard never more than its part: the whole must not exceed the count.
        parts = [
            shard.sample(kind, size if total <= count else count * size // total)
            for shard, size in sizes
            if total <= count or count * size // total
        ]
        if not parts:
            return np.empty((0, 0), dtype=np.float32)
        with self._sampling:
            known = self._samples.get((kind, count))
            if known is not None and _are_same(known[0], parts):
                return known[1]
            sample = np.concatenate(parts)
            self._samples = {**self._samples, (kind, count): (parts, sample)}
        return sample

    def index(self, kind: Kind) -> Index | None:
        """See Search.index."""
        found = self._ask(lambda shard: shard.index(kind))
        parts = [index for index in found if index is not None]
        return ShardedIndex(parts) if parts else None

    def index_sizes(self) -> dict[Kind, int]:
        """See Search.index_sizes."""
        parts = self._ask(lambda shard: shard.index_sizes())
        sizes: dict[Kind, int] = {kind: sum(part.get(kind, 0) for part in parts) for kind in KINDS}
        return {kind: size for kind, size in sizes.items() if size}

    def publish(self, *, build: bool = True) -> None:
        """See Search.publish."""
        self._ask(lambda shard: shard.publish(build=build))

    def rebuild(self) -> None:
        """See Search.rebuild. Raises StoreBusy."""
        self._ask(lambda shard: shard.rebuild())


class ShardedIndex:
    """The vectors of a kind in all shards; see Index."""

    def __init__(self, parts: Sequence[Index]) -> None:
        self._parts = parts
        self.kind = parts[0].kind
        indexed = [part.in_use for part in parts if part.in_use != "exact"]
        self.in_use: SearchedBy = indexed[0] if indexed else "exact"

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def ids(self) -> NDArray[np.int64]:
        """See Index.ids."""
        return np.sort(np.concatenate([part.ids() for part in self._parts]))

    def exact(self, query: Query, count: int) -> Ranked:
        """See Index.exact."""
        return merged([part.exact(query, count) for part in self._parts], count)

    def approximate(self, query: Query, count: int) -> Ranked:
        """See Index.approximate."""
        return merged([part.approximate(query, count) for part in self._parts], count)


def merged(parts: Sequence[Ranked], count: int) -> Ranked:
    """The `count` best of all parts, each of which has its own `count` best."""
    ids = np.concatenate([part.ids for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    order = np.lexsort((ids, -scores))[:count]
    complete = all(part.complete for part in parts) and len(ids) <= count
    return Ranked(ids[order], scores[order], complete=complete)


def _are_same(parts: Sequence[Embeddings], others: Sequence[Embeddings]) -> bool:
    return len(parts) == len(others) and all(
        part is other for part, other in zip(parts, others, strict=True)
    )
