"""A connection in the refusing process: what came, what is still to be sent, and its deadlines."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Mapping

from mmembed.server.limits.refusal_rules import SLOWEST_BODY, SPARED_S

RECEIVED = 65_536
"""Bytes that are read at a time."""


class Watched:
    """A connection by its descriptor, which it owns."""

    __slots__ = ("came", "file", "group", "is_one_too_many", "left", "marked", "number", "since",
                 "unsent")  # fmt: skip

    def __init__(self, file: int, group: Hashable, now: float, number: int = 0) -> None:
        """group: the key of its client. now: of time.monotonic(). number: of a connection that the
        server knows, else 0."""
        self.file = file
        self.group = group
        self.number = number
        self.since = now
        self.is_one_too_many = False
        self.left = 0
        """Bytes of a refused request's body that are still to come."""
        self.came = 0
        self.marked = 0, now
        self.unsent = b""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for the next request."""
        return not self.left and not self.unsent

    def read(self) -> bytes | None:
        """The bytes that came; b"" at the end of the connection, None if there are none yet."""
        try:
            return os.read(self.file, RECEIVED)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def skip(self, data: bytes) -> bytes:
        """The bytes that remain after the body of a refused request."""
        skipped = min(self.left, len(data))
        self.left -= skipped
        self.came += skipped
        return data[skipped:]

    def write(self, answer: bytes, now: float) -> bool:
        """Send an answer, or the rest of one; what the caller does not take is `unsent`. Returns
        whether the connection still stands."""
        try:
            sent = os.write(self.file, answer)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        self.unsent = answer[sent:]
        self.since = now
        self.marked = self.came, now
        return True

    def is_late(self, now: float, slow_s: float) -> bool:
        """Whether the caller takes too long to ask, to send a body or to read an answer."""
        if not self.left:
            return now - self.since > slow_s
        came, at = self.marked
        if now - at < slow_s:
            return False
        self.marked = self.came, now
        return self.came - came < (now - at) * SLOWEST_BODY

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.file)
        self.file = -1


def least_active_first(
    connections: Iterable[Watched], held: Mapping[Hashable, int], now: float
) -> list[Watched]:
    """Connections that may be closed for others: idle ones first, then those of the client that has
    most. held: connections of each client."""
    keyed = [
        (not watched.is_idle, -held.get(watched.group, 0), watched.since, watched.file, watched)
        for watched in connections
        if watched.since < now - SPARED_S
    ]
    return [watched for *_, watched in sorted(keyed)]
