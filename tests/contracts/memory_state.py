"""What a store in memory holds, and how a change of it happens whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from mmembed.store.chunks import ChunkVector
from mmembed.store.entries import KeptOut, Mark, Model, Words
from mmembed.types import Failure, Item, Kind


@dataclass(frozen=True, eq=False)
class Vector:
    """One distinct vector of a model and kind."""

    kind: Kind
    model: str
    """The model's fingerprint."""
    row: NDArray[np.float16]
    """(dim,)"""


@dataclass(frozen=True)
class Change:
    """A vector that came (1) or went (-1)."""

    kind: Kind
    model: str
    vector_id: int
    op: int


@dataclass
class State:
    """All that is kept. Values are never changed in place, so that a copy of the dicts is whole."""

    items: dict[int, Item] = field(default_factory=dict)
    """Images with all their captions, and captions."""
    words: dict[int, Words] = field(default_factory=dict)
    """Captions and tags of an item, with their sources; of a caption, its tags."""
    headers: dict[int, int] = field(default_factory=dict)
    """Which version of the reader read the header of an image."""
    indexed: dict[str, None] = field(default_factory=dict)
    """Fields of manifests that have an index."""
    marks: dict[int, Mark] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    kept_out: dict[str, KeptOut] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    """By fingerprint, in the order in which they came."""
    serving: tuple[str, ...] = ()
    """The fingerprint of the model that serves, if one does."""
    vectors: dict[int, Vector] = field(default_factory=dict)
    contents: dict[tuple[Kind, str, str], int] = field(default_factory=dict)
    """Ids of vectors by kind, sha256 and model; of a caption in chunks, of the first."""
    chunks: dict[tuple[Kind, str, str], tuple[ChunkVector, ...]] = field(default_factory=dict)
    """All chunks, where there are several vectors of a content."""
    uncut: int = 0
    """Captions up to this id may be long, and have one vector."""
    changes: dict[int, Change] = field(default_factory=dict)
    records: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Contents by kind and name."""
    hashes: dict[str, bytes] = field(default_factory=dict)
    """Of pictures, by their content."""
    automatic: dict[int, dict[tuple[str, str], float]] = field(default_factory=dict)
    """Scores of an item's automatic tags, by tag and label set."""

    def copy(self) -> State:
        """A state that can be changed without this one."""
        own = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict):
                setattr(own, name, dict(value))
        return own

    def of_kind(self, kind: Kind | None) -> Iterator[Item]:
        """Items by rising id."""
        return (self.items[i] for i in sorted(self.items) if kind in (None, self.items[i].kind))

    def images(self) -> Iterator[Item]:
        """Images by rising id."""
        return self.of_kind("image")


class Memory:
    """A state and its lock; the base of every part of a store in memory."""

    def __init__(self) -> None:
        self._state = State()
        self._lock = threading.RLock()
        self._new_id: Callable[[], int] = count(1).__next__

    @contextmanager
    def _change(self) -> Iterator[State]:
        """A state to change, which is kept where the block succeeds."""
        with self._lock:
            state = self._state.copy()
            yield state
            self._state = state
