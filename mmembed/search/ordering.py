"""A composition and a strategy → a page of items in their order.

sum      the weighted sum of the standardised terms: one vector ranks
exclude  by the sum of the positive terms; items that are clearly near a negative term are dropped
best     by the best positive term; items that a negative term fits better, AGAINST times its
         weight, come last, those that it fits least first. A caption in chunks counts by the
         chunk that a term fits best

Each order depends on the items' vectors and the composition alone. So a page that begins at a place
goes on in the order of the page before, whatever was added or removed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.search.composition import Composition
from mmembed.store.entries import LARGEST, Found, Place
from mmembed.types import Embeddings, Item, Strategy

DEPTH = 10_000
"""`exclude` orders the items among so many nearest to the positive terms, `best` those among so
many nearest to any of them. Deeper ones are no results, so that no query reads a whole collection
of millions."""

NEAR = 0.5
"""Deviations above the usual cosine of a negative term at which `exclude` drops an item."""

AGAINST = 6.0
"""Factor of negative terms in `best`. The best items of a positive term are three deviations or
more above its usual cosine, which hardly any item is for two terms: without a factor, a negative
term of the default weight changes nothing."""

GROWTH = 4
_ROUNDING = 1e-4
"""Of standardised cosines, since stores round cosines: a margin in deviations."""

Nearest: TypeAlias = Callable[[NDArray[np.float32], int, Place | None], Found]
VectorsOf: TypeAlias = Callable[[Sequence[int]], tuple[list[int], NDArray[np.float16]]]


@dataclass(frozen=True)
class Page:
    """Items in the order of a query."""

    items: tuple[Item, ...]
    values: tuple[float, ...]
    """By which they are ordered, falling; ties by rising id. For `sum` the cosine with the vector
    that ranks."""
    end: Place | None
    """Where the next page begins; None if no item comes after these."""


def order(
    composition: Composition,
    strategy: Strategy,
    *,
    nearest: Nearest,
    vectors_of: VectorsOf,
    chunks_of: VectorsOf,
    count: int,
    after: Place | None,
) -> Page:
    """The next `count` items after a place. nearest: finds the items nearest to a unit-norm vector,
    after a place. vectors_of: the stored vectors of items. chunks_of: those of each of their
    chunks; the id of an item comes once for each, one after the other.

    Raises QueryError if the terms cancel out, or if `best` or `exclude` have no positive term.
    """
    alone = len(composition.weights) == 1 and composition.weights[0] > 0
    if strategy == "sum" or alone:
        return _page_of(nearest(composition.vector(), count, after), after)
    if not composition.towards().weights:
        raise QueryError(
            f"strategy: {strategy} needs a term of positive weight; add one, or use sum",
            param="strategy",
        )
    by_strategy = _Exclude if strategy == "exclude" else _Best
    return by_strategy(composition, nearest, vectors_of, chunks_of, count, after).page()


def _page_of(found: Found, after: Place | None) -> Page:
    shown = after.seen if after else 0
    return _page(found.hits, None if found.complete else shown + len(found.hits), after)


def _page(hits: Sequence[tuple[Item, float]], seen: int | None, after: Place | None) -> Page:
    """seen: of the place where the page ends; None if no item comes after it."""
    end = None
    if seen is not None:
        item, value = hits[-1]
        end = Place(value, item.id, seen, after.newest if after else LARGEST)
    return Page(tuple(item for item, _ in hits), tuple(value for _, value in hits), end)


@dataclass(frozen=True)
class _Strategy:
    composition: Composition
    nearest: Nearest
    vectors_of: VectorsOf
    chunks_of: VectorsOf
    count: int
    after: Place | None

    @cached_property
    def _towards(self) -> Composition:
        return self.composition.towards()

    @cached_property
    def _away(self) -> Composition:
        return self.composition.away()

    @property
    def _seen(self) -> int:
        return self.after.seen if self.after else 0


class _Exclude(_Strategy):
    """`seen` of a place counts the items that were looked at, also those that were dropped."""

    def page(self) -> Page:
        """One page of the items that are far from every negative term."""
        vector = self._towards.vector()
        kept: list[tuple[Item, float]] = []
        numbers: list[int] = []
        place, batch, seen = self.after, GROWTH * self.count, self._seen
        while len(kept) <= self.count and seen < DEPTH:
            found = self.nearest(vector, min(batch, DEPTH - seen), place)
            far = self._far([item for item, _ in found.hits])
            for number, (item, score) in enumerate(found.hits, seen + 1):
                if item.id in far:
                    kept.append((item, score))
                    numbers.append(number)
            if found.complete:
                break
            seen, batch = seen + len(found.hits), batch * GROWTH
            place = _page(found.hits, seen, self.after).end
        more = len(kept) > self.count
        return _page(kept[: self.count], numbers[self.count - 1] if more else None, self.after)

    def _far(self, items: Sequence[Item]) -> set[int]:
        return far_from(self._away, self.vectors_of, [item.id for item in items])


def far_from(away: Composition, vectors_of: VectorsOf, item_ids: Sequence[int]) -> set[int]:
    """The items that are near no negative term, of those that are still there."""
    ids, stored = vectors_of(item_ids)
    if not ids or not away.weights:
        return set(ids)
    near = away.standardised(unit_rows(stored)).max(axis=1) > NEAR
    return {item_id for item_id, is_near in zip(ids, near.tolist(), strict=True) if not is_near}


class _Best(_Strategy):
    """Values are in (0, 1) where a positive term is best, else in (-1, 0). `seen` of a place counts
    the items up to it."""

    def page(self) -> Page:
        depth = self._seen + GROWTH * self.count
        while True:
            valued = self._candidates(min(depth, DEPTH))
            hits = [hit for hit in valued.hits if hit[1] > valued.reach]
            if self.after is not None:
                hits = [hit for hit in hits if self.after.precedes(hit[1], hit[0].id)]
            if len(hits) > self.count or valued.all_known:
                break
            depth *= GROWTH
        seen = self._seen + self.count if len(hits) > self.count else None
        return _page(hits[: self.count], seen, self.after)

    def _candidates(self, depth: int) -> _Valued:
        """The `depth` items nearest to each positive term."""
        lists = [self.nearest(row, depth, None) for row in unit_rows(self._towards.rows)]
        items = {item.id: item for found in lists for item, _ in found.hits}
        with_chunks, stored = self.chunks_of(list(items))
        if not with_chunks:
            return _Valued((), all_known=True)
        ids, starts = _first_of_each(with_chunks)
        vectors = unit_rows(stored)
        towards = self._towards.standardised(vectors) * np.array(self._towards.weights)
        against = self._away.standardised(vectors) * (-AGAINST * np.array(self._away.weights))
        positive = np.maximum.reduceat(towards, starts)
        values = self._values(positive, np.maximum.reduceat(against, starts))
        best = dict(
            zip(ids, zip(values.tolist(), positive.argmax(axis=1), strict=True), strict=True)
        )
        ranked = sorted(best, key=lambda item_id: (-best[item_id][0], item_id))
        named = [{item.id: item for item, _ in found.hits} for found in lists]
        hits = tuple(
            (named[best[item_id][1]].get(item_id, items[item_id]), best[item_id][0])
            for item_id in ranked
        )
        if depth >= DEPTH or all(found.complete for found in lists):
            return _Valued(hits, all_known=True)
        row_of = {item_id: row for row, item_id in enumerate(ids)}
        ends = [
            positive[row_of[item.id], term]
            for term, found in enumerate(lists)
            for item, _ in found.hits[-1:]
            if item.id in row_of
        ]
        return _Valued(hits, reach=float(_squashed(max(ends, default=np.inf) + _ROUNDING)))

    @staticmethod
    def _values(positive: NDArray[np.float64], against: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each item and each term: (n, terms)."""
        best, worst = positive.max(axis=1), against.max(axis=1, initial=-np.inf)
        values = np.where(best > worst, _squashed(best), -_squashed(worst))
        return np.asarray(np.round(values, 9))


def _first_of_each(ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """Ids that come several times, one after the other: each once, and its first place."""
    starts = [place for place, item in enumerate(ids) if not place or ids[place - 1] != item]
    return [ids[place] for place in starts], starts


@dataclass(frozen=True)
class _Valued:
    hits: tuple[tuple[Item, float], ...]
    """By falling value, ties by rising id."""
    reach: float = -np.inf
    """No other item has a larger value."""
    all_known: bool = False


def _squashed(numbers: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Numbers as rising numbers in (0, 1)."""
    finite = np.clip(numbers, -1e9, 1e9)
    return np.asarray((finite / (1 + np.abs(finite)) + 1) / 2)


def unit_rows(stored: NDArray[np.float16] | Embeddings) -> Embeddings:
    """Stored vectors, of any length but zero, as float32 (n, dim), unit-norm."""
    rows = stored.astype(np.float32)
    if not len(rows):
        return rows
    unit: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
