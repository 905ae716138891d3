"""Messages from the refusing process that wait until the channel to the server has room."""

from __future__ import annotations

import itertools
import select
from collections import deque
from collections.abc import Callable

from mmembed.server.listener.channel import Channel, Kind, Message
from mmembed.server.listener.shared_counts import Count
from mmembed.server.listener.watched_connections import Watched


class Outbox:
    """Hands connections over to the server, in order."""

    def __init__(
        self,
        channel: Channel,
        events: select.epoll,
        counts: memoryview,
        drop: Callable[[Watched], None],
    ) -> None:
        """drop: closes a connection that cannot be handed over."""
        self.is_calm = True
        """Whether connections are handed over for good."""
        self.shared: dict[int, Watched] = {}
        """Connections that the server has, or had, by number."""
        self._channel = channel
        self._events = events
        self._counts = counts
        self._drop = drop
        self._numbers = itertools.count(1, 2)  # the server's are even
        self._waiting: deque[tuple[int, Watched, bytes]] = deque()
        self._is_full = False
        self._admitted = 0
        events.register(channel, select.EPOLLIN)

    @property
    def has_room(self) -> bool:
        """Whether the server has a place for one more request. Its free places still include the
        requests that it has not received yet."""
        counts = self._counts
        unseen = self._admitted - counts[Count.TAKEN]
        free: int = counts[Count.FREE]
        return free > unseen

    def hand(self, kind: int, watched: Watched, data: bytes = b"") -> None:
        """Let the server have a connection, and the bytes that were read. kind: Kind.GIVEN or
        ADMITTED."""
        self._admitted += kind == Kind.ADMITTED
        self._put(kind, watched, data)

    def tell(self, kind: int, number: int = 0) -> None:
        """Send a message without a connection."""
        self._put(kind, Watched(-1, None, 0.0, number), b"")

    def send(self) -> None:
        """Send messages while the channel has room."""
        while self._waiting and self._sent(*self._waiting[0]):
            self._waiting.popleft()
        if self._is_full != bool(self._waiting):
            self._is_full = bool(self._waiting)
            waits = select.EPOLLOUT if self._is_full else 0
            self._events.modify(self._channel, select.EPOLLIN | waits)

    def _put(self, kind: int, watched: Watched, data: bytes) -> None:
        self._waiting.append((kind, watched, data))
        if len(self._waiting) == 1:
            self.send()

    def _sent(self, kind: int, watched: Watched, data: bytes) -> bool:
        """Whether a message is out, or is needed no more."""
        if kind not in (Kind.GIVEN, Kind.ADMITTED):
            return self._channel.send(Message(kind, watched.number))
        if watched.file < 0:  # it ended before it was handed over
            self._admitted -= kind == Kind.ADMITTED
            return True
        try:
            return self._handed(kind, watched, data)
        except OSError:  # too many descriptors are on their way
            self._admitted -= kind == Kind.ADMITTED
            self._drop(watched)
            if watched.number:
                self.tell(Kind.CLOSED, watched.number)
            return True

    def _handed(self, kind: int, watched: Watched, data: bytes) -> bool:
        is_new = not watched.number
        number = watched.number or next(self._numbers)
        file = watched.file if is_new else None
        if self.is_calm and kind == Kind.GIVEN:
            kind = Kind.RETURNED
        if not self._channel.send(Message(kind, number, watched.left, data, file)):
            return False
        watched.left = 0
        if kind == Kind.RETURNED:
            self._drop(watched)
        elif is_new:
            watched.number = number
            self.shared[number] = watched
            self._counts[Count.OWN] -= 1
        return True
