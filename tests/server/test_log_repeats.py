"""What repeats for every request or connection does not fill the disk."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from mmembed.server import logs
from mmembed.server.middleware.request_log import ACCESS_LOGGER


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.Repeats())
    handler.setFormatter(logs.AsText())
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def lines(written: io.StringIO) -> list[str]:
    return written.getvalue().splitlines()


def test_a_message_is_written_a_few_times(written: io.StringIO) -> None:
    log = logging.getLogger("mmembed.somewhere")
    for number in range(1000):
        log.warning("number %d failed", number)
    log.warning("something else failed")
    assert len(lines(written)) == logs.BURST[""] + 1


def test_a_message_of_asyncio_is_written_once(written: io.StringIO) -> None:
    """It comes with addresses and numbers filled in, and a traceback."""
    log = logging.getLogger("asyncio")
    for number in range(1000):
        error = OSError(24, "Too many open files")
        log.error(f"socket.accept() out of system resource\nsocket: <fd={number}>", exc_info=error)
        log.error(f"Exception in callback <Handle at 0x{number:x}> of task {number}")
    assert sum("ERROR asyncio" in line for line in lines(written)) == 2


def test_other_errors_are_other_messages(written: io.StringIO) -> None:
    log = logging.getLogger("uvicorn.error")
    for error in (ValueError("a"), KeyError("b"), ValueError("c")):
        log.error("Exception in ASGI application\n", exc_info=error)
    text = written.getvalue()
    assert "ValueError: a" in text
    assert "KeyError: 'b'" in text
    assert "ValueError: c" not in text


def test_after_a_minute_it_says_how_many_there_were(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logging.getLogger("uvicorn.error")
    for _ in range(100):
        log.warning("Invalid HTTP request received.")
    monkeypatch.setattr(logs, "WINDOW_S", 0.0)
    log.warning("Invalid HTTP request received.")
    assert lines(written)[1:] == [
        "WARNING uvicorn.error: Invalid HTTP request received. (and 99 more like it before)"
    ]


def test_what_is_remembered_is_bounded(written: io.StringIO) -> None:
    log = logging.getLogger("mmembed.somewhere")
    kept = logs.Repeats()
    for number in range(2 * logs.MOST_KINDS):
        kept.filter(log.makeRecord(log.name, 30, "", 0, "x" + "ab"[number % 2] * number, (), None))
    assert len(kept._seen) <= logs.MOST_KINDS


def test_the_access_log_has_every_request(written: io.StringIO) -> None:
    log = logging.getLogger(ACCESS_LOGGER)
    log.setLevel(logging.INFO)
    for _ in range(50):
        log.info("%(path)s", {"path": "/"}, extra={"facts": {}})
    log.setLevel(logging.NOTSET)
    assert len(lines(written)) == 50
