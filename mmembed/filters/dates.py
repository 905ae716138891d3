"""Dates of filters, which may be short: `2024-05` is all of May.

They are ISO 8601 in local time: `2024`, `2024-05`, `2024-05-03`, `2024-05-03T12`,
`2024-05-03T12:00` or `2024-05-03T12:00:00`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import datetime

_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d)?)?)?)?)?", re.ASCII)
"""Python reads much more as a date, and more with each version: zones, weeks, 24:00."""


def period(date: str) -> tuple[datetime, datetime]:
    """The first and the last microsecond of a date. Raises ValueError for a text that is none."""
    if not _DATE.fullmatch(date):
        raise ValueError(f"{date[:40]!r}: no date")
    known = len(date)
    start = datetime.fromisoformat(date + "0000-01-01T00:00:00"[known:])
    rest = "0000-12-31T23:59:59"[known:]
    if known == len("2024-05"):
        rest = f"-{monthrange(start.year, start.month)[1]}T23:59:59"
    return start, datetime.fromisoformat(date + rest).replace(microsecond=999_999)


def period_seconds(date: str) -> tuple[int, int]:
    """As `period`, in seconds since 1970 (UTC), for a date in this machine's time zone."""
    first, last = map(_seconds, period(date))
    return first, last


def _seconds(moment: datetime) -> int:
    try:
        return int(moment.timestamp())
    except (OverflowError, ValueError, OSError):  # the first and last years of all
        return int((moment - datetime(1970, 1, 1)).total_seconds())
