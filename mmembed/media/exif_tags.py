"""Reads chosen EXIF tags: short texts and numbers.

Pillow reads every value of a directory, and a hostile block may point to the same megabytes from
thousands of entries. Here only the wanted entries are read, and only short values.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Iterator
from typing import BinaryIO, TypeAlias

Value: TypeAlias = str | tuple[float, ...]
"""A text, or numbers; a fraction is one number."""
Tags: TypeAlias = dict[int, Value]

_EXIF, _GPS = 0x8769, 0x8825
_PREFIX = b"Exif\0\0"
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_MOST_ENTRIES = 1000
"""Entries of a directory that are looked at; cameras write less than 100."""
_MOST_BYTES = 512
"""Of a value; longer ones are no date, name or place."""
_TEXTS = {2, 7, 129}  # ASCII; undefined, where some programs put texts; UTF-8
_NUMBERS = {
    **{1: "B", 3: "H", 4: "L", 5: "LL", 8: "h", 9: "l", 10: "ll", 11: "f", 12: "d"},
    13: "L",  # a place of a directory
}
_FRACTIONS = {5, 10}


def read_tags(
    file: BinaryIO, wanted: Collection[int], wanted_gps: Collection[int]
) -> tuple[Tags, Tags]:
    """The wanted tags of a picture and of its GPS directory, from a file or block in TIFF form.
    Broken values are left out. Raises OSError where the file cannot be read."""
    block = _Block(file)
    if not block.order:
        return {}, {}
    main = block.directory(block.first, {*wanted, _EXIF, _GPS})
    # Some programs put the tags of the EXIF directory into the first.
    main |= block.directory(_pointer(main.pop(_EXIF, ())), wanted)
    return main, block.directory(_pointer(main.pop(_GPS, ())), wanted_gps)


def _pointer(value: Value) -> int:
    """The place of a directory; 0 for a value that is no whole number."""
    place = value[0] if isinstance(value, tuple) and len(value) == 1 else 0
    return place if isinstance(place, int) else 0


class _Block:
    """Three directories at most are read, each once, so that no chain of them can loop."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = 0
        head = self._read(0, 20)
        while head.startswith(_PREFIX):  # some files have it twice
            self._start += len(_PREFIX)
            head = head[len(_PREFIX) :]
        self.order = _ORDERS.get(head[:4], "")
        """The byte order as `struct` writes it; empty if the bytes are no such block."""
        whole = self.order and len(head) >= 8
        self.first = struct.unpack(f"{self.order}L", head[4:8])[0] if whole else 0

    def directory(self, where: int, wanted: Collection[int]) -> Tags:
        """The wanted tags of a directory; none for one that is not there."""
        tags: Tags = {}
        for tag, kind, count, inline in self._entries(where):
            if tag in wanted and tag not in tags:
                value = self._value(kind, count, inline)
                if value is not None:
                    tags[tag] = value
        return tags

    def _entries(self, where: int) -> Iterator[tuple[int, int, int, bytes]]:
        count = self._read(where, 2) if where >= 8 else b""
        if len(count) < 2:
            return iter(())
        most = min(struct.unpack(f"{self.order}H", count)[0], _MOST_ENTRIES)
        entries = self._read(where + 2, 12 * most)
        whole = len(entries) // 12 * 12
        return struct.iter_unpack(f"{self.order}HHL4s", entries[:whole])

    def _value(self, kind: int, count: int, inline: bytes) -> Value | None:
        """The value; None if it is too long, cut short, or neither text nor number."""
        form = "s" if kind in _TEXTS else _NUMBERS.get(kind)
        if form is None or count == 0 or count > _MOST_BYTES:
            return None
        size = count * struct.calcsize(f"={form}")
        if size > _MOST_BYTES:
            return None
        content = inline[:size]
        if size > 4:
            content = self._read(struct.unpack(f"{self.order}L", inline)[0], size)
        if len(content) < size:
            return None
        if form == "s":
            return _text(content)
        numbers = struct.unpack(f"{self.order}{form * count}", content)
        return _fractions(numbers) if kind in _FRACTIONS else numbers

    def _read(self, where: int, size: int) -> bytes:
        self._file.seek(self._start + where)
        return self._file.read(size)


def _text(content: bytes) -> str | None:
    """Up to the first NUL. The standard allows ASCII, and UTF-8 since its third edition."""
    try:
        text = content.partition(b"\0")[0].decode()
    except UnicodeDecodeError:
        return None
    text = " ".join(text.split())
    return text if text.isprintable() else None


def _fractions(numbers: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(
        above / below if below else math.nan
        for above, below in zip(numbers[::2], numbers[1::2], strict=True)
    )
