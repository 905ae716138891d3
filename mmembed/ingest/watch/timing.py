"""The times of watching."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mmembed.errors import InputError

LEAST_POLL_S = 0.5


@dataclass(frozen=True)
class Timing:
    """Seconds."""

    still: float = 2.0
    """A file is taken once its size and times have been the same for so long."""
    gone: float = 10.0
    """A file counts as gone once it has been missing for so long. Programs that save a picture
    delete it first, and a file that is moved comes up elsewhere."""
    poll: float = 30.0
    """Between two looks at a folder without events."""
    look: float = 600.0
    """Between two looks at a folder with events, which may be lost."""
    roots: float = 1.0
    """Between two looks whether the folders themselves are there."""
    retry: float = 5.0
    """After a failure of the store, and ten times as long at the most."""

    def polling(self, seconds: float) -> Timing:
        """Look at the folders themselves every so many seconds. Raises InputError."""
        if not seconds >= LEAST_POLL_S:
            raise InputError(f"--poll {seconds:g}: expected at least {LEAST_POLL_S:g} seconds")
        return replace(self, poll=seconds)
