"""Cursors of searches by words: they hold the order of the first page, and how far it was shown.

    cursor = version · hash of the query · shown · flags · tail · ids of the pool · checksum

A cursor leads on in the same order whatever is added, changed or removed meanwhile, after a
restart too. The checksum finds what is no cursor; it is no signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import struct

import numpy as np

from mmembed.errors import QueryError
from mmembed.search.fusion import MOST_BY_WORDS, POOL
from mmembed.search.hybrid import Order
from mmembed.store.entries import LARGEST, Place

_VERSION = 101
_HEAD = struct.Struct("<B8sHBdQQQ")
_ENDED, _LONG_IDS = 1, 2
_SHORT = 2**32
_CHECK_BYTES = 4
MOST_IDS = max(3 * POOL, MOST_BY_WORDS)
MOST_CHARS = 4 * (_HEAD.size + 8 * MOST_IDS + _CHECK_BYTES)


def written(order: Order, query: bytes) -> str:
    """The opaque form of an order, which clients hand back. query: see
    `paging.query_hash`."""
    tail = order.tail
    is_long = max(order.item_ids, default=0) >= _SHORT
    flags = order.ended * _ENDED | is_long * _LONG_IDS
    head = _HEAD.pack(
        _VERSION, query, order.shown, flags, tail.score, tail.item_id, tail.seen, tail.newest
    )
    packed = head + np.array(order.item_ids, _type(flags)).tobytes()
    return base64.urlsafe_b64encode(packed + _checksum(packed)).decode().rstrip("=")


def read(text: str, query: bytes) -> Order:
    """The order that was written so. Raises QueryError if the text is no cursor of ours, or that
    of another query."""
    try:
        known, order = _unpacked(text)
    except (binascii.Error, struct.error, ValueError):
        raise QueryError("cursor: not a next_cursor of an earlier answer", param="cursor") from None
    if known != query:
        raise QueryError(
            "cursor: it belongs to another query; send it with the words, mode and filters of its "
            "first page, or leave it out",
            param="cursor",
        )
    return order


def _unpacked(text: str) -> tuple[bytes, Order]:
    """Raises ValueError, binascii.Error, struct.error."""
    if len(text) > MOST_CHARS:
        raise ValueError(len(text))
    packed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    packed, check = packed[:-_CHECK_BYTES], packed[-_CHECK_BYTES:]
    if check != _checksum(packed):
        raise ValueError("checksum")
    version, query, shown, flags, score, item_id, seen, newest = _HEAD.unpack_from(packed)
    ids = tuple(np.frombuffer(packed[_HEAD.size :], _type(flags)).tolist())
    if version != _VERSION or not math.isfinite(score) or len(ids) > MOST_IDS or shown > len(ids):
        raise ValueError(version)
    if max((*ids, item_id, seen, newest)) > LARGEST:
        raise ValueError("ids")
    tail = Place(score, item_id, seen, newest)
    return query, Order(ids, tail, shown, bool(flags & _ENDED))


def _type(flags: int) -> str:
    return "<u8" if flags & _LONG_IDS else "<u4"


def _checksum(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=_CHECK_BYTES, key=b"mmembed order").digest()
