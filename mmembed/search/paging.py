"""Pages of results, and the cursors that lead from one to the next."""

from __future__ import annotations

import base64
import binascii
import math
import struct

from mmembed.errors import QueryError
from mmembed.store.entries import LARGEST, Found, Place

_CURSOR = struct.Struct("<dQI")
_MOST_SEEN = 2**32 - 1
"""That a cursor can hold; more is no fault, since `seen` is a hint."""


def cursor_of(place: Place) -> str:
    """The opaque form of a place, which clients hand back."""
    packed = _CURSOR.pack(place.score, place.item_id, min(place.seen, _MOST_SEEN))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """The place of a cursor. Raises QueryError if the text is no cursor of ours."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = Place(*_CURSOR.unpack(base64.b64decode(padded, b"-_", validate=True)))
        if not math.isfinite(place.score) or place.item_id > LARGEST:
            raise ValueError(place)
    except (binascii.Error, struct.error, ValueError):
        raise QueryError("cursor: not a next_cursor of an earlier answer") from None
    return place


def next_cursor(found: Found, after: Place | None) -> str | None:
    """The cursor of the next page; None if nothing comes after this one."""
    if found.complete:
        return None
    item, score = found.hits[-1]
    seen = (after.seen if after else 0) + len(found.hits)
    return cursor_of(Place(score, item.id, seen))
