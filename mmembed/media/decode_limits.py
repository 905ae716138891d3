"""Limits on passes over a picture and pieces of a file, which make decoding slow for any number of
pixels.

Decoders cannot be stopped. A file of a few kilobytes can keep a decoder busy for minutes. So it has
to be recognised before decoding, or when the decoder reads the next piece.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from mmembed.errors import ImageError, ImageTooLarge

MOST_SCANS = 100
"""Scans of a JPEG; encoders write 10 or so, and each is a pass over the whole picture."""
MOST_READS = 200_000
"""Pieces that a file may be read in by Pillow, which parses heads in Python."""
MOST_RUNS = 4_000_000
"""Pieces of a run-length BMP: Pillow reads each run of pixels alone."""
MOST_VALUES = 200_000
"""Numbers in one tag of TIFF or EXIF, each of which takes 40 bytes, and a strip 300."""
_BYTES, _ASCII, _UNDEFINED = 1, 2, 7  # types of tags whose values stay one piece
_SOI, _SOS = b"\xff\xd8", b"\xff\xda"
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The end of a scan. Within a scan, 0xFF is followed by 0x00 or by the number of a restart."""
_EOI = 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers that have no content."""


class BoundedFile(io.BytesIO):
    """The bytes of a file, which can be read in so many pieces and no more. Reading on raises
    ImageError."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self._image = name
        self._reads = 0
        self._most = MOST_READS

    def expect_runs(self) -> None:
        """From here on the pieces may be runs of pixels."""
        self._most = MOST_RUNS

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > self._most:
            raise ImageError(self._image, f"its file is in more than {self._most:,} pieces")
        return super().read(size)


@cache
def bound_tags() -> None:
    """Let Pillow raise ValueError for tags with too many numbers, in TIFF files and EXIF.

    Pillow has no setting for it, and reads tags of every format through this one table.
    """
    readers = ImageFileDirectory_v2._load_dispatch
    for kind, (size, read) in readers.items():
        if kind not in (_BYTES, _ASCII, _UNDEFINED):
            readers[kind] = size, _bounded(read, size * MOST_VALUES)


def _bounded(read: Callable[..., Any], most: int) -> Callable[..., Any]:
    def bounded(tags: Any, data: bytes, legacy_api: bool = True) -> Any:
        if len(data) > most:
            raise ValueError(f"a tag holds more than {MOST_VALUES:,} numbers")
        return read(tags, data, legacy_api)

    return bounded


def check_scans(data: bytes, name: str) -> None:
    """Raises ImageTooLarge for a JPEG with more scans than decoding it may take."""
    # Counting bytes is quick, and few files need the slow search for real scans.
    if not data.startswith(_SOI) or data.count(_SOS) <= MOST_SCANS:
        return
    if _scans(data) > MOST_SCANS:
        raise ImageTooLarge(name, f"a JPEG of over {MOST_SCANS} scans; save it anew")


def _scans(data: bytes) -> int:
    """The scans of the first picture, counted up to one more than the limit."""
    start, scans = 2, 0
    while scans <= MOST_SCANS and (next_one := _NEXT_MARKER.search(data, start)):
        start, marker = next_one.end(), data[next_one.end() - 1]
        if marker == _EOI:
            break
        if marker in _ALONE:
            continue
        scans += marker == _SOS[1]
        start += int.from_bytes(data[start : start + 2], "big")
    return scans
