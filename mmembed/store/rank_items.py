"""Ranked vectors → ranked items, in an order that does not depend on the number of wanted items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.store.chunks import ChunkVector
from mmembed.store.entries import Found, Place, RankedImages
from mmembed.types import Item, Ranked

GROWTH = 4
"""Factor for the next number of ranked vectors if they gave too few items."""

FEW_IMAGES = 8
"""Vectors for each image from which on more of them are ranked."""
LARGEST_GROWTH = 64
"""Times the wanted vectors that are ranked at most, about."""


def rank_items(
    nearest: Callable[[int], Ranked],
    items_of: Callable[[Sequence[int]], Mapping[int, Sequence[Item]]],
    chunks_of: Callable[[Sequence[int]], Mapping[int, Sequence[ChunkVector]]],
    *,
    count: int,
    after: Place | None,
) -> Found:
    """The next `count` items after a place, by falling score, ties by rising id.

    `nearest(n)` ranks the n best vectors; `items_of` joins them with items: one vector may stand
    for several, or for none. An item may have a vector for each of its chunks, and comes with one
    chunk at a time. The best chunk ranks it, and it comes once; `chunks_of` gives the others.
    Raises QueryError if count is not positive.
    """
    if count < 1:
        raise QueryError(f"k: {count} is not a number of results; ask for at least 1")
    seen = after.seen if after else 0
    beyond = count + 2  # one shows that there is more; the last tie is cut off
    while True:
        above, below = _parted(nearest(seen + beyond), after)
        ranked = _first(below, beyond)
        hits = _join(ranked, items_of)
        if after is not None:
            hits = [(item, score) for item, score in hits if after.precedes(score, item.id)]
            hits = _not_shown(hits, above, chunks_of)
        if len(hits) > count or ranked.complete:
            return Found(tuple(hits[:count]), complete=len(hits) <= count)
        beyond *= GROWTH


def _parted(ranked: Ranked, after: Place | None) -> tuple[NDArray[np.int64], Ranked]:
    """The ids of the vectors above a place, whose items were all shown, and the others."""
    if after is None:
        return ranked.ids[:0], ranked
    above = int(np.searchsorted(-ranked.scores, -after.score))
    below = Ranked(ranked.ids[above:], ranked.scores[above:], ranked.complete)
    return ranked.ids[:above], below


def _not_shown(
    hits: Sequence[tuple[Item, float]],
    above: NDArray[np.int64],
    chunks_of: Callable[[Sequence[int]], Mapping[int, Sequence[ChunkVector]]],
) -> list[tuple[Item, float]]:
    """The hits without the items that were shown for a better chunk, whose vector is above."""
    chunks = chunks_of([item.id for item, _ in hits if item.chunk is not None])
    shown = set(above.tolist()) if chunks else set()
    return [
        (item, score)
        for item, score in hits
        if all(chunk.vector_id not in shown for chunk in chunks.get(item.id, ()))
    ]


def _first(ranked: Ranked, most: int) -> Ranked:
    """At most so many vectors, however many a cursor had ranked. The last tie is kept whole, or
    left out: its other vectors may carry items that come before."""
    ids, scores = ranked.ids, ranked.scores
    if ranked.complete and len(ids) <= most:
        return ranked
    end = min(len(ids), most)
    if end and (end == len(ids) or scores[end] == scores[end - 1]):
        end = int(np.searchsorted(-scores, -scores[end - 1]))
    return Ranked(ids[:end], scores[:end], complete=False)


def _join(
    ranked: Ranked, items_of: Callable[[Sequence[int]], Mapping[int, Sequence[Item]]]
) -> list[tuple[Item, float]]:
    """Each item once, with the score of its best vector."""
    scores = dict(zip(ranked.ids.tolist(), ranked.scores.tolist(), strict=True))
    hits: dict[int, tuple[Item, float]] = {}
    for key, items in items_of(list(scores)).items():
        for item in items:
            known = hits.get(item.id)
            if known is None or _rank(item, scores[key]) < _rank(*known):
                hits[item.id] = item, scores[key]
    return sorted(hits.values(), key=lambda hit: (-hit[1], hit[0].id))


def _rank(item: Item, score: float) -> tuple[float, tuple[int, int]]:
    """Of an item's chunks, the nearest comes first; of equal ones the first."""
    return -score, item.chunk or (0, 0)


def nearest_images(
    nearest: Callable[[int], Ranked],
    images_of: Callable[[Sequence[int]], Mapping[int, Sequence[int]]],
    count: int,
) -> RankedImages:
    """The images of the `count` nearest vectors; see `rank_images`. Of more vectors, if these are
    of very few images: a long caption has thousands of chunks, and would hide all others."""
    most = count + 1
    while True:
        ranked = nearest(most)
        images = rank_images(ranked, images_of, count)
        enough = len(images.item_ids) * FEW_IMAGES >= count
        if enough or ranked.complete or most > LARGEST_GROWTH * count:
            return images
        most *= GROWTH


def rank_images(
    ranked: Ranked,
    images_of: Callable[[Sequence[int]], Mapping[int, Sequence[int]]],
    count: int,
) -> RankedImages:
    """The `count` best images of `count + 1` ranked vectors, each by its best vector. `images_of`:
    the ids of the images of vectors."""
    scores = dict(zip(ranked.ids.tolist(), ranked.scores.tolist(), strict=True))
    if not ranked.complete and scores:
        last = min(scores.values())  # vectors that tie with it may lie beyond
        scores = {key: score for key, score in scores.items() if score > last}
    best: dict[int, float] = {}
    for key, images in images_of(list(scores)).items():
        for image in images:
            best[image] = max(scores[key], best.get(image, -np.inf))
    order = sorted(best, key=lambda image: (-best[image], image))
    ids = np.array(order[:count], dtype=np.int64)
    cosines = np.array([best[image] for image in order[:count]])
    return RankedImages(ids, cosines, complete=ranked.complete and len(order) <= count)
