"""An address to fetch: an image's own, or the target of a redirect."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from mmembed.errors import ImageError

MAX_URL_CHARS = 4096
SHOWN_CHARS = 200
PORTS = {"http": 80, "https": 443}
SAFE = "%/:=&?~+!$,;'@()*[]"
"""Characters that a path or query may hold as they are; the rest is percent-encoded."""


@dataclass(frozen=True)
class Target:
    """An address, taken apart. host: lower case, in ASCII."""

    name: str
    url: str
    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str, name: str) -> Target:
        """Raises ImageError if the text is no address that can be fetched."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").encode("idna").decode(), parts.port
        except ValueError:
            raise ImageError(name, f"{shown(url)}: is no address") from None
        if parts.scheme not in PORTS:
            raise ImageError(name, f"{shown(url)}: only http and https addresses are fetched")
        if not host or "@" in parts.netloc:
            raise ImageError(name, f"{shown(url)}: expected a host, and no user before it")
        if len(url) > MAX_URL_CHARS:
            raise ImageError(name, f"{shown(url)}…: over {MAX_URL_CHARS} characters")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(
            name,
            url,
            secure=parts.scheme == "https",
            host=host,
            port=port or PORTS[parts.scheme],
            path=quote(path, safe=SAFE),
        )

    def connection(self) -> http.client.HTTPConnection:
        """The HTTP connection object for this target, not yet connected."""
        connection = http.client.HTTPConnection(self.host, self.port)
        connection.default_port = PORTS["https" if self.secure else "http"]
        return connection

    def refused(self, reason: str) -> ImageError:
        """The error to raise."""
        return ImageError(self.name, f"{shown(self.url)}: {reason}")


def shown(url: str) -> str:
    """An address in an error: without its query, which may hold a secret, and not too long."""
    return url.partition("?")[0][:SHOWN_CHARS]
