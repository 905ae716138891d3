"""haproxy, with the file of deploy/: a server dies, and no request that only asks is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx2 as httpx
import pytest

from tests.balancers import balancer_of
from tests.many_servers import asking, await_more, two_servers
from tests.postgres_server import stoppable
from tests.serving import Process, data_uri, picture


class Dying(BaseHTTPRequestHandler):
    """Takes the first request at each path with it: it ends the connection without an answer."""

    protocol_version = "HTTP/1.1"
    taken: ClassVar[list[str]] = []
    """Paths of all requests, at all servers."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.taken.append(self.path)
        if self.path != "/ready" and self.taken.count(self.path) == 1:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def dying(tmp_path: Path) -> Iterator[str]:
    """The balancer of two servers that take requests with them."""
    Dying.taken.clear()
    with ExitStack() as stack:
        servers = [
            stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Dying)) for _ in range(2)
        ]
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(server.shutdown)
        addresses = [f"127.0.0.1:{server.server_port}" for server in servers]
        yield stack.enter_context(balancer_of(addresses, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "size", "times"),
    [
        ("GET", "/v1/search?q=a", 0, 2),
        ("POST", "/v1/search", 12_000, 2),
        ("POST", "/v1/embeddings", 100, 2),
        ("POST", "/v1/search", 100_000, 1),
        ("POST", "/v1/items", 100, 1),
        ("POST", "/v1/search/other", 100, 1),
        ("PATCH", "/v1/items/1", 100, 1),
        ("DELETE", "/v1/items/1", 0, 1),
    ],
)
def test_questions_are_sent_again_and_changes_are_not(
    dying: str, method: str, path: str, size: int, times: int
) -> None:
    answer = httpx.request(method, f"{dying}{path}", content=b"x" * size, timeout=30)
    assert Dying.taken.count(path) == times
    assert answer.status_code == (200 if times == 2 else 502)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Process]]:
    with stoppable() as (address, _, _), two_servers(address, tmp_path) as servers:
        yield servers


@pytest.mark.scale
def test_no_search_is_lost_when_a_server_dies(servers: list[Process], tmp_path: Path) -> None:
    addresses = [server.address.removeprefix("http://") for server in servers]
    with balancer_of(addresses, tmp_path) as balancer:
        body = {"image": data_uri(picture("red", (64, 48)))}
        httpx.post(f"{balancer}/v1/items", json=body, timeout=60).raise_for_status()

        def ask(method: str, query: str = "", **more: Any) -> int | str:
            try:
                at = f"{balancer}/v1/search{query}"
                return httpx.request(method, at, timeout=60, **more).status_code
            except httpx.TransportError as error:
                return repr(error)

        words = {"query": [{"text": "red"}]}
        callers = [lambda: ask("GET", "?q=red"), lambda: ask("POST", json=words)]
        with asking(callers * 2) as statuses:
            await_more(statuses, 16)
            servers[0].end(signal.SIGKILL)
            await_more(statuses, 32)
        assert set(statuses) == {200}
        # A change is not sent twice, but goes to the server that lives.
        body = {"image": data_uri(picture("blue", (64, 48)))}
        httpx.post(f"{balancer}/v1/items", json=body, timeout=60).raise_for_status()
