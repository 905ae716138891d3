"""Limits the values in a JSON body. They are counted in its bytes before it is parsed, since an
object of 13 bytes takes a kilobyte of memory."""

from __future__ import annotations

from mmembed.config.limits import Limits
from mmembed.config.settings import PREFIX
from mmembed.errors import LimitError

PARTS_OF_AN_INPUT = 16
"""Objects, lists and strings, names of fields included, in one input or label."""
NUMBERS_OF_AN_INPUT = 1024
"""Token ids, on average."""
OTHER_FIELDS = 100
"""Besides images and labels: templates, mode …"""


def check_size(raw: bytes, limits: Limits) -> None:
    """Raises LimitError if a JSON body holds more values than requests within the limits need."""
    inputs = limits.items + limits.labels + OTHER_FIELDS
    most_parts = PARTS_OF_AN_INPUT * inputs
    most_numbers = NUMBERS_OF_AN_INPUT * limits.items
    if len(raw) <= most_parts:  # each takes a byte at least
        return
    plain = _without_escapes(raw)
    strings = plain.count(b'"') // 2
    if strings > most_parts:
        raise _too_much(f"{strings} strings", most_parts)
    opened, commas = _outside_strings(plain)
    if strings + opened > most_parts:
        raise _too_much(f"{strings + opened} objects, lists and strings", most_parts)
    if commas > most_numbers:
        raise _too_much(f"{commas} values", most_numbers)


def _without_escapes(raw: bytes) -> bytes:
    """In the result, every quotation mark begins or ends a string."""
    return raw.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in raw else raw


def _outside_strings(plain: bytes) -> tuple[int, int]:
    """The number of objects and lists, and of commas."""
    opened = commas = position = 0
    while position < len(plain):
        start = plain.find(b'"', position)
        end = len(plain) if start < 0 else start
        opened += plain.count(b"{", position, end) + plain.count(b"[", position, end)
        commas += plain.count(b",", position, end)
        closed = plain.find(b'"', end + 1)
        position = len(plain) if closed < 0 else closed + 1
    return opened, commas


def _too_much(what: str, limit: int) -> LimitError:
    return LimitError(
        f"the body holds {what}, limit {limit}; send it in several requests, or raise "
        f"{PREFIX}MAX_ITEMS"
    )
