"""haproxy, with the file of deploy/, in front of two servers of one database: one of them dies."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.many_servers import asking, await_more, two_servers
from tests.postgres_server import stoppable
from tests.s3_server import free_port
from tests.serving import Process, data_uri, eventually, picture

pytestmark = pytest.mark.scale
DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Process]]:
    with stoppable() as (address, _, _), two_servers(address, tmp_path) as servers:
        yield servers


@pytest.fixture
def balancer(servers: list[Process], tmp_path: Path) -> Iterator[str]:
    """Its address. The file is that of deploy/, with the addresses of this test."""
    if shutil.which("haproxy") is None:
        pytest.skip("no haproxy: apt-get install haproxy")
    text = (DEPLOY / "haproxy.cfg").read_text().replace(" resolvers containers", "")
    text = re.sub(r"^resolvers.*\n    nameserver.*\n", "", text, flags=re.MULTILINE)
    for name, server in zip(("server-1:8000", "server-2:8000"), servers, strict=True):
        text = text.replace(name, server.address.removeprefix("http://"))
    port = free_port()
    file = tmp_path / "haproxy.cfg"
    file.write_text(text.replace("bind :8000", f"bind 127.0.0.1:{port}"))
    child = subprocess.Popen(["haproxy", "-db", "-f", str(file)], stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(address))
        yield address
    finally:
        child.kill()
        child.wait()


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/ready", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def test_no_search_is_lost_when_a_server_dies(balancer: str, servers: list[Process]) -> None:
    body = {"image": data_uri(picture("red", (64, 48)))}
    httpx.post(f"{balancer}/v1/items", json=body, timeout=60).raise_for_status()

    def search() -> int | str:
        try:
            return httpx.get(f"{balancer}/v1/search?q=red", timeout=60).status_code
        except httpx.TransportError as error:
            return repr(error)

    with asking([search] * 4) as statuses:
        await_more(statuses, 16)
        servers[0].end(signal.SIGKILL)
        await_more(statuses, 32)
    assert set(statuses) == {200}
    # A change is not sent twice, but goes to the server that lives.
    body = {"image": data_uri(picture("blue", (64, 48)))}
    httpx.post(f"{balancer}/v1/items", json=body, timeout=60).raise_for_status()
