"""Behind a real nginx, with the block that docs/operations.md shows, on a port of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.serving import (
    PATIENCE_S,
    ROOT,
    data_uri,
    eventually,
    listening,
    open_collection,
    picture,
)

NAME = "photos.example"
CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {block}
}}
"""


def documented_block() -> str:
    """The block of the docs."""
    text = (ROOT / "docs" / "operations.md").read_text()
    [block] = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    return str(block)


@pytest.fixture(params=["as documented", "$host"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an nginx before a server; `$host` is what many blocks have, and drops the
    port."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    block = documented_block()
    if request.param == "$host":
        block = block.replace("$http_host", "$host")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    collection = open_collection(tmp_path / "data", allowed_hosts=(NAME,))
    with listening(collection) as address:
        block = block.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
        block = block.replace("http://127.0.0.1:8000", address)
        assert str(port) in block
        assert address in block
        file = tmp_path / "nginx.conf"
        file.write_text(CONFIGURATION.format(folder=tmp_path, block=block))
        command = [nginx, "-p", str(tmp_path), "-c", str(file), "-e", "stderr"]
        with subprocess.Popen(command) as child:
            try:
                eventually(lambda: _listens(port) or child.poll() is not None)
                assert child.poll() is None
                yield f"http://127.0.0.1:{port}"
            finally:
                child.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_the_page_may_change_things(proxy: str) -> None:
    """As a browser that was given the address https://photos.example:PORT."""
    port = proxy.rpartition(":")[2]
    headers = {"Host": f"{NAME}:{port}"}
    with httpx.Client(base_url=proxy, headers=headers, timeout=PATIENCE_S) as client:
        assert client.get("/").status_code == 200
        image = {"image": data_uri(picture("red"))}
        for site in ({"Sec-Fetch-Site": "same-origin"}, {}):
            page = {"Origin": f"https://{NAME}:{port}", **site}
            added = client.post("/v1/items", json=image, headers=page)
            assert added.status_code in (200, 201), added.text
            where = f"/v1/items/{added.json()['id']}"
            assert client.delete(where, headers=page).status_code in (200, 204)
        evil = {"Origin": "https://evil.example"}
        assert client.post("/v1/items", json=image, headers=evil).status_code == 403
        foreign = {"Host": "evil.example"}
        assert client.get("/v1/items", headers=foreign).status_code == 400


@pytest.mark.slow
def test_a_check_without_a_host(proxy: str) -> None:
    """As balancers ask by default."""
    with socket.create_connection(("127.0.0.1", int(proxy.rpartition(":")[2]))) as line:
        line.settimeout(PATIENCE_S)
        line.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
        assert line.recv(100).split()[1] == b"200"


@pytest.mark.slow
@pytest.mark.parametrize("size", [300_000, 5_000_000])
def test_a_refused_upload_is_told_why(proxy: str, size: int) -> None:
    """The server closes such a connection before it has read what the proxy sends."""
    headers = {"Host": NAME, "Origin": "https://evil.example"}
    for _ in range(10):
        answer = httpx.post(
            f"{proxy}/v1/search", content=bytes(size), headers=headers, timeout=PATIENCE_S
        )
        assert answer.status_code == 403, answer.text
