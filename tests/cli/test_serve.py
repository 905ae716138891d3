"""`mmembed serve` in a process of its own: how it starts and ends."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from mmembed.cli import main
from tests.cli.processes import HEEDFUL, fake, real
from tests.serving import FAKE, PATIENCE_S, Process, data_uri, eventually, picture

pytestmark = pytest.mark.slow


@pytest.fixture
def held() -> Iterator[socket.socket]:
    """A port that is taken."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder


def test_a_port_that_is_taken(held: socket.socket, data: Path) -> None:
    port = held.getsockname()[1]
    finished = fake("serve", "--port", str(port), "--data", data)
    assert (finished.returncode, finished.stdout) == (2, "")
    [line] = finished.stderr.splitlines()
    assert f"127.0.0.1:{port}: cannot listen there" in line
    assert "choose another --port or --host" in line


def test_an_address_is_checked_without_serving(
    held: socket.socket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    free = ["serve", "--check", "--port", "0", "--data", str(tmp_path / "data")]
    assert main(free) == 0
    assert not (tmp_path / "data").exists()
    assert main(["serve", "--check", "--port", str(held.getsockname()[1])]) == 2
    assert "cannot listen there" in capsys.readouterr().err


def test_make_run_checks_the_port_before_it_indexes() -> None:
    rules = (Path(__file__).parents[2] / "Makefile").read_text()
    run = rules.split("\nrun: ", 1)[1].split("\n\n", 1)[0]
    assert run.index("serve --check --port $(PORT)") < run.index("mmembed index")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_when_the_last_answer_is_given(tmp_path: Path, how: signal.Signals) -> None:
    with Process([*HEEDFUL, *FAKE], "--data", str(tmp_path), "--model", "fake") as server:
        assert "model     fake" in server.greeting
        assert f"data      {tmp_path}: 0 images" in server.greeting
        assert f"mmembed index ~/Pictures --data {tmp_path}" in server.greeting
        answer = httpx.post(
            f"{server.address}/v1/items", json={"image": data_uri(picture("red"))}, timeout=60
        )
        assert answer.status_code == 201
        with half_a_search(server.address) as connection:
            server.child.send_signal(how)
            eventually(lambda: not listens(server.address))
            connection.sendall(b'"red"}')
            said = connection.makefile("rb").read()
        assert said.startswith(b"HTTP/1.1 200 OK\r\n"), said
        assert b'"hits":[{"id":1,' in said
        assert server.ended() == (0, "")


def half_a_search(address: str) -> socket.socket:
    """A connection on which the server waits for the rest of a request."""
    host, port = address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
    connection.sendall(
        f"POST /v1/search HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 11\r\n"
        'Expect: 100-continue\r\n\r\n{"q":'.encode()
    )
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 Continue")  # a route asked for it
    return connection


def listens(address: str) -> bool:
    host, port = address.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_server_of_an_unknown_model_does_not_start(tmp_path: Path) -> None:
    finished = real("serve", "--port", "0", "--data", tmp_path, "--model", "local-dir:/none")
    assert finished.returncode == 1
    [line] = finished.stderr.splitlines()
    assert "local-dir:/none: there is no such folder" in line
