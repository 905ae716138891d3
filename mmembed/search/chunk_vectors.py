"""The vectors of items whose captions may be kept in chunks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.store.protocol import Store


def vectors_by_chunk(
    store: Store, item_ids: Sequence[int]
) -> tuple[list[int], NDArray[np.float16]]:
    """The items that are still there, in the given order, and their vectors: float16 (n, dim). A
    caption in chunks comes once for each chunk."""
    chunks = store.chunks_of(item_ids)
    whole, rows = store.vectors_of([item_id for item_id in item_ids if item_id not in chunks])
    if not chunks:
        return whole, rows
    vectors = {item_id: [row] for item_id, row in zip(whole, rows, strict=True)}
    wanted = {chunk.vector_id for some in chunks.values() for chunk in some}
    found = dict(zip(*store.embeddings(sorted(wanted)), strict=True))
    for item_id, some in chunks.items():
        vectors[item_id] = [found[one.vector_id] for one in some if one.vector_id in found]
    pairs = [(item_id, row) for item_id in item_ids for row in vectors.get(item_id, ())]
    if not pairs:
        return [], np.empty((0, 0), np.float16)
    return [item_id for item_id, _ in pairs], np.stack([row for _, row in pairs])
