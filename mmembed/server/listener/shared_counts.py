"""Numbers in memory that the server and its refusing process share.

Reading and writing them needs no system call. Each number is written by one process alone.
"""

from __future__ import annotations

import mmap

BYTES = 128


class Count:
    """Places of the numbers. The server writes the first three. The refusing process writes the
    others, which lie in a cache line of their own."""

    FREE = 0
    """Places in the models' lane."""
    TAKEN = 1
    """Handed requests that FREE allows for."""
    CONNECTIONS = 2
    """Open connections of the server."""
    OWN = 8
    """Connections that the server does not know."""
    REFUSED_GETS = 9
    REFUSED_POSTS = 10
    TURNS = 11
    """Turns of the loop, which show that the process lives."""


def shared_counts(file: int) -> memoryview:
    """The numbers, int64 (16,), in a memory file of BYTES bytes."""
    return memoryview(mmap.mmap(file, BYTES)).cast("q")
