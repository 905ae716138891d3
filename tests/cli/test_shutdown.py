"""`mmembed serve` ends when it is told to, whatever still runs."""

from __future__ import annotations

import signal
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest

from mmembed.store.sqlite import Catalog
from tests.serving import (
    FAKE,
    PATIENCE_S,
    Process,
    data_uri,
    environment,
    eventually,
    picture,
)

pytestmark = pytest.mark.slow

GRACE_S = "1"
LAST_S = "40"


def search(address: str, words: str) -> httpx.Response:
    return httpx.get(f"{address}/v1/search", params={"q": words}, timeout=PATIENCE_S)


def waiting(address: str) -> float:
    lines = httpx.get(f"{address}/metrics", timeout=PATIENCE_S).text.splitlines()
    [line] = [line for line in lines if line.startswith("mmembed_requests_in_progress ")]
    return float(line.split()[1])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_model_that_hangs_keeps_no_server_from_ending(
    tmp_path: Path, how: signal.Signals
) -> None:
    with (
        ThreadPoolExecutor(4) as pool,
        Process(
            FAKE, "--data", str(tmp_path), "--model", "fake", GRACE_S=GRACE_S, LAST_S=LAST_S
        ) as server,
    ):
        body = {"image": data_uri(picture("red")), "caption": "a red picture"}
        added = httpx.post(f"{server.address}/v1/items", json=body, timeout=PATIENCE_S)
        assert added.status_code == 201
        asked: list[Future[httpx.Response]] = [
            pool.submit(search, server.address, f"hang {number}") for number in range(3)
        ]
        eventually(lambda: waiting(server.address) >= 4)  # with the one that asks
        started = time.monotonic()
        code, errors = server.end(how)
        assert time.monotonic() - started < float(LAST_S)
        assert code == 0, errors
        assert "the model did not finish within" in errors
        for one in asked:  # each gets an answer, or at least the end of its connection
            error = one.exception(PATIENCE_S)
            assert error is not None or one.result().status_code in (429, 500, 503)
    catalog = Catalog(tmp_path)
    assert (catalog.count("image"), catalog.count("caption")) == (1, 1)
    catalog.close()


def test_slow_filters_keep_no_server_from_ending(tmp_path: Path) -> None:
    with (
        ThreadPoolExecutor(12) as pool,
        Process(
            *(FAKE, "--data", str(tmp_path), "--model", "fake"),
            GRACE_S=GRACE_S,
            LAST_S=LAST_S,
            ENDLESS_FILTERS="1",
        ) as server,
    ):
        body = {"image": data_uri(picture("red")), "tags": ["x"]}
        added = httpx.post(f"{server.address}/v1/items", json=body, timeout=PATIENCE_S)
        assert added.status_code == 201
        slow = f"{server.address}/v1/items?where=tag:x"
        asked = [pool.submit(httpx.get, slow, timeout=PATIENCE_S) for _ in range(12)]
        eventually(lambda: waiting(server.address) > len(asked))
        started = time.monotonic()
        code, errors = server.end()
        assert time.monotonic() - started < float(LAST_S)
        assert code == 0, errors
        assert "Traceback" not in errors
        for one in asked:
            error = one.exception(PATIENCE_S)
            assert error is not None or one.result().status_code == 503


def test_a_model_that_is_never_loaded_keeps_no_server_from_ending(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [*FAKE, "serve", "--port", "0", "--data", tmp_path, "--model", "hanging"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(GRACE_S=GRACE_S, LAST_S="1"),
    )
    try:
        eventually(lambda: port_of(child.pid) != 0)
        port = port_of(child.pid)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(search, f"http://127.0.0.1:{port}", "waits for the model")
            eventually(lambda: waiting(f"http://127.0.0.1:{port}") >= 2)
            child.send_signal(signal.SIGTERM)
            _, errors = child.communicate(timeout=PATIENCE_S / 2)
            assert asked.exception(PATIENCE_S) or asked.result().status_code >= 500
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 1
    assert "something still ran 2 s after the signal to end; ending without it" in errors


def port_of(pid: int) -> int:
    """What a process listens on at 127.0.0.1; 0 for nothing yet."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("the port of a server that does not greet is looked up in /proc")
    sockets = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(file.readlink()))
        except OSError:
            continue
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
            return int(fields[1].partition(":")[2], 16)
    return 0
