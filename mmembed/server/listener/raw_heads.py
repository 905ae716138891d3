"""Recognises requests that need a model by their raw heads, without a parser.

Unusual heads are not recognised: the full parser reads them. The refusing process imports this
module, so it imports little.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mmembed.server.limits.refusal_rules import DRAINED_BYTES, needs_model
from mmembed.server.request_ids import new_request_id

_HEAD = re.compile(
    rb"(GET|POST) ([!-~]+) HTTP/1\.1(\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*)\r\n"
)
_UNUSUAL = re.compile(rb"\n(?:transfer-encoding|expect|upgrade|connection: *close)")
_LENGTH = re.compile(rb"\ncontent-length:([^\r]*)")
_ID = re.compile(rb"\nx-request-id: *([A-Za-z0-9._:/+=@-]{1,128})\r", re.I)


class RawRequest(NamedTuple):
    """A request that needs a model, by its raw head."""

    method: str
    """`GET` or `POST`."""
    fields: bytes
    left: int
    """Bytes of the body that have not come yet."""


class Template(NamedTuple):
    """A refusal without the request's id."""

    head: bytes
    body: bytes

    def answer(self, request: RawRequest) -> bytes:
        """The whole answer to a request."""
        known = _ID.search(request.fields)
        name = known[1] if known else new_request_id().encode()
        return b"%bx-request-id: %b\r\n\r\n%b" % (self.head, name, self.body)


def model_request(data: bytes) -> RawRequest | None:
    """The request that `data` begins. None if it needs no model, if its head is unusual or
    incomplete, or if `data` holds more than this request."""
    match = _HEAD.match(data)
    if match is None:
        return None
    method, target, fields = match.groups()
    left = _length(fields.lower()) - (len(data) - match.end())
    path = target.partition(b"?")[0].decode("ascii")
    if left < 0 or not needs_model(method.decode(), path):
        return None
    return RawRequest(method.decode(), fields, left)


def _length(fields: bytes) -> int:
    """Bytes of the body, by the lower-case fields of a head; -1 if they are not plain."""
    lengths = _LENGTH.findall(fields)
    if _UNUSUAL.search(fields) or len(lengths) > 1:
        return -1
    text = lengths[0].strip() if lengths else b"0"
    length = int(text) if text.isdigit() and len(text) < 20 else -1
    return length if length <= DRAINED_BYTES else -1
