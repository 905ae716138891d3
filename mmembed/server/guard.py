"""What is turned away before any route sees it: foreign hosts and foreign origins.

A page on the internet can point its own host name at 127.0.0.1 and talk to a local server
(DNS rebinding); such a request carries the foreign name in its Host header.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmembed.server.failures import answer

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HOST = re.compile(r"\[(?P<v6>[0-9a-f:.]+)\](:\d+)?|(?P<name>[^\s:/?#@\[\]\\]+)(:\d+)?", re.I)


class Guard:
    """ASGI middleware; answers 400 or 403 itself, and hardens every answer."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self.app = app
        self.hosts = {name for host in hosts if (name := host_name(host))} | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Content-Security-Policy"] = POLICY
                headers["Referrer-Policy"] = "no-referrer"
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        app = self._refusal(scope["method"], Headers(scope=scope)) or self.app
        await app(scope, receive, hardened)

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            message = f"host {host!r} is not served here; allow it with MMEMBED_ALLOWED_HOSTS"
            return _refuse(400, message)
        origin = headers.get("origin")
        if method not in SAFE_METHODS and origin and not _same(origin, host):
            return _refuse(403, f"requests from pages of {origin} are not accepted")
        return None

    def _is_ours(self, host: str) -> bool:
        """Addresses cannot be rebound; names must be known."""
        name = host_name(host)
        return name is not None and (name in self.hosts or _is_address(name))


def host_name(host: str) -> str | None:
    """`Photos.example:8000` → `photos.example`; None where it is not a host and port."""
    match = _HOST.fullmatch(host.strip())
    return (match["v6"] or match["name"]).lower() if match else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _refuse(status: int, message: str) -> JSONResponse:
    """The body was not read, so that the connection is of no use any more."""
    return answer(status, message, "Refused", headers={"Connection": "close"})
