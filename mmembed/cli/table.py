"""Columns for a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence

GAP = "  "


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines with aligned columns; the last column is cut to the width of the terminal.

    Control characters, which file names and captions may hold, are shown as escapes.
    """
    cells = [tuple(heads), *(tuple(plain(cell) for cell in row) for row in rows)]
    if len(cells) == 1:
        return []
    widths = [max(_width(row[i]) for row in cells) for i in range(len(heads) - 1)]
    room = max(20, shutil.get_terminal_size((120, 24)).columns - sum(widths) - 2 * len(widths))
    return [_line(row, widths, room) for row in cells]


def _line(row: Sequence[str], widths: Sequence[int], room: int) -> str:
    fixed = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)]
    last = row[-1] if len(row[-1]) <= room else row[-1][: room - 1] + "…"
    return GAP.join([*fixed, last]).rstrip()


def plain(text: str) -> str:
    """Text on one line, with control characters as escapes: a file name could move the terminal's
    cursor, or end the line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown_size(size: int) -> str:
    """Bytes of a file: `369 B`, `0.2 MB`."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size:,} B"


def shown_path(path: str | None) -> str:
    """Files below the current folder get relative paths."""
    here = os.path.join(os.getcwd(), "")
    return (path or "").removeprefix(here)


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    zero = sum(unicodedata.combining(c) > 0 for c in text)
    return len(text) + wide - zero


def print_json(answer: object, *, indent: int | None = 1) -> None:
    """An answer for programs; characters that standard output cannot carry are escaped."""
    carries_all = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(answer, ensure_ascii=not carries_all, indent=indent))
