"""What is turned away before any route sees it: foreign hosts and origins, large bodies.

A page on the internet can point its own host name at 127.0.0.1 and talk to a local server
(DNS rebinding); such a request carries the foreign name in its Host header.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmembed.server.failures import body

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class Guard:
    """ASGI middleware; answers 400, 403 or 413 itself, and hardens every other answer."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], max_bytes: int) -> None:
        self.app = app
        self.hosts = {host.lower() for host in hosts}
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Content-Security-Policy"] = POLICY
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self.app(scope, receive, hardened)

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return _refuse(
                400, f"host {host!r} is not served here; allow it with MMEMBED_ALLOWED_HOSTS"
            )
        origin = headers.get("origin")
        if method not in SAFE_METHODS and origin and urlsplit(origin).netloc != host:
            return _refuse(403, f"requests from pages of {origin} are not accepted")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.max_bytes:
            return _refuse(
                413,
                f"the request has {length} bytes, limit {self.max_bytes}; "
                "raise MMEMBED_MAX_UPLOAD_MB",
            )
        return None

    def _is_ours(self, host: str) -> bool:
        """Addresses cannot be rebound; names must be known."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name == "localhost" or name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _refuse(status: int, message: str) -> JSONResponse:
    kind = {413: "LimitError"}.get(status, "Refused")
    return JSONResponse(body(message, kind=kind, code=status), status)
