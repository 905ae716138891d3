"""A web site on this machine, and a resolver that finds it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mmembed.errors import ImageError
from mmembed.fetch import fetcher as fetch
from mmembed.fetch.fetcher import Fetcher
from tests.serving import picture

RED = picture("red")
LIMIT = 5000
HERE = "images.example"
"""A name that the tests' resolver sends to this machine, and that they allow."""


class Handler(BaseHTTPRequestHandler):
    """Answers by path, and notes what it was asked."""

    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))
        answer = self.server.answers.get(self.path.partition("?")[0])
        if answer is None:
            self.send_error(404)
        else:
            answer(self)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def say(self, data: bytes, status: int = 200, length: int | None = None, **more: str) -> None:
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True


class Site(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, Callable[[Handler], None]] = {}

    def url(self, path: str, host: str = HERE) -> str:
        return f"http://{host}:{self.server_port}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Whom we fetch from does not like it when we hang up."""


@contextmanager
def running_site() -> Iterator[Site]:
    """A site that answers."""
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.01,))
        thread.start()
        yield site
        site.shutdown()
        thread.join()


def in_parts(data: bytes, **more: str) -> Callable[[Handler], None]:
    """Answers with the part of some data that is asked for."""

    def answer(handler: Handler) -> None:
        first, last = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        where = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        handler.say(part, 206, None, Content_Range=where, **more)

    return answer


def resolver(**known: str) -> fetch.Resolve:
    """Knows `images.example`, and others by their first label."""

    def resolve(host: str, port: int) -> list[str]:
        if host == HERE:
            return ["127.0.0.1"]
        if host.partition(".")[0] in known:
            return known[host.partition(".")[0]].split()
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [str(socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)[0][4][0])]

    return resolve


def refusal(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(ImageError) as error:
        fetcher.fetch(url, "input[0]")
    assert str(error.value).startswith("input[0]: ")
    return error.value.reason
