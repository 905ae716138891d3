"""Messages between the server and its refusing process, with which connections change hands.

A message is one datagram, and carries one descriptor at most. So a lost descriptor concerns no
other message.
"""

from __future__ import annotations

import array
import socket
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

MOST_BYTES = 131_072
"""Of a message's data; the system's usual buffer holds 212,992 bytes."""
BUFFER_BYTES = 4_000_000
"""Asked for; the system may give less."""
_HEADER = Struct("=BQI")
_FILE = array.array("i", [0])


class Kind:
    """Kinds of messages; the last five are the refusing process's."""

    TEMPLATE = 0
    """The answer to refused requests."""
    REFUSE = 1
    """Begin to refuse, on these terms."""
    CALM = 2
    """Hand all connections back."""
    LENT = 3
    """A connection to watch, and the bytes that were read."""
    ENDED = 4
    """The server needs its shared connection no more."""
    LEFT = 5
    """A connection of an address, which the server alone had, has ended."""
    GIVEN = 16
    """A connection to serve, and the bytes that were read; it is shared from here on."""
    ADMITTED = 17
    """The same, with a request that takes a place."""
    RETURNED = 18
    """A connection that belongs to the server alone."""
    CLOSED = 19
    """A shared connection has ended."""
    CROWDED = 20
    """The server should close idle connections."""


class Message(NamedTuple):
    """A message; most kinds need not all fields."""

    kind: int
    number: int = 0
    """The connection's."""
    skip: int = 0
    """Bytes of a refused request's body that are still to come."""
    data: bytes = b""
    """Bytes that were read from the connection, or other content."""
    file: int | None = None
    """The connection's descriptor, if the receiver has none yet."""


class Channel:
    """One end of a pair of sockets; it never blocks."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self._end = end

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._end.fileno()

    def close(self) -> None:
        """The other end notices it."""
        self._end.close()

    def send(self, message: Message) -> bool:
        """Whether there was room for it. Raises EOFError if the other end is closed, OSError if it
        cannot be sent."""
        if len(message.data) > MOST_BYTES:
            raise OSError(f"{len(message.data)} bytes are too many for a message")
        header = _HEADER.pack(message.kind, message.number, message.skip)
        rights = []
        if message.file is not None:
            files = array.array("i", [message.file])
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)]
        try:
            self._end.sendmsg([header, message.data], rights)
        except BlockingIOError:
            return False
        except ConnectionError as error:
            raise EOFError from error
        return True

    def messages(self, most: int) -> Iterator[Message]:
        """Up to so many messages that are there. Raises EOFError."""
        for _ in range(most):
            message = self.receive()
            if message is None:
                return
            yield message

    def receive(self) -> Message | None:
        """The next message, if one is there. The receiver owns its descriptor. Raises EOFError if
        the other end is closed."""
        try:
            data, rights, _, _ = self._end.recvmsg(
                _HEADER.size + MOST_BYTES,
                socket.CMSG_SPACE(_FILE.itemsize),
                socket.MSG_CMSG_CLOEXEC,
            )
        except BlockingIOError:
            return None
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        files = array.array("i")
        for _, _, content in rights:
            files.frombytes(content[: _FILE.itemsize])
        kind, number, skip = _HEADER.unpack_from(data)
        return Message(kind, number, skip, data[_HEADER.size :], files[0] if files else None)
