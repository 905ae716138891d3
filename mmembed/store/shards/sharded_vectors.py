"""Reading the models and vectors of all shards."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import NotFound
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.chunks import ChunkVector
from mmembed.store.entries import Model
from mmembed.store.shards.shard import Shard
from mmembed.store.shards.sharded_items import ShardedItems
from mmembed.types import Item, Kind

BITS = 40
"""Of a change's number, for each shard: the numbers of all shards side by side are one number,
which rises with each change of any."""

Halves = NDArray[np.float16]


class ShardedVectors(ShardedItems):
    """See Vectors and Chunks."""

    def model(self) -> Model | None:
        """See Vectors.model."""
        return self._ask_any(lambda shard: shard.model())

    def models(self) -> list[Model]:
        """See Vectors.models."""
        return self._ask_any(lambda shard: shard.models())

    def last_change(self) -> int:
        """See Vectors.last_change."""
        numbers = self._ask(lambda shard: shard.last_change())
        return sum(number << (BITS * place) for place, number in enumerate(numbers))

    def changes(
        self, kind: Kind, after: int, until: int, model: Model | None = None
    ) -> tuple[list[int], list[int]]:
        """See Vectors.changes."""
        parts = [
            door.ask(partial(Shard.changes, kind=kind, after=first, until=last, model=model))
            for door, first, last in zip(
                self._doors, self._parts(after), self._parts(until), strict=True
            )
        ]
        added, removed = (sorted(chain.from_iterable(ids)) for ids in zip(*parts, strict=True))
        return added, removed

    def _parts(self, number: int) -> list[int]:
        """The number of a change as the numbers of each shard."""
        return [(number >> (BITS * n)) & ((1 << BITS) - 1) for n in range(len(self._doors))]

    def embeddings_of(
        self, kind: Kind, contents: Sequence[str], model: Model | None = None
    ) -> dict[str, Halves]:
        """See Vectors.embeddings_of."""
        return self._joined(lambda shard: shard.embeddings_of(kind, contents, model))

    def contents_without(self, kind: Kind, model: Model, limit: int, after: str = "") -> list[str]:
        """See Vectors.contents_without."""
        parts = self._ask(lambda shard: shard.contents_without(kind, model, limit, after))
        return sorted(set(chain.from_iterable(parts)))[:limit]

    def vector_of(self, item_id: int) -> Halves:
        """See Vectors.vector_of. Raises NotFound."""
        for row in self.vectors_of([item_id])[1]:
            vector: Halves = row
            return vector
        raise NotFound(f"item {item_id}: no such item")

    def vectors_of(self, item_ids: Sequence[int]) -> tuple[list[int], Halves]:
        """See Vectors.vectors_of."""
        return _in_order(item_ids, self._ask(lambda shard: shard.vectors_of(item_ids)))

    def embeddings(self, vector_ids: Sequence[int]) -> tuple[list[int], Halves]:
        """See Vectors.embeddings."""
        wanted = list(dict.fromkeys(vector_ids))
        return _in_order(wanted, self._ask(lambda shard: shard.embeddings(wanted)))

    def all_embeddings(
        self, kind: Kind, chunk: int = 10_000, model: Model | None = None
    ) -> Iterator[tuple[list[int], Halves]]:
        """See Vectors.all_embeddings."""
        portions = self._ask(lambda shard: shard.all_embeddings(kind, chunk, model))
        rows = heapq.merge(*map(_rows, portions), key=lambda row: row[0])
        while portion := list(islice(rows, chunk)):
            yield [vector_id for vector_id, _ in portion], np.stack([row for _, row in portion])

    def items_of_vectors(
        self, vector_ids: Sequence[int], where: Where = EVERYTHING
    ) -> dict[int, list[Item]]:
        """See Vectors.items_of_vectors."""
        return self._joined(lambda shard: shard.items_of_vectors(vector_ids, where))

    def images_of_vectors(
        self, vector_ids: Sequence[int], kind: Kind, where: Where = EVERYTHING
    ) -> dict[int, list[int]]:
        """See Vectors.images_of_vectors."""
        return self._joined(lambda shard: shard.images_of_vectors(vector_ids, kind, where))

    def chunks_of(self, item_ids: Sequence[int]) -> dict[int, list[ChunkVector]]:
        """See Chunks.chunks_of."""
        return self._joined(lambda shard: shard.chunks_of(item_ids))

    def uncut_captions(self, limit: int) -> list[tuple[int, str]]:
        """See Chunks.uncut_captions."""
        parts = self._ask(lambda shard: shard.uncut_captions(limit))
        return sorted(chain.from_iterable(parts), reverse=True)[:limit]


def _rows(portions: Iterator[tuple[list[int], Halves]]) -> Iterator[tuple[int, Halves]]:
    for ids, rows in portions:
        yield from zip(ids, rows, strict=True)


def _in_order(
    wanted: Sequence[int], parts: Sequence[tuple[Sequence[int], Halves]]
) -> tuple[list[int], Halves]:
    known: Mapping[int, Halves] = {
        key: row for ids, rows in parts for key, row in zip(ids, rows, strict=True)
    }
    ids = [key for key in wanted if key in known]
    if not ids:
        return ids, np.empty((0, 0), dtype=np.float16)
    return ids, np.stack([known[key] for key in ids])
