"""Cancels the work of a request whose caller has disconnected."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmembed.cancellation import Caller, working_for

DISCONNECT: Message = {"type": "http.disconnect"}


class Leaving:
    """ASGI middleware. A request's route runs for a `Caller`, also in its thread. When the
    connection is closed, the caller has left."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        caller = Caller()
        line = Line(receive, caller)
        if not has_body(Headers(scope=scope)):
            await line.read_ahead()
        try:
            with working_for(caller):
                await self.app(scope, line.receive, send)
        finally:
            await line.close()


def has_body(headers: Headers) -> bool:
    """Whether a body follows the head of a request."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


class Line:
    """Messages of a caller: a body and then, at some time, the end of the connection. Once the body
    is there, a task must listen for the end."""

    def __init__(self, receive: Receive, caller: Caller) -> None:
        self._receive = receive
        self._caller = caller
        self._ahead: Message | None = None
        self._end: asyncio.Task[None] | None = None

    async def read_ahead(self) -> None:
        """Take the empty body of a request without a body, whose route will not read it."""
        self._ahead = await self._next()

    async def receive(self) -> Message:
        """The next part of the body; after the last, the end."""
        if self._ahead is not None:
            message, self._ahead = self._ahead, None
            return message
        if self._end is not None:
            await asyncio.shield(self._end)
            return DISCONNECT
        return await self._next()

    async def close(self) -> None:
        """The answer is sent; the caller may disconnect."""
        if self._end is not None:
            self._end.cancel()
            await asyncio.gather(self._end, return_exceptions=True)

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == DISCONNECT["type"]:
            self._caller.leave()
        elif not message.get("more_body", False):
            self._end = asyncio.create_task(self._listen())
        return message

    async def _listen(self) -> None:
        while (await self._receive())["type"] != DISCONNECT["type"]:
            pass
        self._caller.leave()
