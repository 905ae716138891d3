"""Two real servers of one database: what one is told the other one knows, and one may die."""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable, Iterator

import httpx2 as httpx
import pytest

from tests.many_servers import asking, await_more, two_servers
from tests.postgres_server import stoppable
from tests.serving import Process, data_uri, eventually, picture

pytestmark = pytest.mark.scale
COLOURS = ("red", "orange", "yellow", "pink", "brown", "purple", "blue")

Database = tuple[str, Callable[[], None], Callable[[], None]]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """Its address, and what stops and starts its server."""
    with stoppable() as database:
        yield database


@pytest.fixture(scope="module")
def servers(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Process]]:
    """Two servers; the last test kills one."""
    with two_servers(database[0], tmp_path_factory.mktemp("servers")) as servers:
        yield servers


def add(server: Process, colour: str, side: int = 64) -> int:
    """The id of a new picture."""
    body = {"image": data_uri(picture(colour, (side, 48))), "tags": [colour]}
    answer = httpx.post(f"{server.address}/v1/items", json=body, timeout=30)
    assert answer.status_code in (200, 201), answer.text
    return int(answer.json()["id"])


def ids(server: Process, **query: str | int) -> tuple[list[int], str | None]:
    """The ids of a page, and the cursor of the next one."""
    answer = httpx.get(f"{server.address}/v1/search", params=query, timeout=30)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [hit["id"] for hit in body["hits"]], body["next_cursor"]


def test_a_change_at_one_is_seen_at_the_other(
    servers: list[Process], record_property: Callable[[str, object], None]
) -> None:
    """At the first request: the other server keeps nothing that could be older."""
    first, second = servers
    seconds = []
    for number in range(20):
        first, second, colour = second, first, ("green", "cyan")[number % 2]
        item = add(first, colour, 200 + number)
        begun = time.monotonic()
        assert item in ids(second, q=colour, k=50)[0]
        seconds.append(time.monotonic() - begun)
        assert item in ids(second, q=colour, mode="words", k=50)[0]
        assert item in ids(second, q=colour, where=f"tag:{colour}", k=50)[0]
        shown = httpx.get(f"{second.address}/v1/items/{item}/thumbnail", timeout=30)
        assert shown.content[:4] == b"RIFF"
        if number > 9:
            httpx.delete(f"{second.address}/v1/items/{item}", timeout=30).raise_for_status()
            assert item not in ids(first, q=colour, k=50)[0]
    record_property("median_s", statistics.median(seconds))
    record_property("longest_s", max(seconds))


@pytest.mark.parametrize("mode", ["picture", "hybrid", "words"])
def test_a_page_goes_on_at_the_other(servers: list[Process], mode: str) -> None:
    for side in range(60, 65):
        for colour in COLOURS:
            add(servers[side % 2], colour, side)
    query = {"q": "red orange", "mode": mode}
    whole, _ = ids(servers[0], k=200, **query)
    assert len(whole) >= (2 if mode == "words" else 1) * 5
    pages: list[int] = []
    cursor: str | None = None
    for turn in range(100):
        more = {} if cursor is None else {"cursor": cursor}
        page, cursor = ids(servers[turn % 2], k=3, **query, **more)
        pages += page
        if cursor is None:
            break
    assert pages == whole


def test_ready_says_when_the_database_is_away(database: Database, servers: list[Process]) -> None:
    def status() -> list[int]:
        return [httpx.get(f"{one.address}/ready", timeout=30).status_code for one in servers]

    _, stop, start = database
    eventually(lambda: status() == [200, 200])
    stop()
    try:
        eventually(lambda: status() == [503, 503])
        answer = httpx.get(f"{servers[0].address}/v1/search?q=red", timeout=30)
        assert answer.status_code == 503
        assert answer.json()["error"]["type"] == "StoreAway"
    finally:
        start()
    eventually(lambda: status() == [200, 200])
    ids(servers[1], q="red")


def test_one_that_dies_takes_only_its_own_requests_along(servers: list[Process]) -> None:
    item = add(servers[0], "red")

    def caller(number: int) -> Callable[[], int | str]:
        """Asks in turn; leaves a server out once it has not answered."""
        alive = list(servers)

        def ask() -> int | str:
            nonlocal number
            number += 1
            server = alive[number % len(alive)]
            try:
                return httpx.get(f"{server.address}/v1/items/{item}", timeout=30).status_code
            except httpx.TransportError:
                alive.remove(server)
                return server.address

        return ask

    with asking([caller(number) for number in range(4)]) as answers:
        await_more(answers, 40)
        servers[0].end(signal.SIGKILL)
        await_more(answers, 100)
    assert set(answers) <= {200, servers[0].address}
    assert answers.count(servers[0].address) <= 4
