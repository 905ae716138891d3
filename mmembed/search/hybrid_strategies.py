"""The images that come first in a search by words, for each strategy.

sum      by their value, see `search.fusion`; an image is worth less by SAID for each point of a
         negative term's weight if its captions, tags or names have all words of that term
exclude  the same for the positive terms; an image is dropped if a negative term is said of it, or
         its picture is near one and it is none of the few that have all words of the query
best     by the largest of its values for each positive term, see `search.hybrid_best`

Where neither captions nor words take part, no image comes first: pictures alone are searched.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.search.composition import Composition
from mmembed.search.fusion import EXACT
from mmembed.search.ordering import AGAINST, far_from, unit_rows
from mmembed.search.query_by_words import NOTHING, Best, MeasuredParts, QueryByWords
from mmembed.search.said_words import HARDLY_TELLING, images_saying, is_said
from mmembed.store.entries import RankedImages
from mmembed.store.protocol import Store
from mmembed.types import Evidence, Item, Term

SAID = 6.0
"""Points that an image loses for each point of the weight of a negative term that is said of it."""


@dataclass(frozen=True)
class First:
    """The images that come first."""

    item_ids: tuple[int, ...]
    """In their order."""
    nearest: RankedImages = NOTHING
    """By picture, all of them dropped or among these. Behind them the pictures go on."""
    measured: MeasuredParts | None = None
    """Their parts, where one query finds them."""
    is_said: bool = False
    """Whether an image has all words of the query, and none of a negative term."""


@dataclass(frozen=True)
class Away:
    """The negative terms of a query."""

    store: Store
    terms: tuple[Term, ...]
    composition: Composition
    """Of these terms."""

    @property
    def has_words(self) -> bool:
        """Whether a negative term is words."""
        return any(term.text is not None for term in self.terms)

    def saying(self, item_ids: Collection[int]) -> dict[int, float]:
        """The images whose captions, tags or names have all words of a negative term, and the
        weights of these terms together, above 0."""
        weights: dict[int, float] = {}
        for term in self.terms if item_ids else ():
            if term.text is not None:
                matches = self.store.match_words(term.text, 0, also=sorted(item_ids))
                for item_id in images_saying(matches, HARDLY_TELLING):
                    weights[item_id] = weights.get(item_id, 0.0) - term.weight
        return weights

    def near(self, item_ids: Collection[int]) -> set[int]:
        """The images whose pictures are near a negative term, or are gone."""
        return set(item_ids) - far_from(self.composition, self.store.vectors_of, sorted(item_ids))

    def near_pictures(self, item_ids: Collection[int]) -> set[int]:
        """The images that are near a negative term which is no words."""
        pictures = self.composition.of([term.text is None for term in self.terms])
        if not pictures.weights:
            return set()
        return set(item_ids) - far_from(pictures, self.store.vectors_of, sorted(item_ids))

    def against(self, item_ids: Collection[int]) -> dict[int, float]:
        """How well the picture of each image fits the negative term that fits it best; nothing
        without negative terms. See `ordering.AGAINST`."""
        ids, stored = self.store.vectors_of(sorted(item_ids))
        if not ids or not self.terms:
            return {}
        weights = -AGAINST * np.array(self.composition.weights)
        fits = self.composition.standardised(unit_rows(stored)) * weights
        return dict(zip(ids, fits.max(axis=1).tolist(), strict=True))

    def vectors_of_unsaid(self, item_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """The vectors of the images that no negative term is said of; see Vectors.vectors_of."""
        said = self.saying(item_ids)
        return self.store.vectors_of([item_id for item_id in item_ids if item_id not in said])


class HybridStrategy(ABC):
    """Finds the images that come first, and says why an image was found."""

    @abstractmethod
    def first(self) -> First:
        """The images that come first in the whole search."""

    @abstractmethod
    def evidence(self, item_ids: Set[int]) -> dict[int, tuple[Evidence, ...]]:
        """The evidence of images."""

    @abstractmethod
    def evidence_of_pictures(
        self, items: Sequence[Item], values: Sequence[float]
    ) -> dict[int, tuple[Evidence, ...]]:
        """The evidence of images that were found by their pictures alone. values: by which they
        were ordered."""


@dataclass(frozen=True)
class HybridSum(HybridStrategy):
    """By the sum of the terms."""

    query: QueryByWords
    away: Away

    def first(self) -> First:
        """See HybridStrategy.first."""
        if self.query.words_only:
            return self._first_by_words()
        best = self.query.best()
        if best is None:
            if not self.away.has_words:
                return First(())
            best = Best(self.query.pictures(), NOTHING, self.query.matches(()))
            said = self.away.saying(best.item_ids())
            if not said:
                return First(())
        measured = self.query.measured(best)
        ids = measured.parts.item_ids.tolist()
        said = self.away.saying(ids)
        order = self._ordered(measured, said, set(best.pictures.item_ids.tolist()))
        shown = is_said(best.matches, set(order) - said.keys())
        return First(tuple(order), best.pictures, measured, shown)

    def evidence(self, item_ids: Set[int]) -> dict[int, tuple[Evidence, ...]]:
        matches = self.query.matches(item_ids)
        best = Best(NOTHING, self.query.captions(), matches)
        return self.query.measured(best, item_ids).evidence(item_ids)

    def evidence_of_pictures(
        self, items: Sequence[Item], values: Sequence[float]
    ) -> dict[int, tuple[Evidence, ...]]:
        evidence = self.query.picture_evidence(values)
        return {item.id: why for item, why in zip(items, evidence, strict=True)}

    def _ordered(
        self, measured: MeasuredParts, said: Mapping[int, float], nearest: Set[int]
    ) -> list[int]:
        """The images in their order. said: see Away.saying. nearest: by picture; others that are
        said to be unwanted come among the pictures behind."""
        parts = measured.parts
        ids = parts.item_ids.tolist()
        near = self.away.near_pictures(ids)
        if not said and not near:
            return parts.order()
        points = SAID * np.array([said.get(item_id, 0.0) for item_id in ids])
        # Having all words of the positive terms, too, puts no unwanted image first.
        unwanted = np.isin(ids, [*said, *near])
        words = np.where(unwanted, np.minimum(parts.words, 1.0), parts.words)
        order = replace(parts, words=words, away=points).order()
        return [item_id for item_id in order if item_id not in said or item_id in nearest]

    def _first_by_words(self) -> First:
        measured = self.query.measured(Best(NOTHING, NOTHING, self.query.matches(())))
        ids = measured.matches.item_ids.tolist()
        said = self.away.saying(ids)
        return First(
            tuple(self._ordered_by_words(ids, said)),
            measured=measured,
            is_said=is_said(measured.matches, set(ids) - said.keys()),
        )

    def _ordered_by_words(self, item_ids: Sequence[int], said: Mapping[int, float]) -> list[int]:
        return sorted(item_ids, key=lambda item_id: said.get(item_id, 0.0))


@dataclass(frozen=True)
class HybridExclude(HybridSum):
    """By the sum of the positive terms, without what is near to a negative one."""

    def _ordered(
        self, measured: MeasuredParts, said: Mapping[int, float], nearest: Set[int]
    ) -> list[int]:
        parts = measured.parts
        order = parts.order()
        # The few that have all words are what was asked for, whatever the model sees in them.
        has_all_words = set(parts.item_ids[parts.words >= EXACT].tolist())
        dropped = said.keys() | (self.away.near(order) - has_all_words)
        dropped |= self.away.near_pictures(order)
        return [item_id for item_id in order if item_id not in dropped]

    def _ordered_by_words(self, item_ids: Sequence[int], said: Mapping[int, float]) -> list[int]:
        return [item_id for item_id in item_ids if item_id not in said]
