"""Searches by words, or by words, captions and pictures together, page by page.

first page: the images that come first by a strategy, see `search.hybrid_strategies`
any page:   the rest of these, then the pictures behind them, without repeats

Where no image that passes has a caption or a matching word, none comes first: the images are
searched by their pictures alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from mmembed.errors import QueryError
from mmembed.filters.tree import Where
from mmembed.search.fusion import MOST_BY_WORDS
from mmembed.search.hybrid_strategies import First, HybridStrategy
from mmembed.search.ordering import Page
from mmembed.search.query_by_words import Vector, cosines_of
from mmembed.store.entries import Place
from mmembed.store.protocol import Store
from mmembed.types import Evidence, Item

ABOVE_ALL = 2.0
"""Above every cosine."""

Behind: TypeAlias = Callable[[int, Place], Page]
"""The next images by their pictures: how many, and after which place."""


@dataclass(frozen=True)
class Order:
    """The order of a search, from some place on."""

    item_ids: tuple[int, ...]
    """The images that come first."""
    tail: Place
    """After which the pictures go on behind these."""
    shown: int = 0
    """How many of these were shown."""
    ended: bool = False
    """Whether nothing comes behind them."""

    @property
    def is_over(self) -> bool:
        """Whether no item is left."""
        return self.ended and self.shown >= len(self.item_ids)


@dataclass(frozen=True)
class FusedPage:
    """Items in their order, each with its evidence."""

    items: tuple[Item, ...]
    cosines: tuple[float, ...]
    """Of each with the query."""
    evidence: tuple[tuple[Evidence, ...], ...]
    rest: Order
    """The order after them."""
    all_listed: bool
    """Whether fewer images come first than are listed by words alone."""
    is_said: bool = False
    """Whether an image has all words of the query; known for the first page."""


@dataclass(frozen=True)
class Hybrid:
    """A query by words."""

    store: Store
    strategy: HybridStrategy
    behind: Behind
    score: Vector
    """float32 (dim,), unit-norm: scores are cosines with it."""
    where: Where
    words_only: bool = False

    def page(self, count: int, order: Order | None) -> FusedPage:
        """The next `count` items of an order; None for its beginning. Raises QueryError."""
        if count < 1:
            raise QueryError(f"k: {count} is not a number of results; ask for at least 1")
        first: First | None = None
        if order is None:
            first = self.strategy.first()
            order = self._order(first)
        items, values, rest = self._items(order, count)
        cosines = self._scores([item.id for item in items])
        items = [item for item in items if item.id in cosines]  # others were removed just now
        return FusedPage(
            tuple(items),
            tuple(cosines[item.id] for item in items),
            self._evidence(items, values, order, first),
            rest,
            all_listed=len(order.item_ids) < MOST_BY_WORDS,
            is_said=first is not None and first.is_said,
        )

    def _evidence(
        self, items: Sequence[Item], values: dict[int, float], order: Order, first: First | None
    ) -> tuple[tuple[Evidence, ...], ...]:
        """values: of the images behind those that come first."""
        ids = {item.id for item in items}
        if not order.item_ids and not self.words_only:
            by_picture = [values[item.id] for item in items]
            evidence = self.strategy.evidence_of_pictures(items, by_picture)
        elif first is not None and first.measured is not None and first.measured.knows(ids):
            evidence = first.measured.evidence(ids)
        else:
            evidence = self.strategy.evidence(ids)
        return tuple(evidence.get(item.id, ()) for item in items)

    def _scores(self, item_ids: Sequence[int]) -> dict[int, float]:
        """The cosines with the query of the items that are still there."""
        ids, stored = self.store.vectors_of(item_ids)
        cosines = np.round(cosines_of(stored, self.score), 6)
        return dict(zip(ids, cosines.tolist(), strict=True))

    def _order(self, first: First) -> Order:
        """The order from its beginning, with the items that are there now; later ones come on no
        page."""
        tail = Place(ABOVE_ALL, 0, 0, self.store.newest_item())
        if self.words_only:
            return Order(first.item_ids, tail, ended=True)
        nearest = first.nearest.item_ids.tolist()
        if nearest:
            score, number = float(first.nearest.cosines[-1]), len(nearest)
            tail = replace(tail, score=score, item_id=nearest[-1], seen=number)
        return Order(first.item_ids, tail, ended=bool(nearest) and first.nearest.complete)

    def _items(self, order: Order, count: int) -> tuple[list[Item], dict[int, float], Order]:
        """The next items; those that are gone, or pass no longer, are left out. Also the values of
        the pictures behind those that come first, by id."""
        items: list[Item] = []
        values: dict[int, float] = {}
        while len(items) < count and order.shown < len(order.item_ids):
            until = order.shown + count - len(items)
            items += self.store.items(order.item_ids[order.shown : until], self.where)
            order = replace(order, shown=min(until, len(order.item_ids)))
        first = set(order.item_ids)
        while len(items) < count and not order.is_over:
            page = self.behind(count - len(items), order.tail)
            items += [item for item in page.items if item.id not in first]
            ids = (item.id for item in page.items)
            values |= dict(zip(ids, page.values, strict=True))
            order = replace(order, tail=page.end or order.tail, ended=page.end is None)
        return items, values, order
