"""Ranked vectors → pages of items, in an order that does not depend on the page size."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mmembed.errors import QueryError
from mmembed.types import Item, Ranked

GROWTH = 4
_CURSOR = struct.Struct("<dQI")


@dataclass(frozen=True)
class Cursor:
    """Where the last page ended: its last hit, and how many hits came before its end."""

    score: float
    item_id: int
    seen: int

    def encode(self) -> str:
        """The opaque form that clients hand back."""
        packed = _CURSOR.pack(self.score, self.item_id, self.seen)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """Raises QueryError where the text is not one of our cursors."""
        try:
            padded = text + "=" * (-len(text) % 4)
            cursor = cls(*_CURSOR.unpack(base64.b64decode(padded, b"-_", validate=True)))
            if not math.isfinite(cursor.score):
                raise ValueError(cursor.score)
        except (binascii.Error, struct.error, ValueError):
            raise QueryError("cursor: not a next_cursor of an earlier answer") from None
        return cursor

    def before(self, score: float, item_id: int) -> bool:
        """Whether a hit comes after this place in the order."""
        return (-self.score, self.item_id) < (-score, item_id)


def page_of_items(
    nearest: Callable[[int], Ranked],
    items_of: Callable[[Sequence[int]], Mapping[int, Sequence[Item]]],
    *,
    k: int,
    after: Cursor | None,
) -> tuple[list[tuple[Item, float]], Cursor | None]:
    """The next k items with their scores, and where the page after them starts.

    `nearest(n)` ranks the n best vectors; `items_of` joins them with the catalog, where one
    vector may stand for several items, or for none any more. Items are ordered by falling
    score, ties by rising id. Raises QueryError where k is not positive.
    """
    if k < 1:
        raise QueryError(f"k: {k} is not a number of results; ask for at least 1")
    seen = after.seen if after else 0
    beyond = k + 2  # one to know that there is more, and one because the last tie is cut off
    while True:
        ranked = nearest(seen + beyond)
        hits = _join(ranked, items_of, after)
        if after is not None:
            hits = [hit for hit in hits if after.before(hit[1], hit[0].id)]
        if len(hits) > k or ranked.complete:
            break
        beyond *= GROWTH
    if len(hits) <= k:
        return hits, None
    last_item, last_score = hits[k - 1]
    return hits[:k], Cursor(last_score, last_item.id, seen + k)


def _join(
    ranked: Ranked,
    items_of: Callable[[Sequence[int]], Mapping[int, Sequence[Item]]],
    after: Cursor | None,
) -> list[tuple[Item, float]]:
    scores = dict(zip(ranked.ids.tolist(), ranked.scores.tolist(), strict=True))
    if not ranked.complete and scores:
        # Vectors that tie with the last one may lie beyond it: the tie is kept whole.
        last = min(scores.values())
        scores = {key: score for key, score in scores.items() if score > last}
    if after is not None:
        # Better ones were all shown; without this, deep pages would read them all again.
        scores = {key: score for key, score in scores.items() if score <= after.score}
    found = items_of(list(scores))
    hits = [(item, scores[key]) for key, items in found.items() for item in items]
    return sorted(hits, key=lambda hit: (-hit[1], hit[0].id))
