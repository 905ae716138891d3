"""haproxy, with the file of deploy/, in front of servers of this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.s3_server import free_port
from tests.serving import eventually

FILE = Path(__file__).parents[1] / "deploy" / "haproxy.cfg"


@contextmanager
def balancer_of(servers: Sequence[str], folder: Path) -> Iterator[str]:
    """Its address. servers: hosts and ports, in place of those in the file. Skips the test where
    there is no haproxy."""
    if shutil.which("haproxy") is None:
        pytest.skip("no haproxy: apt-get install haproxy")
    text = FILE.read_text().replace(" resolvers containers", "")
    text = re.sub(r"^resolvers.*\n    nameserver.*\n", "", text, flags=re.MULTILINE)
    for name, server in zip(("server-1:8000", "server-2:8000"), servers, strict=True):
        text = text.replace(name, server)
    port = free_port()
    file = folder / "haproxy.cfg"
    file.write_text(text.replace("bind :8000", f"bind 127.0.0.1:{port}"))
    child = subprocess.Popen(["haproxy", "-db", "-f", str(file)], stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(address))
        yield address
    finally:
        child.kill()
        child.wait()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/ready", timeout=30).status_code == 200
    except httpx.TransportError:
        return False
