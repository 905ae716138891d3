"""Searches by words, or by words, captions and pictures together; see `search.fusion`.

first page: the best by picture, caption and words → their parts → the pool in its order
any page:   the rest of the pool, then the pictures after those of the pool, without repeats
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.filters.tree import Where
from mmembed.search.calibration import BACKGROUND_SIZE, background
from mmembed.search.fusion import MOST_BY_WORDS, POOL, Parts, caption_parts, deviations, word_parts
from mmembed.store.entries import Place, RankedImages, WordMatches
from mmembed.store.protocol import Store
from mmembed.types import Background, Evidence, Finder, Item

Vector = NDArray[np.float32]
ABOVE_ALL = 2.0
"""Above every cosine."""


@dataclass(frozen=True)
class Order:
    """The order of a search, from some place on."""

    item_ids: tuple[int, ...]
    """The pool, in its order."""
    tail: Place
    """After which the pictures go on behind the pool."""
    shown: int = 0
    """How many of the pool were shown."""
    ended: bool = False
    """Whether nothing comes after the pool."""

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
    """Whether no other image matches the words."""


@dataclass(frozen=True)
class Hybrid:
    """A query by words."""

    store: Store
    text: str
    """The words of the query."""
    picture: Vector
    """float32 (dim,), unit-norm: ranks the images."""
    caption: Vector
    """float32 (dim,), unit-norm: ranks the captions."""
    where: Where
    words_only: bool = False

    def page(self, count: int, order: Order | None) -> FusedPage:
        """The next `count` items of an order; None for its beginning. Raises QueryError."""
        if count < 1:
            raise QueryError(f"k: {count} is not a number of results; ask for at least 1")
        measured: _Measured | None = None
        if order is None:
            order, measured = self._order()
        items, rest = self._items(order, count)
        cosines = self._scores([item.id for item in items])
        items = [item for item in items if item.id in cosines]  # others were removed just now
        ids = [item.id for item in items]
        if measured is None or not set(ids) <= set(measured.parts.item_ids.tolist()):
            measured = self._measured(sorted(ids))
        by_item = measured.evidence(set(ids))
        return FusedPage(
            tuple(items),
            tuple(cosines[item_id] for item_id in ids),
            tuple(by_item.get(item_id, ()) for item_id in ids),
            rest,
            measured.matches.complete,
        )

    def _scores(self, item_ids: Sequence[int]) -> dict[int, float]:
        """The cosines with the query of the items that are still there."""
        ids, stored = self.store.vectors_of(item_ids)
        cosines = np.round(_cosines(stored, self.caption), 6)
        return dict(zip(ids, cosines.tolist(), strict=True))

    def _order(self) -> tuple[Order, _Measured]:
        if self.words_only:
            measured = self._measured(())
            ids = measured.matches.item_ids.tolist()
            return Order(tuple(ids), self._beginning(), ended=True), measured
        pictures = self.store.nearest_images(self.picture, POOL, self.where, by="image")
        measured = self._measured(pictures.item_ids.tolist(), pictures)
        tail, number = self._beginning(), len(pictures.item_ids)
        if number:
            score, item_id = float(pictures.cosines[-1]), int(pictures.item_ids[-1])
            tail = replace(tail, score=score, item_id=item_id, seen=number)
        ids = measured.parts.order()
        return Order(tuple(ids), tail, ended=pictures.complete), measured

    def _beginning(self) -> Place:
        """Before every item that is there now; later ones come on no page."""
        return Place(ABOVE_ALL, 0, 0, self.store.newest_item())

    def _items(self, order: Order, count: int) -> tuple[list[Item], Order]:
        """The next items; those that are gone, or pass no longer, are left out."""
        items: list[Item] = []
        while len(items) < count and order.shown < len(order.item_ids):
            until = order.shown + count - len(items)
            items += self.store.items(order.item_ids[order.shown : until], self.where)
            order = replace(order, shown=min(until, len(order.item_ids)))
        pool = set(order.item_ids)
        while len(items) < count and not order.is_over:
            found = self.store.search(
                self.picture, count - len(items), self.where, kind="image", after=order.tail
            )
            items += [item for item, _ in found.hits if item.id not in pool]
            order = replace(order, tail=_end(found.hits, order.tail), ended=found.complete)
        return items, order

    def _measured(self, item_ids: Sequence[int], pictures: RankedImages | None = None) -> _Measured:
        """The parts of these images, and of the best by caption and words. pictures: whose cosines
        are known."""
        count = MOST_BY_WORDS if self.words_only else POOL
        matches = self.store.match_words(self.text, count, self.where, also=item_ids)
        nothing = RankedImages(np.empty(0, np.int64), np.empty(0), complete=True)
        captions = nothing
        if not self.words_only:
            captions = self.store.nearest_images(self.caption, POOL, self.where, by="caption")
        every = np.union1d(np.array(item_ids, np.int64), matches.item_ids)
        ids, cosines = self._cosines(np.union1d(every, captions.item_ids), pictures or nothing)
        captioned, tagged = self.store.described(ids.tolist())
        parts = Parts(
            ids,
            deviations(cosines, self._usual("image", self.picture)),
            caption_parts(ids, captioned, captions, self._usual("caption", self.caption)),
            word_parts(ids, matches),
            np.isin(ids, np.array(sorted(tagged), np.int64)),
        )
        return _Measured(parts, matches, self.words_only)

    def _cosines(
        self, item_ids: NDArray[np.int64], known: RankedImages
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The images that are still there, and their cosines with the query."""
        lacking = np.setdiff1d(item_ids, known.item_ids)
        ids, stored = self.store.vectors_of(lacking.tolist())
        cosines = _cosines(stored, self.picture)
        both = np.concatenate([known.item_ids, np.array(ids, np.int64)])
        order = np.argsort(both)
        return both[order], np.round(np.concatenate([known.cosines, cosines])[order], 6)

    def _usual(self, kind: str, query: Vector) -> Background:
        return background(
            query, self.store.sample("image" if kind == "image" else "caption", BACKGROUND_SIZE)
        )


@dataclass(frozen=True)
class _Measured:
    parts: Parts
    matches: WordMatches
    words_only: bool

    def evidence(self, item_ids: set[int]) -> dict[int, tuple[Evidence, ...]]:
        """The evidence of some images."""
        words = dict(zip(self.matches.item_ids.tolist(), self.matches.words, strict=True))
        points = np.stack(self.parts.points(), axis=1)
        if self.words_only:
            points[:, :2] = 0
        return {
            item_id: _evidence(points[row].tolist(), words.get(item_id, ()))
            for row, item_id in enumerate(self.parts.item_ids.tolist())
            if item_id in item_ids
        }


def _evidence(points: Sequence[float], words: tuple[str, ...]) -> tuple[Evidence, ...]:
    finders: tuple[Finder, ...] = ("picture", "caption", "words")
    found = [
        Evidence(by, round(some, 3), words if by == "words" else ())
        for by, some in zip(finders, points, strict=True)
        if some > 0
    ]
    return tuple(sorted(found, key=lambda one: -one.points))


def picture_evidence(score: float, usual: Background) -> tuple[Evidence, ...]:
    """The evidence of an image that was found by its picture alone."""
    return _evidence([float(deviations(np.array([score]), usual)[0]), 0.0, 0.0], ())


def _cosines(stored: NDArray[np.float16], query: Vector) -> NDArray[np.float64]:
    """Of stored vectors (n, dim) with a unit-norm query: (n,)."""
    if not len(stored):
        return np.empty(0)
    rows = stored.astype(np.float64)
    return np.asarray((rows @ query) / np.linalg.norm(rows, axis=1))


def _end(hits: Sequence[tuple[Item, float]], before: Place) -> Place:
    if not hits:
        return before
    item, score = hits[-1]
    return replace(before, score=score, item_id=item.id, seen=before.seen + len(hits))
