"""Accepts as many connections as the system has room for, and closes useless ones.

Without free file descriptors, asyncio's own accept logs thousands of errors a second, and accepts
no connection any more. Here idle and slow connections are closed for new ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from mmembed.config.settings import Settings
from mmembed.server.limits.per_client import Clients, trusted_proxies
from mmembed.server.limits.refusal_rules import (
    ASSAULT,
    AT_ONCE,
    BACK_OFF_S,
    LOOK_S,
    SHARE,
    SPARED_S,
)  # fmt: skip
from mmembed.server.listener.connection import BUSY, IDLE, Connection, Terms
from mmembed.server.listener.instant_refusals import NO_ROOM, Refusals
from mmembed.server.listener.overload import Overload
from mmembed.server.listener.shared_connections import Adopted

log = logging.getLogger(__name__)

CLOSING_S = 0.01
"""Seconds until closed connections are gone."""
OWN_FILES = 128
"""Descriptors that are kept for the catalog, the model and the log."""
MOST_FILES = 65_536
"""Descriptors that are asked for; the system may allow a billion, which some libraries count."""


class Server(uvicorn.Server):
    """Uvicorn's server, with our listener."""

    def __init__(
        self, config: uvicorn.Config, terms: Terms, most: int, end_streams: Callable[[], None]
    ) -> None:
        """most: connections at a time. end_streams: ends the answers that have no end."""
        super().__init__(config)
        self.told_to_end = threading.Event()
        self._terms = terms
        self._most = most
        self._end_streams = end_streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called with the signal, on the main thread."""
        super().handle_exit(sig, frame)
        self.told_to_end.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As Uvicorn calls it, with sockets that listen."""
        await super().startup(sockets=[])  # so that it opens no socket itself
        for listener in sockets or []:
            door = Door(listener, self._connection, self.server_state.connections, self._most)
            door.open()
            self.servers.append(door)  # type: ignore[arg-type]  # what is called of it is there
            if len(sockets or []) == 1:
                self._terms.overload.attach(door, listener)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As Uvicorn calls it."""
        self._end_streams()
        await self._terms.overload.close()
        for door in self.servers:
            await door.settle()  # type: ignore[attr-defined]  # ours has it
        await super().shutdown(sockets)
        await self._terms.overload.wait_closed()

    def _connection(self) -> Connection:
        return Connection(
            self._terms,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )


class Door:
    """Accepts the connections of one socket."""

    def __init__(
        self,
        listener: socket.socket,
        connection: Callable[[], Connection],
        connections: set[Any],
        most: int,
    ) -> None:
        """connection: makes a connection. connections: the open ones, which add and remove
        themselves."""
        self._listener = listener
        self._connection = connection
        self._connections = connections
        self._most = most
        self._entering: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._accepts = asyncio.Event()
        self._accepts.set()

    def open(self) -> None:
        """Start accepting connections."""
        self._listener.setblocking(False)
        self._tasks = [
            asyncio.create_task(coroutine) for coroutine in (self._let_in(), self._look_around())
        ]

    def close(self) -> None:
        """Stop accepting connections; open ones stay."""
        self._tasks[0].cancel()

    @property
    def open_connections(self) -> int:
        """Their number."""
        return len(self._connections) + len(self._entering)

    def pause(self) -> None:
        """Let another process accept connections. One more may come in here."""
        self._accepts.clear()

    def resume(self) -> None:
        """Accept connections again."""
        self._accepts.set()

    def adopt(self, caller: socket.socket, number: int, data: bytes, skip: int) -> Adopted:
        """Serve a connection that the refusing process accepted, as `Connection.take_back`. number:
        by which that process knows it."""
        connection = self._connection()
        connection.number = number
        connection.handed = data, skip
        return connection, self._start(caller, connection)

    async def settle(self) -> None:
        """Until all connections that came in are made, so that they can be told to end."""
        await asyncio.gather(*self._entering, return_exceptions=True)

    async def wait_closed(self) -> None:
        """As Uvicorn waits, when the connections are closed."""
        self._tasks[1].cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _let_in(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for _ in range(AT_ONCE):
                await self._accepts.wait()
                if self._crowded:
                    await asyncio.sleep(CLOSING_S if self.make_room() else BACK_OFF_S)
                    continue
                try:
                    caller, address = await loop.sock_accept(self._listener)
                except OSError as error:
                    log.warning("no connection can be accepted: %s", error)
                    self.make_room()
                    await asyncio.sleep(BACK_OFF_S)
                    continue
                self._enter(caller, str(address[0]))
            await asyncio.sleep(0)

    @property
    def _crowded(self) -> bool:
        return self.open_connections > self._most + AT_ONCE

    def _enter(self, caller: socket.socket, address: str) -> None:
        connection = self._connection()
        clients = connection.terms.clients
        if clients.full(clients.group(address), ASSAULT):
            log.warning("%s opens far more connections than MMEMBED_MAX_PER_CLIENT", address)
            caller.close()
            return
        self._start(caller, connection)
        if self.open_connections > self._most:
            self.make_room()

    def _start(self, caller: socket.socket, connection: Connection) -> asyncio.Task[None]:
        task = asyncio.create_task(self._connect(caller, connection))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)
        return task

    async def _connect(self, caller: socket.socket, connection: Connection) -> None:
        caller.setblocking(False)
        with contextlib.suppress(OSError):  # the caller has left already
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, caller)

    def make_room(self) -> int:
        """Close some idle or slow connections, first of the client that has most. Returns their
        number."""
        newest = time.monotonic() - SPARED_S
        held = Counter(
            connection.group for connection in self._connections if connection.group is not None
        )
        idle = [
            (about != IDLE, -held[connection.group], connection.since, id(connection), connection)
            for connection in self._connections
            if connection.since < newest
            and not connection.transport.is_closing()
            and (about := connection.about()) != BUSY
        ]
        closed = sorted(idle)[: 1 + len(self._connections) // SHARE]
        for *_, least_busy in closed:
            least_busy.cut_off(NO_ROOM)
        log.warning(
            "%d connections are open, as many as may be; closed %d of the least active ones "
            "(MMEMBED_MAX_CONNECTIONS, and the system's limit of open files)",
            len(self._connections), len(closed),
        )  # fmt: skip
        return len(closed)

    async def _look_around(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            for connection in list(self._connections):
                connection.look(now)


def server_of(app: FastAPI, **uvicorns: Any) -> Server:
    """A server of an app of `create_app`, which runs with sockets that listen.

    uvicorns: further parameters of uvicorn.Config."""
    settings: Settings = app.state.settings
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,  # its lines go where ours go
        log_level="warning",
        access_log=False,  # ours names requests, and keeps queries to itself
        server_header=False,
        **uvicorns,
    )
    refusals = Refusals(app.state.lanes, app.state.request_metrics)
    clients = Clients(settings.max_per_client, trusted_proxies(config.forwarded_allow_ips))
    most = most_connections(settings.max_connections)
    overload = Overload(refusals, clients, settings.slow_timeout, most)
    terms = Terms(settings.slow_timeout, refusals, clients, overload)
    return Server(config, terms, most, app.state.event_streams.end)


def most_connections(most: int) -> int:
    """The number of connections that the system has room for, at most the wished number. Each may
    need a second descriptor, for the file in its answer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS allows less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    allowed = MOST_FILES if soft == resource.RLIM_INFINITY else soft
    return max(1, min(most, max(AT_ONCE, (allowed - OWN_FILES) // 2 - AT_ONCE)))
