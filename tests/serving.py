"""Servers for tests: the app over a fake encoder, and real processes."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
from PIL import Image
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.models.encoder import Encoder
from mmembed.server.app import create_app
from mmembed.server.listener.listener import server_of
from tests.fake_encoder import COLOURS, FakeEncoder

ADDRESS = "http://127.0.0.1:8000"
ROOT = Path(__file__).parent.parent
PYTHONPATH = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "network_audit")])
"""Of processes: this checkout, and what counts their look-ups."""
FAKE = (sys.executable, "-m", "tests.fake_mmembed")
"""The command line over the fake encoder."""
CACHE = tempfile.TemporaryDirectory(prefix="mmembed-tests-")
"""What the processes of one test run measure and compile."""
QUICK = {"MMEMBED_BANK": "off", "MMEMBED_ENGINE": "openvino-float32"}
"""Of processes: the bank takes seconds, and the trial of all engines a quarter of a minute."""
PROGRESS = re.compile(r"mmembed: .* \((\d+ (h|min|s) ?)+\)$")
HARDENED = ("content-security-policy", "x-content-type-options", "referrer-policy")
"""Headers that every answer has, errors too."""
PATIENCE_S = 60
"""How long a test waits for what must happen; only a broken program makes it wait so long."""


def picture(colour: str = "red", size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bytes:
    """An image file of one named colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, COLOURS[colour]).save(buffer, kind)
    return buffer.getvalue()


def data_uri(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def write_pictures(folder: Path, colours: Sequence[str]) -> Path:
    """`red.png`, `blue.png` … in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for colour in colours:
        (folder / f"{colour}.png").write_bytes(picture(colour))
    return folder


def open_collection(folder: Path, encoder: Encoder | None = None, **settings: Any) -> Collection:
    """Over a fake encoder of the model's name, unless one is given."""
    settings = {"model": "fake", "bank": "off", "cache": folder / "cache", **settings}
    return Collection(
        Settings.from_env({}, data=folder, **settings),
        load=lambda name: encoder or FakeEncoder(name),
    )


@contextmanager
def serving(
    folder: Path, encoder: Encoder | None = None, **settings: Any
) -> Iterator[tuple[TestClient, Collection]]:
    """The app over a collection in a folder; settings as in Settings."""
    collection = open_collection(folder, encoder, **settings)
    with TestClient(create_app(collection), base_url=ADDRESS) as client:
        yield client, collection


def add(client: TestClient, colour: str, **fields: Any) -> dict[str, Any]:
    """Add a picture of one colour; the item."""
    answer = client.post("/v1/items", json={"image": data_uri(picture(colour)), **fields})
    assert answer.status_code == 201, answer.text
    item: dict[str, Any] = answer.json()
    return item


def error_of(answer: httpx.Response, status: int) -> str:
    """The message of an error answer, of which everything else is checked."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    body = answer.json()
    assert set(body) == {"error", "detail"}
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == status
    assert body["detail"] == error["message"]
    assert " at 0x" not in answer.text
    assert "Traceback" not in answer.text
    message: str = error["message"]
    return message


class Gate(FakeEncoder):
    """An encoder that stands still while it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.open.set()
        self.reached = threading.Event()

    def embed_texts(self, texts: Sequence[str]) -> Any:
        self.reached.set()
        assert self.open.wait(PATIENCE_S)
        return super().embed_texts(texts)

    def close(self) -> None:
        self.reached.clear()
        self.open.clear()


@contextmanager
def listening(collection: Collection) -> Iterator[str]:
    """A real server of a collection, on a thread: its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    server = server_of(create_app(collection), loop="asyncio")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    eventually(lambda: server.started or not thread.is_alive())
    port = listener.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        listener.close()


def environment(**more: str) -> dict[str, str]:
    """Of a child process: offline, and without the settings of whoever runs the tests."""
    ours = ("MMEMBED_", "PYTHON", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    fixed = {"PYTHONPATH": PYTHONPATH, "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    ours_too = {"MMEMBED_CACHE": CACHE.name, **QUICK}
    return {**kept, **fixed, **ours_too, **more}


def complaints(stderr: str) -> str:
    """Standard error without the lines of progress, which only a slow machine gets to see."""
    lines = stderr.splitlines(keepends=True)
    return "".join(line for line in lines if not PROGRESS.match(line))


class Process:
    """A real `mmembed serve` on a free port."""

    def __init__(
        self,
        command: Sequence[str],
        *arguments: str,
        before: Callable[[], None] | None = None,
        **variables: str,
    ) -> None:
        """before: done in the child process before the command."""
        self.child = subprocess.Popen(
            [*command, "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**variables),
            preexec_fn=before,
        )
        self.greeting = self._greeting()
        found = re.search(r"http://[\d.]+:(\d+)", self.greeting)
        if found is None:
            self.child.kill()
            raise AssertionError(f"{self.greeting}\n{self.child.communicate()[1]}")
        self.address = found[0]

    def _greeting(self) -> str:
        assert self.child.stdout is not None
        lines = []
        for line in self.child.stdout:
            lines.append(line)
            if line.startswith("add more"):
                break
        return "".join(lines)

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and what was written to standard error."""
        self.child.send_signal(how)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        _, errors = self.child.communicate(timeout=PATIENCE_S)
        return self.child.returncode, errors

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.communicate()


def eventually(condition: Any) -> None:
    """Wait for something that another thread or process brings about."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def connect(address: str, *, room: int | None = None) -> socket.socket:
    """A raw connection. room: bytes that the system takes in before the caller reads them."""
    at = urlsplit(address)
    raw = socket.socket()
    if room:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    raw.settimeout(PATIENCE_S)
    raw.connect((at.hostname or "", at.port or 0))
    return raw
