"""Pictures, captions and words as one order of images.

    value = picture                                        without a caption
    value = 0.7·picture + 0.65·caption − against           with captions
    value − 0.3                                            with tags and without a caption
    value + 2·words                                        in every case
    value + 10                                             with all words of the query

picture, caption: the cosine of the image, and of its best caption, with the query, in deviations
above the usual cosine of the query. words: BM25, 1 for the best match, and less if even that lacks
most of the query. A caption counts against an image until it matches: otherwise the images with
captions would bury all others. The more captions there are, the better the best of them match by
chance. So `against` is up to 2.75 instead of 2: as much as makes the tenth best image with captions
no better than the tenth best of these by their pictures alone. It stays 2 where an image has nearly
all words of the query. Where at most ten images have all words of the query, which may be a file's
name or a rare tag, these come first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.store.entries import RankedImages, WordMatches
from mmembed.types import Background

POOL = 49
"""The best images by words, and the NEAREST by picture and by caption, are ordered by their value:
twice as many by words find no more."""
NEAREST = 49
"""With one more, a graph is searched only once."""
MOST_BY_WORDS = 500
"""Images that a search by words alone lists."""
PICTURE_BESIDE_CAPTION = 0.7
CAPTION = 0.65
WORDS = 2.0
HAS_CAPTION = 2.0
ALIKE = 10
"""The place at which images with captions are compared with their pictures alone."""
FEWEST = 2 * ALIKE
"""Images with captions that are needed to compare them."""
MOST_BY_CHANCE = 0.75
HALF_COVERED, COVERED = 0.6, 0.9
"""Parts of the attainable score of words from which the best match is hardly, and no more, one by
chance."""
HAS_TAGS = 0.3
FEW = 10
"""The most images that may have all words of a query and come first."""
EXACT = 5.0
"""The words part of these images rises by it, above all others."""
LEAST_OF_WORDS = 0.2
"""The part of the attainable score from which the best match counts as 1."""
DIGITS = 9
"""Of values, so that equal images tie."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """The parts of the value of each image; all of (n,)."""

    item_ids: NDArray[np.int64]
    picture: Floats
    """Deviations above the usual cosine."""
    caption: Floats
    """The same of the best caption; NaN where the image has none."""
    words: Floats
    """0 to 1, and `EXACT` more for the few images that have all words of the query."""
    tagged: NDArray[np.bool_]
    against: float = HAS_CAPTION
    """Points that captions count against their image."""
    away: Floats | float = 0.0
    """Points that the words of negative terms count against each image."""

    def points(self) -> tuple[Floats, Floats, Floats]:
        """The points that picture, caption and words add to the value of each image."""
        captioned = ~np.isnan(self.caption)
        picture = self.picture * np.where(captioned, PICTURE_BESIDE_CAPTION, 1.0)
        caption = np.where(captioned, CAPTION * np.nan_to_num(self.caption), 0.0)
        return picture, caption, WORDS * self.words

    def values(self) -> Floats:
        """By which the images are ordered."""
        captioned = ~np.isnan(self.caption)
        against = np.where(captioned, self.against, np.where(self.tagged, HAS_TAGS, 0.0))
        return np.asarray(np.round(sum(self.points()) - against - self.away, DIGITS))

    def order(self) -> list[int]:
        """The ids by falling value, ties by rising id."""
        return [
            int(item_id) for item_id in self.item_ids[np.lexsort((self.item_ids, -self.values()))]
        ]


def against_captions(parts: Parts, by_picture: NDArray[np.int64], covered: float) -> float:
    """Points that captions count against their image. by_picture: the nearest by picture, which
    are many. covered: of the attainable score of words, the part that the best match has."""
    captioned = ~np.isnan(parts.caption)
    nearest = np.isin(parts.item_ids, by_picture)
    if captioned.sum() < FEWEST or not nearest.any():
        return HAS_CAPTION
    fused = np.sort(np.sum(parts.points(), axis=0)[captioned])[-ALIKE]
    alone = np.sort(parts.picture[captioned & nearest])
    # Where fewer are among the nearest, the others are no better than the last of these.
    least = parts.picture[nearest].min()
    by_chance = float(fused - (alone[-ALIKE] if len(alone) >= ALIKE else least)) - HAS_CAPTION
    doubt = (COVERED - covered) / (COVERED - HALF_COVERED)
    return HAS_CAPTION + min(max(by_chance, 0.0), MOST_BY_CHANCE) * min(max(doubt, 0.0), 1.0)


def deviations(cosines: Floats, usual: Background) -> Floats:
    """Cosines as deviations above the usual one; 0 where all are alike."""
    if usual.deviation <= 1e-6:
        return np.zeros(len(cosines))
    return np.asarray((cosines - usual.mean) / usual.deviation)


def caption_parts(
    item_ids: NDArray[np.int64], captioned: set[int], nearest: RankedImages, usual: Background
) -> Floats:
    """The caption part of images, (n,). A caption that is not among the nearest gets half of the
    deviations of the last of them, which serves as well as its own."""
    known = dict(
        zip(nearest.item_ids.tolist(), deviations(nearest.cosines, usual).tolist(), strict=True)
    )
    last = min(known.values(), default=0.0)
    other = min(last, last / 2)
    return np.array(
        [known.get(one, other if one in captioned else np.nan) for one in item_ids.tolist()],
        dtype=np.float64,
    )


def word_parts(item_ids: NDArray[np.int64], matches: WordMatches) -> Floats:
    """The words part of images, (n,)."""
    scores = dict(zip(matches.item_ids.tolist(), matches.scores.tolist(), strict=True))
    best = max(scores.values(), default=0.0)
    whole = max(best, LEAST_OF_WORDS * matches.attainable) or 1.0
    return np.array([scores.get(one, 0.0) / whole for one in item_ids.tolist()], dtype=np.float64)


def exact_parts(item_ids: NDArray[np.int64], matches: WordMatches) -> Floats:
    """The increase of the words part of images that have all words of the query, (n,)."""
    rows = [row for row, words in enumerate(matches.words) if len(words) == len(matches.asked)]
    whole = set(matches.item_ids[rows].tolist()) if len(rows) <= FEW else set()
    return np.array([EXACT if item_id in whole else 0.0 for item_id in item_ids.tolist()])
