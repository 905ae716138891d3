"""Limits the requests in progress, and the bytes of their bodies.

A request takes a place when it is whole, and gives it back when its answer begins. So slow senders
and slow readers do not keep others out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmembed.errors import LimitError, MmembedError, Overloaded
from mmembed.server.error_answers import answer_to
from mmembed.server.limits.body_memory import Room, Share
from mmembed.server.limits.lanes import Lane, Lanes
from mmembed.server.limits.per_client import Clients
from mmembed.server.limits.refusal_rules import DRAINED_BYTES
from mmembed.server.middleware.disconnect import DISCONNECT, has_body

ALWAYS = frozenset({"/health", "/v1/health", "/ping", "/ready"})
"""Routes that are answered under any load."""
BODIES_AT_ONCE = 1.25
"""Bodies of the largest size that may be in memory together. While it is read, each is there up to
three times: as bytes, as text, and as the decoded file."""


class Admission:
    """ASGI middleware; answers 413 and 429 itself, and cuts off bodies that grow too large."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        lanes: Lanes,
        clients: Clients,
        max_bytes: int,
        wait_s: Callable[[], float],
    ) -> None:
        """wait_s: estimates the seconds until all waiting inputs of the models are done."""
        self.app = app
        self.lanes = lanes
        self.clients = clients
        self.wait_s = wait_s
        self.max_bytes = max_bytes
        self.room = Room(int(BODIES_AT_ONCE * max_bytes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self.app(scope, receive, send)
            return
        exchange = Exchange(self, scope, receive, send)
        client = self.clients.group((scope.get("client") or (None,))[0])
        try:
            self._check(exchange, client)
            self.clients.take(client)
        except MmembedError as error:
            await answer_to(error)(scope, receive, exchange.send)
            return
        try:
            await self._admitted(exchange, scope, receive)
        finally:
            self.clients.give_back(client)
            exchange.end()

    async def _admitted(self, exchange: Exchange, scope: Scope, receive: Receive) -> None:
        try:
            if not await exchange.read() or not await exchange.enter():
                return
        except MmembedError as error:
            await answer_to(error)(scope, receive, exchange.send)
            return
        await self.app(scope, exchange.receive, exchange.send)

    def _check(self, exchange: Exchange, client: object) -> None:
        """Before anything is read: a refusal should cost less than an answer."""
        if exchange.length is not None and exchange.length > self.max_bytes:
            raise self.too_large(f"{exchange.length}")
        if self.clients.full(client):
            raise Overloaded(
                f"{self.clients.most} requests of your address are already in progress; try again "
                "later, or raise MMEMBED_MAX_PER_CLIENT"
            )
        exchange.lane.check()

    def too_large(self, size: str) -> LimitError:
        """The refusal of a body of so many bytes."""
        return LimitError(
            f"the request has {size} bytes, limit {self.max_bytes}; raise MMEMBED_MAX_UPLOAD_MB"
        )


class Exchange:
    """A request's body as it comes in, and its answer as it goes out."""

    def __init__(self, admission: Admission, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        self.length = int(length) if length.isdecimal() and len(length) < 20 else None
        """The size of the body by the request's headers."""
        self.lane: Lane = admission.lanes.of(scope["method"], scope["path"])
        self._admission = admission
        self._receive = receive
        self._send = send
        self._unread = has_body(headers)
        self._share = Share(0)
        self._body: bytes | None = b""
        self._entered = False

    async def read(self) -> bool:
        """Take in the whole body; False if the caller leaves before. Raises LimitError,
        Overloaded."""
        if self._unread:
            most = self._admission.max_bytes if self.length is None else self.length
            self._share = self._admission.room.begin(most)
        parts = []
        more = True
        while more:
            message = await self._receive()
            if message["type"] == DISCONNECT["type"]:
                return False
            part = message.get("body", b"")
            more = self._unread = message.get("more_body", False)
            await self._grow(len(part))
            parts.append(part)
        self._admission.room.whole(self._share)
        self._body = b"".join(parts)
        return True

    async def _grow(self, more: int) -> None:
        if more > self._share.left:
            raise self._admission.too_large(f"more than {self._share.most}")
        if not await self._admission.room.grow(self._share, more):
            raise Overloaded(
                "the requests in progress fill the memory set aside for them",
                self._admission.wait_s(),
            )

    async def enter(self) -> bool:
        """Take a place in the lane; False if the caller leaves before its turn. Raises
        Overloaded."""
        turn = self.lane.ask()
        if turn is not None:
            return await self._came(turn)
        self._entered = True
        return True

    async def _came(self, turn: asyncio.Future[None]) -> bool:
        leaving: asyncio.Future[Any] = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait({turn, leaving}, return_when=asyncio.FIRST_COMPLETED)
            self._entered = turn.done()
        finally:
            leaving.cancel()
            if not self._entered:
                self.lane.give_up(turn)
        return self._entered

    async def receive(self) -> Message:
        """The body, and after it the end of the connection."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer. A caller that is answered before its body was read might
        send for ever, so the connection ends with the answer."""
        if message["type"] == "http.response.start":
            self.leave()
            if self._unread and not self._is_small:
                MutableHeaders(scope=message)["Connection"] = "close"
        await self._send(message)

    @property
    def _is_small(self) -> bool:
        most = min(DRAINED_BYTES, self._admission.max_bytes)
        return self.length is not None and self.length <= most

    def end(self) -> None:
        """Give back the place and the memory."""
        self.leave()
        self._admission.room.end(self._share)

    def leave(self) -> None:
        """Give the place in the lane back, once."""
        if self._entered:
            self._entered = False
            self.lane.leave()
