"""Refusals that are built before they are needed.

Under overload, most of a server's work is refusing. A request that is sure to be refused is
recognised by its raw head. It gets the bytes of a recent answer, without parsing, middleware or a
thread. Unusual requests take the normal way.
"""

from __future__ import annotations

import json
import logging
import re
import time
from email.utils import formatdate

from starlette.types import Message, Scope

from mmembed.server.error_answers import answer_to, body
from mmembed.server.limits.lanes import Lanes, needs_model
from mmembed.server.metrics import RequestMetrics
from mmembed.server.middleware.admission import DRAINED_BYTES
from mmembed.server.middleware.disconnect import DISCONNECT
from mmembed.server.middleware.header_rules import Guard
from mmembed.server.middleware.request_log import ACCESS_LOGGER, new_request_id

FRESH_S = 0.2
"""Seconds for which an answer is reused, since it has a Retry-After."""
_HEAD = re.compile(
    rb"(GET|POST) ([!-~]+) HTTP/1\.1(\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*)\r\n"
)
_UNUSUAL = re.compile(rb"\n(?:transfer-encoding|expect|upgrade|connection: *close)")
_LENGTH = re.compile(rb"\ncontent-length:([^\r]*)")
_ID = re.compile(rb"\nx-request-id: *([A-Za-z0-9._:/+=@-]{1,128})\r", re.I)
_LOCAL: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
log = logging.getLogger(ACCESS_LOGGER)


class Refusals:
    """The answers to requests that need a model while its lane is full."""

    def __init__(self, lanes: Lanes, metrics: RequestMetrics) -> None:
        self._lane = lanes.models
        self._metrics = metrics
        self._made_at = 0.0
        self._head, self._body = b"", b""

    def answer(self, data: bytes) -> tuple[bytes, int] | None:
        """The answer to a request that begins with `data`, and the number of body bytes still to
        come. None if there may be room."""
        if log.isEnabledFor(logging.INFO):
            return None  # each has a line there
        match = _HEAD.match(data)
        if match is None:
            return None
        method, target, fields = match.groups()
        left = _length(fields.lower()) - (len(data) - match.end())
        path = target.partition(b"?")[0].decode("ascii")
        if left < 0 or not needs_model(method.decode(), path) or self._lane.expect():
            return None
        self._metrics.refused(method.decode(), 429)
        return self._made(fields), left

    def _made(self, fields: bytes) -> bytes:
        if time.monotonic() - self._made_at > FRESH_S:
            self._make()
        known = _ID.search(fields)
        name = known[1] if known else new_request_id().encode()
        return b"%bx-request-id: %b\r\n\r\n%b" % (self._head, name, self._body)

    def _make(self) -> None:
        """Run the layers that all answers pass, once."""
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        async def receive() -> Message:
            return DISCONNECT

        passing = Guard(answer_to(self._lane.refusal()), hosts=())(_LOCAL, receive, send)
        try:
            passing.send(None)  # it waits for nothing
        except StopIteration:
            self._made_at = time.monotonic()
        start, self._body = messages[0], messages[1]["body"]
        lines = [(b"date", formatdate(usegmt=True).encode()), *start["headers"]]
        named = b"".join(b"%b: %b\r\n" % line for line in lines)
        self._head = b"HTTP/1.1 429 Too Many Requests\r\n" + named


def _length(fields: bytes) -> int:
    """Bytes of the body, by the lower-case fields of a head; -1 if they are not plain."""
    lengths = _LENGTH.findall(fields)
    if _UNUSUAL.search(fields) or len(lengths) > 1:
        return -1
    text = lengths[0].strip() if lengths else b"0"
    length = int(text) if text.isdigit() and len(text) < 20 else -1
    return length if length <= DRAINED_BYTES else -1


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
