"""Refusals that are built before they are needed.

Under overload, most of a server's work is refusing. A request that is sure to be refused is
recognised by its raw head. It gets the bytes of a recent answer, without parsing, middleware or a
thread. Unusual requests take the normal way.
"""

from __future__ import annotations

import json
import logging
import time
from email.utils import formatdate

from starlette.types import Message, Scope

from mmembed.server.error_answers import answer_to, body
from mmembed.server.limits.lanes import Lanes
from mmembed.server.listener.raw_heads import RawRequest, Template, model_request
from mmembed.server.metrics import RequestMetrics
from mmembed.server.middleware.disconnect import DISCONNECT
from mmembed.server.middleware.header_rules import Guard
from mmembed.server.middleware.request_log import ACCESS_LOGGER

FRESH_S = 0.2
"""Seconds for which an answer is reused, since it has a Retry-After."""
_LOCAL: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
log = logging.getLogger(ACCESS_LOGGER)


class Refusals:
    """The answers to requests that need a model while its lane is full."""

    def __init__(self, lanes: Lanes, metrics: RequestMetrics) -> None:
        self.lane = lanes.models
        self.metrics = metrics
        self._made_at = 0.0
        self._template = Template(b"", b"")

    def refusable(self, data: bytes) -> RawRequest | None:
        """The request that begins with `data`, if it is to be refused; None if there may be
        room."""
        if log.isEnabledFor(logging.INFO):
            return None  # each has a line there
        request = model_request(data)
        return None if request is None or self.lane.expect() else request

    def answer(self, request: RawRequest) -> bytes:
        """The answer to a request that is refused."""
        self.metrics.refused(request.method, 429)
        return self.template().answer(request)

    def template(self) -> Template:
        """The present answer."""
        if time.monotonic() - self._made_at > FRESH_S:
            self._make()
        return self._template

    def _make(self) -> None:
        """Run the layers that all answers pass, once."""
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        async def receive() -> Message:
            return DISCONNECT

        passing = Guard(answer_to(self.lane.refusal()), hosts=())(_LOCAL, receive, send)
        try:
            passing.send(None)  # it waits for nothing
        except StopIteration:
            self._made_at = time.monotonic()
        start, content = messages[0], messages[1]["body"]
        lines = [(b"date", formatdate(usegmt=True).encode()), *start["headers"]]
        named = b"".join(b"%b: %b\r\n" % line for line in lines)
        self._template = Template(b"HTTP/1.1 429 Too Many Requests\r\n" + named, content)


def last_word(status: str, message: str) -> bytes:
    """A whole answer to a request that will not be completed, such as `408 Request Timeout`."""
    said = json.dumps(body(message, kind="InputError", code=int(status[:3]))).encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(said)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + said


TOO_SLOW = last_word(
    "408 Request Timeout",
    "the request comes in too slowly; send it faster, or raise MMEMBED_SLOW_TIMEOUT",
)
WASTEFUL = last_word(
    "400 Bad Request",
    "the chunks of the body are smaller than their framing; send larger ones",
)
NO_ROOM = last_word(
    "503 Service Unavailable",
    "too many connections are open; try again later, or raise MMEMBED_MAX_CONNECTIONS",
)
TOO_MANY = last_word(
    "429 Too Many Requests",
    "your address has as many connections as one may have; use them again, or raise "
    "MMEMBED_MAX_PER_CLIENT",
)
