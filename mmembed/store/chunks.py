"""Captions that are longer than the model reads at once, and have a vector for each chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Chunk(NamedTuple):
    """A part of a caption that is longer than the model reads at once, with its embedding."""

    start: int
    stop: int
    """The first character, and the one after the last."""
    embedding: NDArray[np.float32]
    """float32 (dim,), of any length but zero."""


class ChunkVector(NamedTuple):
    """The vector of a chunk of a caption."""

    start: int
    stop: int
    """The first character, and the one after the last."""
    vector_id: int


class Chunks(Protocol):
    """The chunks of long captions. The rules of `store.protocol` hold here, too."""

    def chunks_of(self, item_ids: Sequence[int]) -> dict[int, list[ChunkVector]]:
        """The chunks of captions that are kept in chunks, in their order, by item id; other items
        are left out."""

    def uncut_captions(self, limit: int) -> list[tuple[int, str]]:
        """Ids and texts of up to `limit` captions of a time when each had one vector, by falling
        id; empty when all were looked at."""

    def cut_captions(self, cuts: Mapping[str, Sequence[Chunk]], down_to: int) -> None:
        """Replace the vectors of captions by those of their chunks, by sha256. Captions with the id
        `down_to` or a larger one are then no longer among the uncut. Raises Unstorable."""
