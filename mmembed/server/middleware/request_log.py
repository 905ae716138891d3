"""Gives every request an id, a line in the log, and its share of the metrics."""

from __future__ import annotations

import logging
import re
import time
from contextvars import ContextVar
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmembed.server.metrics import RequestMetrics
from mmembed.server.request_ids import new_request_id

ACCESS_LOGGER = "mmembed.access"
log = logging.getLogger(ACCESS_LOGGER)

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered, on the event loop as on the thread of its route."""
MAX_PATH_CHARS = 200
FILES = "/static"
"""The path of the page's files; a mounted folder is no route."""
CLIENT_LEFT = 499
"""The status in the log and the metrics of a request whose caller left before it was answered."""
_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}", re.ASCII)
_ID_HEADER = b"x-request-id"


class Observed:
    """ASGI middleware, around all that answer."""

    def __init__(self, app: ASGIApp, *, metrics: RequestMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = LoggedAnswer(request_id(scope), send)
        token = REQUEST_ID.set(exchange.id)
        started = time.perf_counter()
        self.metrics.begin()
        try:
            await self.app(scope, receive, exchange.send)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.end(route_of(scope), scope["method"], exchange.status, seconds)
            if log.isEnabledFor(logging.INFO):
                _note(scope, exchange, seconds)
            REQUEST_ID.reset(token)


class LoggedAnswer:
    """An answer as it goes out."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.id = request_id
        self.status = CLIENT_LEFT
        self.bytes = 0
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (_ID_HEADER, self.id.encode())]
        else:
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def request_id(scope: Scope) -> str:
    """The id that the caller or a proxy gave, if it is harmless in a log; else a new one."""
    for name, value in scope["headers"]:
        if name == _ID_HEADER and _ID.fullmatch(given := value.decode("latin-1")):
            return str(given)
    return new_request_id()


def route_of(scope: Scope) -> str:
    """The template of the route, as `/v1/items/{item_id}`; "" if no route was reached."""
    known = getattr(scope.get("route"), "path", "")
    return str(known) or (FILES if scope["path"].startswith(f"{FILES}/") else "")


def _note(scope: Scope, exchange: LoggedAnswer, seconds: float) -> None:
    """One line. Never with the query: search words are private."""
    facts = {
        "client": (scope.get("client") or ("-",))[0],
        "method": scope["method"],
        "path": quote(scope["path"].encode(errors="surrogateescape"))[:MAX_PATH_CHARS],
        "status": exchange.status,
        "ms": round(seconds * 1000, 1),
        "bytes": exchange.bytes,
    }
    log.info("%(client)s %(method)s %(path)s %(status)s %(ms)s ms %(bytes)s bytes", facts,
             extra={"facts": facts})  # fmt: skip
