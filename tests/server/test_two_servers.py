"""Two real servers of one database: what one is told the other one knows, and one may die."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import httpx2 as httpx
import pytest

from tests.postgres_server import stoppable
from tests.serving import Process, data_uri, eventually, picture

pytestmark = pytest.mark.scale
FAKE = (sys.executable, "-m", "tests.fake_mmembed")
COLOURS = ("red", "orange", "yellow", "pink", "brown", "purple", "blue")
SECOND_S = 1.0

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
    """Two servers with one folder of uploads; the last test kills one."""
    folder = tmp_path_factory.mktemp("uploads")
    variables = {"MMEMBED_STORE": database[0], "MMEMBED_DATA": str(folder)}
    command = ("--model", "fake")
    with (
        Process(FAKE, *command, before=None, **variables) as first,
        Process(FAKE, *command, before=None, **variables) as second,
    ):
        yield [first, second]


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


def test_a_change_at_one_is_seen_at_the_other(servers: list[Process]) -> None:
    first, second = servers
    for colour in ("green", "cyan"):
        item = add(first, colour)
        begun = time.monotonic()
        assert ids(second, q=colour, k=1)[0] == [item]
        assert ids(second, q=colour, mode="words")[0] == [item]
        assert ids(second, q=colour, where=f"tag:{colour}")[0] == [item]
        assert time.monotonic() < begun + 3 * SECOND_S
        shown = httpx.get(f"{second.address}/v1/items/{item}/thumbnail", timeout=30)
        assert shown.content[:4] == b"RIFF"
        httpx.delete(f"{second.address}/v1/items/{item}", timeout=30).raise_for_status()
        assert item not in ids(first, q=colour)[0]


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
    lost: list[str] = []
    answered: list[int] = []
    ending = threading.Event()

    def balance(number: int) -> None:
        """Ask in turn; leave a server out once it has not answered."""
        alive = list(servers)
        while not ending.is_set():
            server = alive[number % len(alive)]
            try:
                answer = httpx.get(f"{server.address}/v1/items/{item}", timeout=30)
            except httpx.TransportError:
                lost.append(server.address)
                alive.remove(server)
            else:
                answered.append(answer.status_code)
            number += 1

    threads = [threading.Thread(target=balance, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(answered) > 40)
    servers[0].end(signal.SIGKILL)
    many = len(answered) + 100
    eventually(lambda: len(answered) > many)
    ending.set()
    for thread in threads:
        thread.join()
    assert set(answered) == {200}
    assert len(lost) <= len(threads)
    assert set(lost) <= {servers[0].address}
