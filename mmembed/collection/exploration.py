"""Groups the pictures of a collection, and finds those far from all others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.collection.bank_of_model import ModelBank
from mmembed.collection.jobs.registry import JobRegistry
from mmembed.collection.map_work import MapWork
from mmembed.collection.one_at_a_time import OneAtATime
from mmembed.explore.clusters.clusters import Cluster, clustered, usual_counts
from mmembed.explore.clusters.naming import Vocabulary
from mmembed.explore.outliers import Outlier, outliers
from mmembed.explore.picture_vectors import (
    chunks_of_pictures,
    even_sample,
    ids_of_pictures,
    mark_of_pictures,
    one_model,
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
MOST_OUTLIERS = 1_000
"""Outliers that are kept: any smaller number of them is an answer, too."""
ESTIMATED = "Sizes are estimated by an even sample of {:,} of {:,} pictures."
NAMES_LATER = "The bank of texts is being embedded, once for this model; names come afterwards."
NO_BANK = "Names need the bank of texts, and MMEMBED_BANK is off."

T = TypeVar("T")


@dataclass(frozen=True)
class Clusters:
    """Clusters of pictures, and what is shown of them."""

    levels: tuple[tuple[Cluster, ...], ...]
    """Coarse ones first; none without pictures."""
    pictures: int
    """That were grouped, or that the sizes stand for."""
    notes: tuple[str, ...]
    """Notes for the caller."""
    items: dict[int, Item] = field(default_factory=dict)
    """The pictures that stand for clusters, by id."""


@dataclass(frozen=True)
class Outliers:
    """Pictures far from all others, the farthest first."""

    found: tuple[Outlier, ...]
    pictures: int
    """That were compared."""
    items: dict[int, Item] = field(default_factory=dict)
    """The outliers and the pictures nearest to them, by id."""


class Exploration:
    """Looks at all pictures of one collection, one request at a time. Any thread may call it."""

    def __init__(self, store: Store, bank: ModelBank, jobs: JobRegistry) -> None:
        """bank: of the store's model; its words name clusters."""
        self._store = store
        self._bank = bank
        self._alone = OneAtATime("the pictures to be grouped")
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._made: tuple[Bank, Vocabulary] | None = None
        self.map = MapWork(store, self.vocabulary, jobs)

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

        if among is None:
            found = self._kept(where, ("clusters", count, vocabulary is None), work)
        else:
            with self._alone.turn(), one_model(self._store):
                found = work()
        shown = {one.representative for level in found.levels for one in level}
        return replace(found, items=self._items(shown))

    def outliers(self, where: Where, count: int) -> Outliers:
        """See Collection.outliers. count: at most MOST_OUTLIERS."""
        every = self._kept(where, "outliers", lambda: self._outliers(where))
        found = every.found[:count]
        shown = {one for some in found for one in (some.item_id, some.nearest)}
        return replace(every, found=found, items=self._items(shown))

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
            return Clusters((), 0, ())
        rows = principal_axes(pictures.rows).project(pictures.rows)
        counts = usual_counts(len(pictures)) if count is None else (count,)
        levels = clustered(pictures, rows, counts, vocabulary).levels
        notes = self.note_on_names(vocabulary)
        if len(ids) > MOST_LOOKED_AT:
            levels = _scaled(levels, len(ids) / len(pictures))
            notes += (ESTIMATED.format(len(pictures), len(ids)),)
        return Clusters(levels, len(ids), notes)

    def _outliers(self, where: Where) -> Outliers:
        ids = ids_of_pictures(self._store, where)
        sample = read_pictures(self._store, even_sample(ids, MOST_LOOKED_AT))
        others = np.setdiff1d(ids, sample.ids, assume_unique=True)
        found = outliers(sample, chunks_of_pictures(self._store, others), MOST_OUTLIERS)
        return Outliers(tuple(found), len(ids))

    def _items(self, ids: Iterable[int]) -> dict[int, Item]:
        return {item.id: item for item in self._store.items(sorted(ids))}

    def _kept(self, where: Where, key: Hashable, work: Callable[[], T]) -> T:
        """The answer of `work`, which is kept until a picture comes, goes or changes."""
        with self._alone.turn():
            state = mark_of_pictures(self._store, where), where, key
            if state in self._answers:
                self._answers.move_to_end(state)
                known: T = self._answers[state]
                return known
            with one_model(self._store):
                answer = work()
            self._answers[state] = answer
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
            return answer


def _scaled(levels: Sequence[Sequence[Cluster]], factor: float) -> tuple[tuple[Cluster, ...], ...]:
    return tuple(
        tuple(replace(one, size=round(one.size * factor)) for one in level) for level in levels
    )
