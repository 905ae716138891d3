"""Files and servers that pretend to be a server of the folder are not believed."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mmembed.cli import service
from mmembed.server.access.server_proof import PATH, proof_of
from tests.cli.services import SECRET, Ask, leave, settings_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"host": 1, "port": "x"}', b"\xff\xfe", b"1" * 99],
)
def test_broken_files_count_for_nothing(folder: Path, content: bytes) -> None:
    (folder / service.FILE).write_bytes(content)
    assert service.find(settings_of(folder)) is None


@pytest.mark.parametrize("port", [0, -1, 70000, None, [], "x"])
def test_a_server_that_is_gone(folder: Path, port: object) -> None:
    leave(folder)
    assert service.find(settings_of(folder)) is None  # its port is closed
    leave(folder, port=port)
    assert service.find(settings_of(folder)) is None


class Imposter(BaseHTTPRequestHandler):
    """Answers everything alike, but for a proof where it knows the secret, and notes all that it
    was sent."""

    protocol_version = "HTTP/1.1"
    timeout = 5
    secret = SECRET
    asked: list[str]
    sent: list[str]
    said: bytes
    status = 200

    def do_GET(self) -> None:
        path, _, nonce = self.path.partition("?nonce=")
        self.asked.append(path)
        self.sent.append(f"{self.requestline}\n{self.headers}")
        status, said = self.status, self.said
        if nonce and self.secret:
            port = self.connection.getsockname()[1]
            said = json.dumps({"proof": proof_of(self.secret, nonce, port)}).encode()
            status = 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def imposter() -> Iterator[tuple[type[Imposter], int]]:
    """A server that is not ours: its class, to say what it answers, and its port."""

    class Handler(Imposter):
        asked: list[str] = []  # noqa: RUF012
        sent: list[str] = []  # noqa: RUF012
        said = b"{}"

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Handler, server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"status": "ok"}'),
        (200, b'{"status": "loading", "collection": "abc", "items": 1, "model": "fake"}'),
        (200, b'{"status": "ok", "collection": "other", "items": 1, "model": "fake"}'),
        (200, b'{"status": "ok", "collection": "abc", "items": 0, "model": "fake"}'),
        (302, b'{"status": "ok", "collection": "abc", "items": 1, "model": "fake"}'),
        (503, b'{"status": "ok", "collection": "abc", "items": 1, "model": "fake"}'),
    ],
)
def test_whoever_else_listens_is_not_asked_to_search(
    folder: Path, imposter: tuple[type[Imposter], int], status: int, said: bytes
) -> None:
    handler, port = imposter
    handler.status, handler.said = status, said
    leave(folder, port=port)
    assert service.find(settings_of(folder)) is None
    assert handler.asked == [PATH, "/health"]


@pytest.mark.parametrize("secret", ["", "guessed"])
@pytest.mark.parametrize("keys", [(), ("a-key-of-this-server-0123456789",)])
def test_nothing_is_told_to_whoever_took_the_port_of_a_killed_server(
    folder: Path, imposter: tuple[type[Imposter], int], secret: str, keys: tuple[str, ...], ask: Ask
) -> None:
    """It answers as our server would, but for the proof."""
    handler, port = imposter
    handler.secret = secret
    handler.said = b'{"status": "ok", "collection": "abc", "items": 1, "model": "fake"}'
    leave(folder, port=port)
    words = "what nobody else should know"
    told_of = ("--data", str(folder), "--model", "fake")
    ask("search", words, *told_of, MMEMBED_API_KEYS=",".join(keys))
    assert handler.asked == [PATH]
    assert not any(told in sent for sent in handler.sent for told in (*keys, words, SECRET))


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o604, 0o666])
def test_a_file_that_others_can_read_or_write_counts_for_nothing(
    folder: Path, imposter: tuple[type[Imposter], int], mode: int
) -> None:
    handler, port = imposter
    leave(folder, port=port)
    (folder / service.FILE).chmod(mode)
    assert service.find(settings_of(folder)) is None
    assert handler.asked == []


def test_another_users_file_counts_for_nothing(
    folder: Path, imposter: tuple[type[Imposter], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, port = imposter
    leave(folder, port=port)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    assert service.find(settings_of(folder)) is None
    assert handler.asked == []


def test_a_link_or_a_pipe_in_its_place_counts_for_nothing(folder: Path, tmp_path: Path) -> None:
    leave(folder)
    (folder / service.FILE).rename(folder / "elsewhere.json")
    (folder / service.FILE).symlink_to(folder / "elsewhere.json")
    assert service.find(settings_of(folder)) is None
    (folder / service.FILE).unlink()
    os.mkfifo(folder / service.FILE, 0o600)
    assert service.find(settings_of(folder)) is None


def test_an_answer_that_fails_is_none(folder: Path, imposter: tuple[type[Imposter], int]) -> None:
    handler, port = imposter
    handler.said = b'{"status": "ok", "collection": "abc", "items": 1, "model": "fake"}'
    leave(folder, port=port)
    found = service.find(settings_of(folder))
    assert found is not None
    handler.status = 429
    assert found.search({"q": "red"}) is None
    assert found.search({"q": "red"}) is None  # the line is closed, and is not made anew
    assert handler.asked == [PATH, "/health", "/v1/search"]


@pytest.mark.parametrize("host", ["192.0.2.1", "localhost", "example.org", "::", "0.0.0.0", ""])
def test_nothing_is_sent_to_other_machines(
    folder: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(folder, host=host)

    def ask(*arguments: object) -> Any:
        raise AssertionError(f"asked {arguments}")

    monkeypatch.setattr(service, "ServiceConnection", ask)
    assert service.find(settings_of(folder)) is None


def test_a_server_that_hangs_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "HEALTH_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        leave(folder, port=listener.getsockname()[1])
        assert service.find(settings_of(folder)) is None
