"""One query by words: the images that it finds, and their parts; see `search.fusion`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
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
from mmembed.search.said_words import without_little
from mmembed.store.entries import RankedImages, WordMatches
from mmembed.store.protocol import Store
from mmembed.types import Background, Evidence, Finder, Kind

Vector = NDArray[np.float32]
SMALLEST = 1e-9
NOTHING = RankedImages(np.empty(0, np.int64), np.empty(0), complete=True)


@dataclass(frozen=True)
class Best:
    """The images that are best by one part."""

    pictures: RankedImages
    captions: RankedImages
    matches: WordMatches

    def item_ids(self) -> set[int]:
        """All of these images."""
        lists = self.pictures.item_ids, self.captions.item_ids, self.matches.item_ids
        return {item_id for ids in lists for item_id in ids.tolist()}


@dataclass(frozen=True)
class QueryByWords:
    """A query by words."""

    store: Store
    text: str
    """The words of the query."""
    picture: Vector
    """float32 (dim,), unit-norm: ranks the images."""
    caption: Vector
    """float32 (dim,), unit-norm: ranks the captions."""
    where: Where = EVERYTHING
    words_only: bool = False

    def best(self) -> Best | None:
        """The best by picture, by caption and by words; None if no image that passes has a caption
        or a matching word."""
        captions = self.captions()
        matches = None if len(captions.item_ids) else self.matches(())
        if matches is not None and not len(matches.item_ids):
            return None
        pictures = self.pictures()
        if matches is None or not matches.complete:
            matches = self.matches(pictures.item_ids.tolist())
        return Best(pictures, captions, matches)

    def pictures(self) -> RankedImages:
        """The nearest images."""
        return self.store.nearest_images(self.picture, NEAREST, self.where, by="image")

    def captions(self) -> RankedImages:
        """The images with the nearest captions."""
        if self.words_only:
            return NOTHING
        return self.store.nearest_images(self.caption, NEAREST, self.where, by="caption")

    def matches(self, also: Iterable[int]) -> WordMatches:
        """The images whose words match best, and those of `also` that match."""
        count = MOST_BY_WORDS if self.words_only else POOL
        matches = self.store.match_words(self.text, count, self.where, also=sorted(also))
        return matches if self.words_only else without_little(matches)

    def measured(self, best: Best, also: Set[int] = frozenset()) -> MeasuredParts:
        """The parts of the best images, and of others that `best.matches` knows."""
        return self.parts_of(best.item_ids() | also, best.matches, best.captions, best.pictures)

    def parts_of(
        self,
        item_ids: Set[int],
        matches: WordMatches,
        captions: RankedImages,
        pictures: RankedImages = NOTHING,
    ) -> MeasuredParts:
        """The parts of images. pictures: the nearest of them, whose cosines are known; with these,
        captions count against their images as much as is right for the first page."""
        of_captions = set(captions.item_ids.tolist())
        ids, cosines = self._cosines(item_ids, pictures)
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
        if not pictures.complete:
            covered = float(matches.scores.max(initial=0)) / max(matches.attainable, SMALLEST)
            against = against_captions(parts, pictures.item_ids, covered)
            parts = replace(parts, against=against)
        parts = replace(parts, words=parts.words + exact_parts(ids, matches))
        return MeasuredParts(parts, matches, self.words_only)

    def picture_evidence(self, cosines: Sequence[float]) -> tuple[tuple[Evidence, ...], ...]:
        """The evidence of images that were found by their pictures alone."""
        return picture_evidence(cosines, self._usual("image", self.picture))

    def _cosines(
        self, item_ids: Set[int], known: RankedImages
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The images that are still there, rising, and their cosines with the query."""
        ids, stored = self.store.vectors_of(sorted(item_ids - set(known.item_ids.tolist())))
        cosines = cosines_of(stored, self.picture)
        both = np.concatenate([known.item_ids, np.array(ids, np.int64)])
        order = np.argsort(both)
        return both[order], np.round(np.concatenate([known.cosines, cosines])[order], 6)

    def _usual(self, kind: Kind, query: Vector) -> Background:
        return background(query, self.store.sample(kind, BACKGROUND_SIZE))


@dataclass(frozen=True)
class MeasuredParts:
    """The parts of images for a query."""

    parts: Parts
    matches: WordMatches
    words_only: bool = False

    def knows(self, item_ids: Set[int]) -> bool:
        """Whether these images are among those that were measured."""
        return item_ids <= set(self.parts.item_ids.tolist())

    def evidence(self, item_ids: Set[int]) -> dict[int, tuple[Evidence, ...]]:
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


def picture_evidence(
    cosines: Sequence[float], usual: Background
) -> tuple[tuple[Evidence, ...], ...]:
    """The evidence of images that were found by their pictures alone."""
    points = deviations(np.array(cosines, np.float64), usual).tolist()
    return tuple(_evidence([some, 0.0, 0.0], ()) for some in points)


def cosines_of(stored: NDArray[np.float16], query: Vector) -> NDArray[np.float64]:
    """Of stored vectors (n, dim) with a unit-norm query: (n,)."""
    if not len(stored):
        return np.empty(0)
    rows = stored.astype(np.float64)
    return np.asarray((rows @ query) / np.linalg.norm(rows, axis=1))


def _evidence(points: Sequence[float], words: tuple[str, ...]) -> tuple[Evidence, ...]:
    finders: tuple[Finder, ...] = ("picture", "caption", "words")
    found = [
        Evidence(by, round(some, 3), words if by == "words" else ())
        for by, some in zip(finders, points, strict=True)
        if some > 0
    ]
    return tuple(sorted(found, key=lambda one: -one.points))
