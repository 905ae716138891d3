"""The state of a file, by which a change is noticed."""

from __future__ import annotations

import os
from typing import TypeAlias

from mmembed.ingest.presence import is_gone
from mmembed.sources.entries import FileStat, stat_of

State: TypeAlias = "FileStat | None"
"""Size, times and inode; None of a file that is gone."""
HIDDEN = FileStat(-2, 0, (0, 0, 0))
"""Of a file that cannot be reached, or a link that leads nowhere."""


def state_of(path: str) -> State:
    """The present state of a file or folder."""
    try:
        return stat_of(os.stat(path))
    except (OSError, ValueError):
        return None if is_gone(path) else HIDDEN
