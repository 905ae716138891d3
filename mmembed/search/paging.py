"""Cursors, which lead from one page of results to the next.

    cursor = version · hash of the query · newest item · place · backgrounds of the terms ·
             pool of a search by words · checksum [~ what the first page said]

A cursor holds what the order of its first page depends on besides the vectors, so that the next
page keeps that order after a restart and on another server of the same collection. The checksum
finds what is no cursor; it is no signature, for a made-up place harms nobody else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from mmembed.errors import QueryError
from mmembed.search.hybrid import Order
from mmembed.store.entries import LARGEST, Place
from mmembed.types import Background, Match, Term

_VERSION = 2
_HEAD = struct.Struct("<B8sQdQQH")
_USUAL = struct.Struct("<ff")
_ORDER = struct.Struct("<HB")
_ENDED, _LONG = 1, 2
_SHORT_IDS, _LONG_IDS, _SHORT = "<u4", "<u8", 2**32
"""Ids of a pool take four bytes each where they can."""
_CHECK_BYTES = 4
_SAID = "~"
MOST_CHARS = 20_000
"""Of a cursor: room for more terms than a query may have."""


@dataclass(frozen=True)
class Cursor:
    """Where the next page begins, and what its order depends on."""

    query: bytes
    """See `query_hash`."""
    place: Place
    usual: tuple[Background, ...] = ()
    """The background of each term when the first page was made; float32."""
    order: Order | None = None
    """Of a search by words; its tail is the place."""


def query_hash(terms: Sequence[Term], *further: object) -> bytes:
    """8 bytes that differ for other terms, or for other further parts of a query, which have a
    `repr` that says all."""
    digest = hashlib.blake2b(digest_size=8)
    for term in terms:
        image = None if term.image is None else hashlib.blake2b(term.image).hexdigest()
        digest.update(repr((term.text, image, term.item, term.weight)).encode(errors="replace"))
    digest.update(repr(further).encode(errors="replace"))
    return digest.digest()


def written(cursor: Cursor) -> str:
    """The opaque form of a cursor, which clients hand back."""
    place = cursor.place
    packed = _HEAD.pack(
        _VERSION, cursor.query, place.newest, place.score, place.item_id, place.seen,
        len(cursor.usual),
    )  # fmt: skip
    packed += b"".join(_USUAL.pack(one.mean, one.deviation) for one in cursor.usual)
    packed += b"" if cursor.order is None else _packed_order(cursor.order)
    return base64.urlsafe_b64encode(packed + _checksum(packed)).decode().rstrip("=")


def read(text: str, queries: Sequence[bytes], terms: int) -> Cursor:
    """The cursor that was written so. queries: the hashes of the query that it comes with, one for
    each order it may have; it has so many terms. Raises QueryError if the text is no cursor of
    ours, or that of another query."""
    try:
        cursor = _unpacked(text)
    except (binascii.Error, struct.error, ValueError):
        raise QueryError("cursor: not a next_cursor of an earlier answer", param="cursor") from None
    if cursor.query not in queries or len(cursor.usual) != terms:
        raise QueryError(
            "cursor: it belongs to another query; send it with the terms, strategy, mode, kind "
            "and filters of its first page, or leave it out",
            param="cursor",
        )
    return cursor


def with_match(cursor: str | None, match: Match | None) -> str | None:
    """A cursor whose page says of the query what the first one did."""
    return cursor if cursor is None or match is None else f"{cursor}{_SAID}{match}"


def read_match(cursor: str | None) -> tuple[str | None, Match | None]:
    """The cursor itself, and the match that it carries. Text that is no match stays with the
    cursor, which then is no cursor of ours."""
    for match in get_args(Match):
        if cursor is not None and cursor.endswith(_SAID + match):
            return cursor.removesuffix(_SAID + match), match
    return cursor, None


def _unpacked(text: str) -> Cursor:
    """Raises ValueError, binascii.Error, struct.error."""
    if len(text) > MOST_CHARS:
        raise ValueError(len(text))
    packed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    packed, check = packed[:-_CHECK_BYTES], packed[-_CHECK_BYTES:]
    if check != _checksum(packed):
        raise ValueError("checksum")
    version, query, newest, score, item_id, seen, terms = _HEAD.unpack_from(packed)
    end = _HEAD.size + terms * _USUAL.size
    usual = tuple(Background(*pair) for pair in _USUAL.iter_unpack(packed[_HEAD.size : end]))
    numbers = [score, *(number for one in usual for number in (one.mean, one.deviation))]
    if version != _VERSION or len(usual) != terms or not all(map(math.isfinite, numbers)):
        raise ValueError(version)
    if any(one.deviation <= 0 for one in usual) or max(newest, item_id, seen) > LARGEST:
        raise ValueError("numbers")
    place = Place(score, item_id, seen, newest)
    return Cursor(query, place, usual, _unpacked_order(packed[end:], place))


def _packed_order(order: Order) -> bytes:
    is_long = max(order.item_ids, default=0) >= _SHORT
    flags = order.ended * _ENDED | is_long * _LONG
    ids = np.array(order.item_ids, _LONG_IDS if is_long else _SHORT_IDS)
    return _ORDER.pack(order.shown, flags) + ids.tobytes()


def _unpacked_order(packed: bytes, tail: Place) -> Order | None:
    """Raises ValueError, struct.error."""
    if not packed:
        return None
    shown, flags = _ORDER.unpack_from(packed)
    ids = np.frombuffer(packed[_ORDER.size :], _LONG_IDS if flags & _LONG else _SHORT_IDS)
    if shown > len(ids) or (len(ids) and int(ids.max()) > LARGEST):
        raise ValueError("ids")
    return Order(tuple(ids.tolist()), tail, shown, bool(flags & _ENDED))


def _checksum(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=_CHECK_BYTES, key=b"mmembed cursor").digest()
