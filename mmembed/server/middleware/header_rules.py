"""Refuses requests for foreign hosts and from foreign pages, before any route sees them.

A page on the internet can point its own host name at 127.0.0.1 and talk to a local server (DNS
rebinding). Such a request carries the foreign name in its Host header. A page can also embed our
pictures, or make a browser send us requests. Browsers say so in Sec-Fetch-Site, and programs send
no such header.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmembed.config.host_names import Hosts, host_name
from mmembed.server.error_answers import answer

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PAGES = frozenset({"/", "/docs"})
"""Pages that links on other sites may lead to."""
FOREIGN = frozenset({"cross-site", "same-site"})
"""Same-site is not trusted either: it means any port of this machine, and any host beside ours."""
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HARDENING = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""Headers of every answer."""


class Guard:
    """ASGI middleware; answers 400 or 403 itself, and hardens every answer."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self.app = app
        self.hosts = Hosts(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HARDENING)
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        app = self._refusal(scope, Headers(scope=scope)) or self.app
        await app(scope, receive, hardened)

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        host = headers.get("host")
        if host is None and scope.get("http_version") == "1.0":
            host = "localhost"  # as balancers' checks ask; no browser does
        name = host_name(host or "")
        if host is None or name is None or not self.hosts.has(name):
            message = f"host {host or ''!r} is not served here; allow it with MMEMBED_ALLOWED_HOSTS"
            return _refuse(400, message)
        if headers.get("sec-fetch-site") in FOREIGN and not _is_link(scope, headers):
            return _refuse(403, "requests that pages of other sites make are not accepted")
        origin = headers.get("origin")
        if origin is None or scope["method"] in SAFE_METHODS or "sec-fetch-site" in headers:
            return None
        if not self._is_own(origin, host):  # from a browser that does not say more
            return _refuse(403, f"requests from pages of {origin} are not accepted")
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether a page of that origin is ours. A proxy may have dropped the port of the host, or
        use another host name than the page was opened by."""
        try:
            address = urlsplit(origin)
        except ValueError:
            return False
        if address.netloc.lower() == host.lower():
            return True
        name = host_name(address.netloc)
        if name is None:
            return False
        return self.hosts.names(name) or name == host.lower()


def _is_link(scope: Scope, headers: Headers) -> bool:
    """Whether a person followed a link to one of our pages, which then sends its own requests."""
    opened = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return opened == ("navigate", "document") and scope["path"] in PAGES and (
        scope["method"] in SAFE_METHODS
    )  # fmt: skip


def _refuse(status: int, message: str) -> JSONResponse:
    """The body was not read, so the connection cannot be used any more."""
    return answer(status, message, "Refused", headers={"Connection": "close"})
