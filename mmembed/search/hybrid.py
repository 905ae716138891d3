"""Searches by words, or by words, captions and pictures together; see `search.fusion`.

first page: the best by picture, caption and words → their parts → the pool in its order
any page:   the rest of the pool, then the pictures after those of the pool, without repeats

Where no image that passes has a caption or a matching word, the pool is empty: the images are
searched by their pictures alone.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.filters.tree import Where
from mmembed.search.calibration import BACKGROUND_SIZE, background
from mmembed.search.fusion import (
    MOST_BY_WORDS,
    NEAREST,
    POOL,
    Parts,
    against_captions,
    caption_parts,
    deviations,
    exact_parts,
    word_parts,
)
from mmembed.search.said_words import is_said
from mmembed.store.entries import Place, RankedImages, WordMatches
from mmembed.store.protocol import Store
from mmembed.types import Background, Evidence, Finder, Item

Vector = NDArray[np.float32]
ABOVE_ALL = 2.0
"""Above every cosine."""
SMALLEST = 1e-9
NOTHING = RankedImages(np.empty(0, np.int64), np.empty(0), complete=True)


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
    is_said: bool = False
    """Whether an image has all words of the query; known for the first page."""


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
        said = False
        if order is None:
            order, measured = self._order()
            said = measured is not None and is_said(measured.matches)
        items, by_picture, rest = self._items(order, count)
        cosines = self._scores([item.id for item in items])
        items = [item for item in items if item.id in cosines]  # others were removed just now
        ids = [item.id for item in items]
        scores = tuple(cosines[item_id] for item_id in ids)
        if not order.item_ids and not self.words_only:
            by_it = [by_picture[item_id] for item_id in ids]
            evidence = picture_evidence(by_it, self._usual("image", self.picture))
            return FusedPage(tuple(items), scores, evidence, rest, all_listed=True)
        if measured is None or not set(ids) <= set(measured.parts.item_ids.tolist()):
            measured = self._measured(ids, self._matches(ids), self._captions())
        by_item = measured.evidence(set(ids))
        evidence = tuple(by_item.get(item_id, ()) for item_id in ids)
        return FusedPage(tuple(items), scores, evidence, rest, measured.matches.complete, said)

    def _scores(self, item_ids: Sequence[int]) -> dict[int, float]:
        """The cosines with the query of the items that are still there."""
        ids, stored = self.store.vectors_of(item_ids)
        cosines = np.round(_cosines(stored, self.caption), 6)
        return dict(zip(ids, cosines.tolist(), strict=True))

    def _order(self) -> tuple[Order, _Measured | None]:
        if self.words_only:
            measured = self._measured((), self._matches(()), self._captions())
            ids = measured.matches.item_ids.tolist()
            return Order(tuple(ids), self._beginning(), ended=True), measured
        captions = self._captions()
        matches = None if len(captions.item_ids) else self._matches(())
        if matches is not None and not len(matches.item_ids):
            return Order((), self._beginning()), None
        pictures = self.store.nearest_images(self.picture, NEAREST, self.where, by="image")
        ids = pictures.item_ids.tolist()
        if matches is None or not matches.complete:
            matches = self._matches(ids)
        measured = self._measured(ids, matches, captions, pictures)
        tail = self._beginning()
        if ids:
            score, number = float(pictures.cosines[-1]), len(ids)
            tail = replace(tail, score=score, item_id=ids[-1], seen=number)
        return Order(tuple(measured.parts.order()), tail, ended=pictures.complete), measured

    def _matches(self, also: Sequence[int]) -> WordMatches:
        count = MOST_BY_WORDS if self.words_only else POOL
        return self.store.match_words(self.text, count, self.where, also=sorted(also))

    def _captions(self) -> RankedImages:
        """The images with the nearest captions."""
        if self.words_only:
            return NOTHING
        return self.store.nearest_images(self.caption, NEAREST, self.where, by="caption")

    def _beginning(self) -> Place:
        """Before every item that is there now; later ones come on no page."""
        return Place(ABOVE_ALL, 0, 0, self.store.newest_item())

    def _items(self, order: Order, count: int) -> tuple[list[Item], dict[int, float], Order]:
        """The next items; those that are gone, or pass no longer, are left out. Also the cosines of
        the pictures behind the pool, by id."""
        items: list[Item] = []
        cosines: dict[int, float] = {}
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
            cosines |= {item.id: cosine for item, cosine in found.hits}
            order = replace(order, tail=_end(found.hits, order.tail), ended=found.complete)
        return items, cosines, order

    def _measured(
        self,
        item_ids: Sequence[int],
        matches: WordMatches,
        captions: RankedImages,
        pictures: RankedImages | None = None,
    ) -> _Measured:
        """The parts of these images, and of the best by caption and words. pictures: the nearest
        of them, whose cosines are known."""
        of_captions = set(captions.item_ids.tolist())
        every = {*item_ids, *matches.item_ids.tolist(), *of_captions}
        ids, cosines = self._cosines(every, pictures or NOTHING)
        others = [item_id for item_id in ids.tolist() if item_id not in of_captions]
        captioned, tagged = self.store.described(others)
        captioned |= of_captions
        parts = Parts(
            ids,
            deviations(cosines, self._usual("image", self.picture)),
            caption_parts(ids, captioned, captions, self._usual("caption", self.caption)),
            word_parts(ids, matches),
            np.array([item_id in tagged for item_id in ids.tolist()], dtype=bool),
        )
        if pictures is not None and not pictures.complete:
            covered = float(matches.scores.max(initial=0)) / max(matches.attainable, SMALLEST)
            against = against_captions(parts, pictures.item_ids, covered)
            parts = replace(parts, against=against)
        parts = replace(parts, words=parts.words + exact_parts(ids, matches))
        return _Measured(parts, matches, self.words_only)

    def _cosines(
        self, item_ids: Set[int], known: RankedImages
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The images that are still there, rising, and their cosines with the query."""
        ids, stored = self.store.vectors_of(sorted(item_ids - set(known.item_ids.tolist())))
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


def picture_evidence(
    cosines: Sequence[float], usual: Background
) -> tuple[tuple[Evidence, ...], ...]:
    """The evidence of images that were found by their pictures alone."""
    points = deviations(np.array(cosines, np.float64), usual).tolist()
    return tuple(_evidence([some, 0.0, 0.0], ()) for some in points)


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
