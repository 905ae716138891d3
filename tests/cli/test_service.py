"""`mmembed search` through a running server: the same answers, and no other server is asked."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mmembed.cli import main, serve, service
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.server.access.proof import PATH, proof_of
from tests.fake_encoder import FakeEncoder
from tests.serving import (
    PATIENCE_S,
    Process,
    complaints,
    environment,
    open_collection,
    picture,
    write_pictures,
)

Ask = Callable[..., tuple[int, str, str]]
SECRET = "the-secret-of-a-server"
FAKE = (sys.executable, "-m", "tests.fake_mmembed")
WITHOUT_MODEL = """
import sys
from mmembed.cli import main
code = main(sys.argv[1:])
heavy = {"torch", "numpy", "fastapi", "PIL", "sqlite3", "mmembed.collection.collection"}
print("loaded:", sorted(heavy & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def settings_of(folder: Path, **more: Any) -> Settings:
    return Settings.from_env({}, data=folder, **more)


def fake(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(*FAKE, *arguments, **variables)


def run(*command: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=environment(**variables),
        timeout=PATIENCE_S,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of seven pictures, some with captions and tags."""
    base = tmp_path_factory.mktemp("served")
    colours = ["red", "green", "blue", "yellow", "purple", "white", "black"]
    photos = write_pictures(base / "photos", colours)
    lines = [{"file_name": f"{c}.png", "caption": f"a {c} field", "tags": ["x"]} for c in colours]
    (photos / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    indexed = fake("index", photos, "--data", base / "data", "--model", "fake")
    assert indexed.returncode == 0, indexed.stderr
    return base / "data"


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Process]:
    with Process(FAKE, "--data", str(data)) as process:
        yield process
        assert process.end() == (0, "")
        assert not (data / service.FILE).exists()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command here, over the fake encoder: exit code, standard output and error."""
    monkeypatch.setattr(Collection.__init__, "__defaults__", (lambda name: FakeEncoder(),))
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run_here(*arguments: str, **variables: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            return (main(arguments), *capsys.readouterr())

    return run_here


@pytest.mark.parametrize(
    "asked",
    [
        ["red"],
        ["a green field", "-k", "2"],
        ["red", "--kind", "caption"],
        ["red", "--tag", "x", "-k", "3"],
        ["red", "--tag", "none"],
        ["red", "--item", "3"],
        ["--image", "IMAGE", "-k", "4"],
        ["word " * 100],
        ["red", "-k", "2", "--cursor", "CURSOR"],
        ["red", "--item", "999999"],
        ["--image", "missing.png"],
        ["  "],
        ["red", "--cursor", "nonsense"],
    ],
)
@pytest.mark.parametrize("shown", [[], ["--json"]], ids=["table", "json"])
def test_the_answer_is_that_of_the_folder(
    server: Process, data: Path, tmp_path: Path, asked: list[str], shown: list[str], ask: Ask
) -> None:
    (tmp_path / "x.png").write_bytes(picture("green"))
    first = ask("search", "red", "-k", "2", "--json", "--data", str(data))
    known = {"IMAGE": str(tmp_path / "x.png"), "CURSOR": json.loads(first[1])["next_cursor"]}
    command = ["search", *(known.get(word, word) for word in asked), *shown, "--data", str(data)]
    # Another limit is another order as far as a server is concerned: the folder is asked.
    assert ask(*command) == ask(*command, MMEMBED_EXACT_LIMIT="49999")


def test_nothing_heavy_is_loaded(server: Process, data: Path) -> None:
    finished = run(sys.executable, "-c", WITHOUT_MODEL, "search", "red", "--data", data)
    assert finished.returncode == 0
    assert "red.png" in finished.stdout
    assert finished.stderr == "loaded: []\n"


def test_only_who_owns_the_folder_sees_the_address(server: Process, data: Path) -> None:
    assert (data / service.FILE).stat().st_mode & 0o777 == 0o600


def test_a_running_server_is_found(server: Process, data: Path) -> None:
    found = service.find(settings_of(data))
    assert found is not None
    assert server.address == f"http://{found.host}:{found.port}"
    same = service.find(settings_of(data, model="fake"))
    assert same == found
    assert service.find(settings_of(data, model="bundled")) is None
    found.line.close()
    same.line.close()


def test_a_copy_of_the_folder_is_not_served(server: Process, data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "copy")
    assert (tmp_path / "copy" / service.FILE).is_file()
    assert service.find(settings_of(tmp_path / "copy")) is None


def test_a_server_of_another_folder_at_the_same_address(server: Process, data: Path) -> None:
    left = (data / service.FILE).read_text()
    try:
        changed = {**json.loads(left), "collection": "0" * 32}
        (data / service.FILE).write_text(json.dumps(changed))
        assert service.find(settings_of(data)) is None
    finally:
        (data / service.FILE).write_text(left)


# -- files that lie ------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_collection(tmp_path).close()
    return tmp_path


def leave(folder: Path, **changed: Any) -> None:
    """A file as a server leaves it, with some facts changed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        written = service.announce(settings_of(folder), listener, "abc", SECRET)
    assert written == folder / service.FILE
    facts = json.loads(written.read_text())
    written.write_text(json.dumps({**facts, **changed}))


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

    monkeypatch.setattr(service, "Line", ask)
    assert service.find(settings_of(folder)) is None


def test_a_server_that_hangs_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "HEALTH_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        leave(folder, port=listener.getsockname()[1])
        assert service.find(settings_of(folder)) is None


# -- the file ------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "named"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1")])
def test_an_address_of_this_machine_is_left(folder: Path, bound: str, named: str) -> None:
    with socket.create_server((bound, 0)) as listener:
        assert service.announce(settings_of(folder), listener, "abc", SECRET) is not None
    assert json.loads((folder / service.FILE).read_text())["host"] == named


def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    moved = settings_of(folder / "gone")
    (folder / "gone").mkdir()
    (folder / "catalog.sqlite3").rename(folder / "gone/catalog.sqlite3")
    os.mkdir(folder / "gone" / service.FILE)  # where the file should be
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert service.announce(moved, listener, "abc", SECRET) is None
    assert sorted(path.name for path in (folder / "gone").iterdir() if "serving" in path.name) == [
        service.FILE
    ]


def test_only_ones_own_address_is_withdrawn(folder: Path) -> None:
    """Whatever the id of the process: ids are given again."""
    leave(folder, secret="another's")
    service.withdraw(folder / service.FILE, SECRET)
    assert (folder / service.FILE).exists()
    leave(folder, pid=-5)
    service.withdraw(folder / service.FILE, SECRET)
    service.withdraw(folder / service.FILE, SECRET)
    assert not (folder / service.FILE).exists()


def test_a_second_server_leaves_the_address_of_the_first(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(service.FILE))
    folder = tmp_path / "data"
    with Process(FAKE, "--data", str(folder)) as first:
        left = (folder / service.FILE).read_text()
        with Process(FAKE, "--data", str(folder)) as second:
            assert second.address != first.address
            assert second.end() == (0, "")
        assert (folder / service.FILE).read_text() == left
        found = service.find(settings_of(folder))
        assert found is not None
        with found.line:
            assert first.address.endswith(f":{found.port}")
        first.child.kill()
        first.child.wait()
    with Process(FAKE, "--data", str(folder)) as third:  # nobody proves anything there any more
        assert json.loads((folder / service.FILE).read_text())["pid"] == third.child.pid


def test_a_killed_server_leaves_a_file_that_nobody_believes(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(service.FILE))
    with Process(FAKE, "--data", str(tmp_path / "data")) as process:
        process.child.kill()
        process.child.wait()
    assert (tmp_path / "data" / service.FILE).exists()
    finished = fake("search", "red", "--data", tmp_path / "data")
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert "red.png" in finished.stdout


def test_the_end_of_an_answer_does_not_wait_for_its_beginning() -> None:
    """asyncio turns Nagle's algorithm off only for sockets that say that they are TCP's."""
    with serve._listen(Settings(port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP
