"""How much the server takes on at a time: requests, and bytes of their bodies."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmembed.errors import LimitError, MmembedError, Overloaded
from mmembed.server.failures import answer_to
from mmembed.server.leaving import has_body

ALWAYS = frozenset({"/health", "/v1/health", "/ready", "/ping"})
"""Answered however much there is to do."""
BODIES_AT_ONCE = 8
"""Bodies of the largest size that may be in memory together."""


class Admission:
    """ASGI middleware; answers 413 and 429 itself, and cuts off bodies that grow too large."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_requests: int,
        max_bytes: int,
        wait_s: Callable[[], float],
    ) -> None:
        """wait_s: estimates the seconds until what waits for the models is done."""
        self.app = app
        self.wait_s = wait_s
        self.max_requests = max_requests
        self.max_bytes = max_bytes
        self._requests = 0
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self.app(scope, receive, send)
            return
        exchange = Exchange(self, Headers(scope=scope), receive, send)
        try:
            self._check(scope)
        except MmembedError as error:
            await answer_to(error)(scope, receive, exchange.send)
            return
        self._requests += 1
        try:
            await self.app(scope, exchange.receive, exchange.send)
        finally:
            self._requests -= 1
            self._bytes -= exchange.size

    def take(self, more: int, size: int) -> None:
        """Count bytes of a body that has `size` by now. Raises LimitError, Overloaded."""
        self._bytes += more
        if size > self.max_bytes:
            raise self._too_large(f"more than {self.max_bytes}")
        if self._bytes > BODIES_AT_ONCE * self.max_bytes:
            raise Overloaded(
                "the requests in progress fill the memory set aside for them", self.wait_s()
            )

    def _check(self, scope: Scope) -> None:
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > self.max_bytes:
            raise self._too_large(length)
        if self._requests >= self.max_requests:
            raise Overloaded(
                f"{self._requests} requests are already in progress; try again later, or raise "
                "MMEMBED_MAX_QUEUE",
                self.wait_s(),
            )

    def _too_large(self, size: str) -> LimitError:
        return LimitError(
            f"the request has {size} bytes, limit {self.max_bytes}; raise MMEMBED_MAX_UPLOAD_MB"
        )


class Exchange:
    """A request's body as it comes in, and its answer as it goes out."""

    def __init__(
        self, admission: Admission, headers: Headers, receive: Receive, send: Send
    ) -> None:
        self._admission = admission
        self._receive = receive
        self._send = send
        self._unread = has_body(headers)
        self.size = 0

    async def receive(self) -> Message:
        """The next part of the body. Raises LimitError, Overloaded."""
        message = await self._receive()
        more = len(message.get("body", b""))
        self._unread = message.get("more_body", False)
        self.size += more
        self._admission.take(more, self.size)
        return message

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer. Whoever is answered before all was read might send
        for ever, so that the connection ends with the answer."""
        if message["type"] == "http.response.start" and self._unread:
            MutableHeaders(scope=message)["Connection"] = "close"
        await self._send(message)
