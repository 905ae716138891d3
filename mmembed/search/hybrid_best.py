"""The images that come first in a search by words for the best of several terms.

An image has a value for each positive term: that of a search by this term alone, times its weight.
It comes by the largest of these. It is left to the pictures behind if a negative term is said of
it, or if its picture fits a negative term better.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from mmembed.search.calibration import BACKGROUND_SIZE, background
from mmembed.search.fusion import deviations
from mmembed.search.hybrid_strategies import Away, First, HybridStrategy
from mmembed.search.query_by_words import Best, QueryByWords, cosines_of, picture_evidence
from mmembed.search.said_words import is_said
from mmembed.store.entries import WordMatches
from mmembed.types import Evidence, Item

MOST = 150
"""Images that come first: many terms find many."""
MOST_AGAINST = 3.0
"""Of a value that is compared with a negative term."""


@dataclass(frozen=True)
class Valued:
    """Images by one term."""

    values: dict[int, float]
    evidence: dict[int, tuple[Evidence, ...]]
    matches: WordMatches | None = None


@dataclass(frozen=True)
class OneTerm:
    """A term by itself: words as a query, or a picture."""

    weight: float
    """Above 0."""
    query: QueryByWords
    """Of a picture, it has no words."""
    is_text: bool

    def best(self) -> Best | None:
        """The images that are best by the term; None if it is found by pictures alone."""
        return self.query.best() if self.is_text else None

    def valued(self, item_ids: Set[int], best: Best | None = None) -> Valued:
        """Images by this term, times its weight. best: by the term, if it is known."""
        if not self.is_text:
            return self._by_picture(item_ids)
        matches = self.query.matches(item_ids)
        pictures = best.pictures if best else self.query.pictures()
        captions = best.captions if best else self.query.captions()
        measured = self.query.measured(Best(pictures, captions, matches), item_ids)
        values = (measured.parts.values() * self.weight).tolist()
        by_id = dict(zip(measured.parts.item_ids.tolist(), values, strict=True))
        return Valued(by_id, measured.evidence(item_ids), matches)

    def _by_picture(self, item_ids: Set[int]) -> Valued:
        ids, stored = self.query.store.vectors_of(sorted(item_ids))
        cosines = np.round(cosines_of(stored, self.query.picture), 6)
        usual = background(self.query.picture, self.query.store.sample("image", BACKGROUND_SIZE))
        values = (deviations(cosines, usual) * self.weight).tolist()
        evidence = picture_evidence(cosines.tolist(), usual)
        return Valued(dict(zip(ids, values, strict=True)), dict(zip(ids, evidence, strict=True)))


@dataclass(frozen=True)
class HybridBest(HybridStrategy):
    """By the best of the positive terms."""

    towards: Sequence[OneTerm]
    """The positive terms."""
    away: Away

    def first(self) -> First:
        """See HybridStrategy.first."""
        found = [term.best() for term in self.towards]
        if not any(found) and not self.away.has_words:
            return First(())
        lists = [
            best.item_ids() if best else set(term.query.pictures().item_ids.tolist())
            for best, term in zip(found, self.towards, strict=True)
        ]
        ids = set[int]().union(*lists)
        said = set(self.away.saying(ids))
        if not any(found) and not said:
            return First(())
        valued = [term.valued(ids, best) for term, best in zip(self.towards, found, strict=True)]
        values = {item_id: _largest(valued, item_id) for item_id in ids}
        against = self.away.against(ids)
        kept = [
            item_id
            for item_id in sorted(ids - said, key=lambda item_id: (-values[item_id], item_id))
            if min(values[item_id], MOST_AGAINST) > against.get(item_id, -np.inf)
        ]
        wanted = set(kept) - said
        is_any_said = any(one.matches and is_said(one.matches, wanted) for one in valued)
        return First(tuple(kept[:MOST]), is_said=is_any_said)

    def evidence(self, item_ids: Set[int]) -> dict[int, tuple[Evidence, ...]]:
        """Of each image, by the term that fits it best."""
        valued = [term.valued(item_ids) for term in self.towards]
        evidence: dict[int, tuple[Evidence, ...]] = {}
        for item_id in item_ids:
            values = [one.values.get(item_id, -np.inf) for one in valued]
            evidence[item_id] = valued[int(np.argmax(values))].evidence.get(item_id, ())
        return evidence

    def evidence_of_pictures(
        self, items: Sequence[Item], values: Sequence[float]
    ) -> dict[int, tuple[Evidence, ...]]:
        return self.evidence({item.id for item in items})


def _largest(valued: Sequence[Valued], item_id: int) -> float:
    return max((one.values.get(item_id, -np.inf) for one in valued), default=-np.inf)
