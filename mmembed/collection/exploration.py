"""Groups the pictures of a collection, and finds those far from all others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller
from mmembed.collection.bank_of_model import ModelBank
from mmembed.collection.map_work import MapWork
from mmembed.errors import Overloaded
from mmembed.explore.clusters.clusters import Cluster, clustered, usual_counts
from mmembed.explore.clusters.naming import Vocabulary
from mmembed.explore.outliers import Outlier, outliers
from mmembed.explore.picture_vectors import (
    chunks_of_pictures,
    even_sample,
    ids_of_pictures,
    read_pictures,
)
from mmembed.explore.principal_axes import principal_axes
from mmembed.filters.tree import Where
from mmembed.search.bank.bank import Bank
from mmembed.store.protocol import Store
from mmembed.types import Item

MOST_LOOKED_AT = 50_000
"""Pictures that are grouped, and that neighbours are looked for among; of more an even sample."""
KEPT = 8
"""Answers that are kept while the collection does not change."""
MOST_WAITING = 4
"""Callers that wait for their turn: each holds a thread of the server."""
LOOK_S = 0.5
"""Seconds between two looks whether a waiting caller is still there."""
ESTIMATED = "Sizes are estimated by an even sample of {:,} of {:,} pictures."
NAMES_LATER = "The bank of texts is being embedded, once for this model; names come afterwards."
NO_BANK = "Names need the bank of texts, and MMEMBED_BANK is off."

TOO_MANY = "{} requests wait already for the pictures to be grouped; try again later"

T = TypeVar("T")


@dataclass(frozen=True)
class Clusters:
    """Clusters of pictures, and what is shown of them."""

    levels: tuple[tuple[Cluster, ...], ...]
    """Coarse ones first; none without pictures."""
    pictures: int
    """That were grouped, or that the sizes stand for."""
    items: dict[int, Item]
    """The pictures that stand for clusters, by id."""
    notes: tuple[str, ...]
    """Notes for the caller."""


@dataclass(frozen=True)
class Outliers:
    """Pictures far from all others, the farthest first."""

    found: tuple[Outlier, ...]
    pictures: int
    """That were compared."""
    items: dict[int, Item]
    """The outliers and the pictures nearest to them, by id."""


class Exploration:
    """Looks at all pictures of one collection, one request at a time. Any thread may call it."""

    def __init__(self, store: Store, bank: ModelBank) -> None:
        """bank: of the store's model; its words name clusters."""
        self._store = store
        self._bank = bank
        self._working = threading.Lock()
        self._waiting = 0
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._made: tuple[Bank, Vocabulary] | None = None
        self.map = MapWork(store, self.vocabulary)

    def close(self) -> None:
        """Give up the work in the background."""
        self.map.close()

    def clusters(
        self,
        where: Where,
        count: int | None,
        among: NDArray[np.int64] | None = None,
    ) -> Clusters:
        """See Collection.clusters. among: groups these pictures instead of those that pass."""
        vocabulary = self.vocabulary()

        def work() -> Clusters:
            ids = ids_of_pictures(self._store, where) if among is None else np.sort(among)
            return self._clusters(ids, count, vocabulary)

        if among is not None:
            with self._alone():
                return work()
        return self._kept(("clusters", where, count, vocabulary is None), work)

    def outliers(self, where: Where, count: int) -> Outliers:
        """See Collection.outliers."""
        return self._kept(("outliers", where, count), lambda: self._outliers(where, count))

    def vocabulary(self) -> Vocabulary | None:
        """The words that name clusters; None without a bank, and while it is being embedded."""
        model = self._store.model()
        bank = None if model is None else self._bank.now(model.fingerprint)
        if bank is None:
            return None
        made = self._made
        if made is None or made[0] is not bank:
            self._made = made = bank, Vocabulary(bank)
        return made[1]

    def note_on_names(self, vocabulary: Vocabulary | None) -> tuple[str, ...]:
        """Why clusters have no names; nothing if they have."""
        if vocabulary is not None:
            return ()
        return (NAMES_LATER,) if self._bank.awaited else (NO_BANK,)

    def _clusters(
        self, ids: NDArray[np.int64], count: int | None, vocabulary: Vocabulary | None
    ) -> Clusters:
        pictures = read_pictures(self._store, even_sample(ids, MOST_LOOKED_AT))
        if not len(pictures):
            return Clusters((), 0, {}, ())
        rows = principal_axes(pictures.rows).project(pictures.rows)
        counts = usual_counts(len(pictures)) if count is None else (count,)
        levels = clustered(pictures, rows, counts, vocabulary).levels
        notes = self.note_on_names(vocabulary)
        if len(ids) > MOST_LOOKED_AT:
            levels = _scaled(levels, len(ids) / len(pictures))
            notes += (ESTIMATED.format(len(pictures), len(ids)),)
        shown = {one.representative for level in levels for one in level}
        return Clusters(levels, len(ids), self._items(shown), notes)

    def _outliers(self, where: Where, count: int) -> Outliers:
        ids = ids_of_pictures(self._store, where)
        sample = read_pictures(self._store, even_sample(ids, MOST_LOOKED_AT))
        others = np.setdiff1d(ids, sample.ids, assume_unique=True)
        found = outliers(sample, chunks_of_pictures(self._store, others), count)
        shown = {one for some in found for one in (some.item_id, some.nearest)}
        return Outliers(tuple(found), len(ids), self._items(shown))

    def _items(self, ids: set[int]) -> dict[int, Item]:
        return {item.id: item for item in self._store.items(sorted(ids))}

    def _kept(self, key: Hashable, work: Callable[[], T]) -> T:
        """The answer of `work`, which is kept until a picture comes, goes or changes."""
        store = self._store
        with self._alone():
            state = store.last_change(), store.count(), store.newest_item(), key
            if state in self._answers:
                self._answers.move_to_end(state)
                known: T = self._answers[state]
                return known
            self._answers[state] = answer = work()
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
            return answer

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Waits until no other thread is at work here. Raises Abandoned, Overloaded."""
        if self._waiting > MOST_WAITING:
            raise Overloaded(TOO_MANY.format(self._waiting), LOOK_S * self._waiting)
        self._waiting += 1
        try:
            while not self._working.acquire(timeout=LOOK_S):
                current_caller().check()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._working.release()


def _scaled(levels: Sequence[Sequence[Cluster]], factor: float) -> tuple[tuple[Cluster, ...], ...]:
    return tuple(
        tuple(replace(one, size=round(one.size * factor)) for one in level) for level in levels
    )
