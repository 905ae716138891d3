"""Pictures, captions and words as one order of images.

    value = picture                                        without a caption
    value = 0.7·picture + 0.65·caption − 2                 with captions
    value − 0.3                                            with tags and without a caption
    value + 2·words                                        in every case

picture, caption: the cosine of the image, and of its best caption, with the query, in deviations
above the usual cosine of the query. words: BM25, 1 for the best match, and less if even that lacks
most of the query. A caption counts against an image until it matches: otherwise the images with
captions would bury all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.store.entries import RankedImages, WordMatches
from mmembed.types import Background

POOL = 100
"""The best images by each of picture, caption and words are ordered by their value."""
MOST_BY_WORDS = 500
"""Images that a search by words alone lists."""
PICTURE_BESIDE_CAPTION = 0.7
CAPTION = 0.65
WORDS = 2.0
HAS_CAPTION = 2.0
HAS_TAGS = 0.3
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
    """0 to 1."""
    tagged: NDArray[np.bool_]

    def points(self) -> tuple[Floats, Floats, Floats]:
        """The points that picture, caption and words add to the value of each image."""
        captioned = ~np.isnan(self.caption)
        picture = self.picture * np.where(captioned, PICTURE_BESIDE_CAPTION, 1.0)
        caption = np.where(captioned, CAPTION * np.nan_to_num(self.caption), 0.0)
        return picture, caption, WORDS * self.words

    def values(self) -> Floats:
        """By which the images are ordered."""
        captioned = ~np.isnan(self.caption)
        against = np.where(captioned, HAS_CAPTION, np.where(self.tagged, HAS_TAGS, 0.0))
        return np.asarray(np.round(sum(self.points()) - against, DIGITS))

    def order(self) -> list[int]:
        """The ids by falling value, ties by rising id."""
        return [
            int(item_id) for item_id in self.item_ids[np.lexsort((self.item_ids, -self.values()))]
        ]


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
