"""Parts of a file on the web, such as one member of a tar: by range requests (RFC 9110, 14)."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class NoPart(ValueError):
    """The answer to a request for a part is none; the message completes «its host …»."""


@dataclass(frozen=True)
class Span:
    """The bytes of a file from `start` to before `stop`."""

    start: int
    stop: int

    def headers(self) -> Mapping[str, str]:
        """What a request for them says besides."""
        return {"Range": f"bytes={self.start}-{self.stop - 1}", "Accept": "*/*"}

    def answered(self, response: http.client.HTTPResponse) -> tuple[int, int]:
        """How many bytes the answer has, fewer at the end of the file, and the size of the file.
        Raises NoPart."""
        if response.status == HTTPStatus.OK:
            raise NoPart("sends no parts of files; download the file, and index it here")
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise NoPart("says that the file ends before")
        said = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status != HTTPStatus.PARTIAL_CONTENT or said is None:
            raise NoPart(f"answered {response.status} to a request for a part")
        first, last, size = map(int, said.groups())
        if first != self.start or last != min(self.stop, size) - 1:
            raise NoPart("sent another part than was asked for")
        return last - first + 1, size


@dataclass(frozen=True)
class Part:
    """A part of a file."""

    data: bytes
    size: int
    """Bytes of the whole file."""
    version: str
    """What the host says that changes with its content; empty if it says nothing."""


def version_in(headers: http.client.HTTPMessage) -> str:
    """See Part.version."""
    return headers.get("ETag", "").removeprefix("W/") or headers.get("Last-Modified", "")
