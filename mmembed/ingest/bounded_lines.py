"""Reads lines of untrusted files; a line longer than a row may be is never read whole."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from mmembed.errors import ManifestError

LONGEST_ROW = 4 * 2**20
"""Bytes of one row."""
_OTHER_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def lines_of(file: BinaryIO) -> Iterator[bytes | ManifestError]:
    """Each line with its end, or its error; a UTF-8 byte order mark at the beginning is removed.

    Raises ManifestError for a file in another encoding.
    """
    first = True
    while line := file.readline(LONGEST_ROW + 1):
        if first and line.startswith(_OTHER_MARKS):
            raise ManifestError("not UTF-8 but UTF-16 or UTF-32; save it as UTF-8")
        if len(line) > LONGEST_ROW:
            _skip_line(file)
            yield ManifestError(f"a row of over {LONGEST_ROW >> 20} MB")
        else:
            yield line.removeprefix(codecs.BOM_UTF8) if first else line
        first = False


def _skip_line(file: BinaryIO) -> None:
    while part := file.readline(LONGEST_ROW):
        if part.endswith(b"\n"):
            return
