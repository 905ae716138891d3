"""Keeps an answer readable that is sent before its request was read.

A connection that is closed while there are bytes to read is reset. The caller then loses the unread
part of the answer, and a proxy says 502 in place of the 401, 413 or 429. So the rest of the body is
read and dropped for a while, after the last byte of the answer and before its end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmembed.server.middleware.disconnect import has_body

LINGER_S = 5.0
MOST_BYTES = 64_000_000
"""Seconds for the rest of a body; a caller that sends longer, or more, may be reset."""


class LingeringClose:
    """ASGI middleware, around all others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and has_body(Headers(scope=scope)):
            body = Body(receive, send)
            await self.app(scope, body.receive, body.send)
        else:
            await self.app(scope, receive, send)


class Body:
    """The messages of one request and its answer."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._more = True

    async def receive(self) -> Message:
        """The next part."""
        message = await self._receive()
        self._more = self._more and message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer. The end of an early answer waits for the end of the
        body."""
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if is_last and self._more:
            await self._send({**message, "more_body": True})
            await self._drop_the_rest()
            message = {**message, "body": b""}
        await self._send(message)

    async def _drop_the_rest(self) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._read_on(), LINGER_S)

    async def _read_on(self) -> None:
        dropped = 0
        while self._more and dropped < MOST_BYTES:
            dropped += len((await self.receive()).get("body", b""))
            await asyncio.sleep(0)  # so that the time is looked at, however fast it comes
