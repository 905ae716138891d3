"""Reads the vectors of many pictures, some at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller
from mmembed.errors import ModelMismatch
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.protocol import Store

CHUNK = 5_000
"""Pictures that are read at a time."""


@dataclass(frozen=True)
class PictureVectors:
    """Pictures and their vectors."""

    ids: NDArray[np.int64]
    """(n,), rising."""
    rows: NDArray[np.float16]
    """(n, dim), of any length but zero."""

    def __len__(self) -> int:
        return len(self.ids)


def chunks_of_pictures(store: Store, ids: NDArray[np.int64]) -> Iterator[PictureVectors]:
    """The pictures of these ids that are still there, some at a time. Raises Abandoned."""
    for start in range(0, len(ids), CHUNK):
        current_caller().check()
        present, rows = store.vectors_of(ids[start : start + CHUNK].tolist())
        yield PictureVectors(np.array(present, np.int64), rows)


def read_pictures(store: Store, ids: NDArray[np.int64]) -> PictureVectors:
    """All pictures of these ids that are still there."""
    parts = [part for part in chunks_of_pictures(store, ids) if len(part)]
    if not parts:
        return PictureVectors(np.empty(0, np.int64), np.empty((0, 0), np.float16))
    return PictureVectors(
        np.concatenate([part.ids for part in parts]), np.concatenate([part.rows for part in parts])
    )


def even_sample(ids: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Up to `most` of these ids, at even distances."""
    if len(ids) <= most:
        return ids
    return ids[np.linspace(0, len(ids) - 1, most).astype(np.int64)]


def mark_of_pictures(store: Store, where: Where = EVERYTHING) -> Hashable:
    """Differs once a picture that passes has come, gone or changed, or passes for the sake of its
    tags or captions."""
    passing = (
        b"" if where == EVERYTHING else blake2b(ids_of_pictures(store, where).tobytes()).digest()
    )
    return store.last_change(), store.newest_item(), store.count("image"), blake2b(passing).digest()


@contextmanager
def one_model(store: Store) -> Iterator[None]:
    """Raises ModelMismatch if the collection got another model within the block: what the block
    read may be of both, whether it failed or not."""
    before = store.model()
    try:
        yield
    finally:
        if store.model() != before:
            raise ModelMismatch(
                f"{store.name} got another model while its vectors were read; try again"
            )


def ids_of_pictures(store: Store, where: Where = EVERYTHING) -> NDArray[np.int64]:
    """The ids of all pictures that pass, (n,), rising."""
    return store.item_ids("image", where)
