"""Connections that the server shares with its refusing process: which of the two has each."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections import deque
from typing import TYPE_CHECKING, Protocol

from mmembed.server.listener.channel import Kind, Message
from mmembed.server.listener.raw_heads import Template
from mmembed.server.listener.refusing_child import RefusingChild
from mmembed.server.listener.refusing_terms import RefusingTerms
from mmembed.server.listener.shared_counts import Count

if TYPE_CHECKING:
    from mmembed.server.listener.connection import Connection

MOST_MESSAGES = 32
"""That are read before other tasks have a turn."""


class Entrance(Protocol):
    """Where connections come into the server."""

    @property
    def open_connections(self) -> int:
        """Their number."""

    def pause(self) -> None:
        """Let another process accept connections."""

    def resume(self) -> None:
        """Accept connections again."""

    def make_room(self) -> int:
        """Close idle connections; their number."""

    def adopt(self, caller: socket.socket, number: int, data: bytes, skip: int) -> Adopted:
        """Serve a connection that another process accepted, as `Connection.take_back`."""


Adopted = tuple["Connection", "asyncio.Task[None]"]
"""A connection, and the task that makes it."""


class SharedConnections:
    """Those of one refusing process, by the numbers that both processes know them by."""

    def __init__(self, child: RefusingChild, door: Entrance) -> None:
        self._channel = child.channel
        self._counts = child.counts
        self._door = door
        self._connections: dict[int, Connection] = {}
        self._numbers = itertools.count(2, 2)  # the other process's are odd
        self._waiting: deque[Message] = deque()

    @property
    def can_begin(self) -> bool:
        """Whether all former messages are out."""
        self.send_on()
        return not self._waiting

    def begin(self, terms: RefusingTerms) -> None:
        """Let the process refuse."""
        self._send(Message(Kind.REFUSE, data=json.dumps(terms).encode()))

    def show(self, template: Template) -> None:
        """Let the process refuse with this answer."""
        self._send(Message(Kind.TEMPLATE, len(template.head), data=template.head + template.body))

    def calm(self) -> None:
        """Ask for all lent connections. The others belong to the server alone from here on."""
        self._send(Message(Kind.CALM))
        for number, connection in list(self._connections.items()):
            if not connection.is_lent:
                self._part_with(number)
                self._send(Message(Kind.ENDED, number))

    def lend(self, connection: Connection, data: bytes) -> bool:
        """Let the process have a connection and what was read from it. False if it cannot."""
        number = connection.number or next(self._numbers)
        file = None if connection.number else connection.file
        try:
            if self._waiting or not self._channel.send(Message(Kind.LENT, number, 0, data, file)):
                return False
        except (OSError, EOFError):  # its end is noticed elsewhere
            return False
        connection.number = number
        self._connections[number] = connection
        return True

    def ended(self, connection: Connection) -> None:
        """A connection of the server ended."""
        if connection.number:
            self._send(Message(Kind.ENDED, connection.number))
            self._part_with(connection.number)
        elif connection.group is not None:
            self._send(Message(Kind.LEFT, data=str(connection.group).encode()))

    def abandon(self) -> None:
        """The process is gone. The server does not know how much of their requests was read from
        lent connections, so these are closed."""
        for connection in list(self._connections.values()):
            connection.number = 0
            if connection.is_lent:
                connection.transport.abort()
        self._connections.clear()

    def receive(self, most: int = MOST_MESSAGES) -> None:
        """Heed what the process sent. Raises EOFError if it ended."""
        for message in self._channel.messages(most):
            self._heed(message)

    def send_on(self) -> None:
        """Send waiting messages while there is room."""
        while self._waiting and self._sent(self._waiting[0]):
            self._waiting.popleft()

    # -- messages --------------------------------------------------------------------

    def _send(self, message: Message) -> None:
        self._waiting.append(message)
        self.send_on()

    def _sent(self, message: Message) -> bool:
        try:
            return self._channel.send(message)
        except EOFError:
            return True  # nobody needs it
        except OSError:
            return False

    def _part_with(self, number: int) -> None:
        self._connections.pop(number).number = 0

    def _heed(self, message: Message) -> None:
        if message.kind == Kind.CROWDED:
            self._door.make_room()
        elif message.kind == Kind.CLOSED:
            self._close(message.number)
        elif message.file is not None:
            self._adopt(message, message.file)
        else:
            self._take_back(message)
            self._count(message)

    def _close(self, number: int) -> None:
        connection = self._connections.get(number)
        if connection is not None:
            connection.transport.abort()  # which calls `ended`

    def _take_back(self, message: Message) -> None:
        connection = self._connections.get(message.number)
        if connection is None:  # it is closed, or its descriptor was lost
            self._send(Message(Kind.ENDED, message.number))
            return
        if message.kind == Kind.RETURNED:
            self._part_with(message.number)
        connection.take_back(message.data, message.skip)

    def _adopt(self, message: Message, file: int) -> None:
        caller = socket.socket(fileno=file)
        number = 0 if message.kind == Kind.RETURNED else message.number
        connection, making = self._door.adopt(caller, number, message.data, message.skip)
        if number:
            self._connections[number] = connection
        making.add_done_callback(lambda _: self._made(message, connection))

    def _made(self, message: Message, connection: Connection) -> None:
        self._count(message)
        if connection.transport is None:  # the caller had left already
            self.ended(connection)

    def _count(self, message: Message) -> None:
        """The lane's free places allow for a handed request from here on."""
        self._counts[Count.TAKEN] += message.kind == Kind.ADMITTED
