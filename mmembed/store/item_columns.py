"""Columns of the table `items` that every database has."""

from __future__ import annotations

from dataclasses import fields

from mmembed.types import HeaderFacts

HEADER = tuple(field.name for field in fields(HeaderFacts))
"""Columns for the facts in a picture's header; each has the fact's name."""
OF_FILE = (
    *("sha256", "width", "height", "bytes", "format", "mtime_ns", "date", "header_read"),
    *HEADER,
)
"""Columns that change with a picture's file."""
