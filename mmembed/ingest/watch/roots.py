"""One watched folder: whether it is there, or on a disk that is not mounted."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from mmembed.ingest.watch.look import Look


@dataclass
class Root:
    """A watched folder, and what was last seen of it."""

    path: str
    has_events: bool = False
    why_not: str = ""
    """The reason for having no events."""
    identity: tuple[int, int] | None = None
    """Device and inode; None while it is not there."""
    seen: Look = field(default_factory=Look)
    """The last look at it."""
    next_look: float = 0.0
    is_away: bool = False
    """Whether it vanished, or all of its pictures at once."""


def identity_of(path: str) -> tuple[int, int] | None:
    """Device and inode of a folder; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if os.path.isdir(path) else None
