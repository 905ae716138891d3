"""How far something is, told where nobody watches a terminal."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from mmembed.cli import bar
from mmembed.cli.bar import Bar


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "LINE_S", 0.05)


def eventually(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_a_log_has_lines_with_rate_and_remaining_time() -> None:
    log = io.StringIO()
    with Bar(stream=log) as shown:
        shown.phase("looking for pictures", 1234)
        eventually(lambda: "mmembed: looking for pictures: 1,234 (0 s)" in log.getvalue())
        shown.update(100, 5000, 0)
        eventually(lambda: "100 of 5,000 images, opening the model" in log.getvalue())
        shown.update(200, 5000, 3)
        shown.update(1100, 5000, 3)
        wanted = r"mmembed: 1,100 of 5,000 images, [\d.]+ a second, \d+ s left, 3 failed \(\d+ s\)"
        eventually(lambda: bool(re.search(wanted, log.getvalue())))
    written = log.getvalue()
    time.sleep(0.15)
    assert log.getvalue() == written  # closed is closed
    assert "\r" not in written


@pytest.mark.slow
def test_opening_the_model_is_no_part_of_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(bar, "time", SimpleNamespace(monotonic=lambda: now))
    lines = bar._Lines("images", io.StringIO())
    monkeypatch.setattr(lines, "_start", lambda: None)
    lines.update(0, 101, 0)
    now = 60.0
    assert lines._line() == f"0 of 101 images, {bar.OPENING} (1 min 0 s)"
    lines.update(1, 101, 0)
    assert lines._line() == "1 of 101 images (1 min 0 s)"
    now = 62.0
    lines.update(21, 101, 0)
    assert lines._line() == "21 of 101 images, 10.0 a second, 8 s left (1 min 2 s)"


def test_what_is_quick_leaves_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "LINE_S", 5.0)
    log = io.StringIO()
    with Bar(stream=log) as shown:
        shown.update(0, 1, 0)
        shown.update(1, 1, 0)
    assert log.getvalue() == ""


@pytest.mark.slow
def test_a_log_that_nobody_reads_ends_nothing() -> None:
    class Closed(io.StringIO):
        tries = 0

        def write(self, text: str) -> int:
            self.tries += 1
            raise BrokenPipeError

    log = Closed()
    with Bar(stream=log) as shown:
        shown.update(0, 9, 0)
        eventually(lambda: log.tries > 0)
        time.sleep(0.2)
        shown.update(9, 9, 0)
    assert log.tries == 1


def test_a_terminal_has_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    log = Terminal()
    with Bar(stream=log) as shown:
        shown.phase("looking for pictures", 7)
        shown.update(0, 2, 0)
        assert bar.OPENING in log.getvalue()
        shown.update(2, 2, 1)
        assert bar.OPENING not in log.getvalue().rpartition("2/2")[2]
        shown.phase("saving the index", 0)
    assert "looking for pictures: 7" in log.getvalue()
    assert "2/2" in log.getvalue()
    assert "\n" not in log.getvalue()  # no two bars at a time


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (95, "1 min 35 s"), (7384, "2 h 3 min"), (90000, "25 h 0 min")],
)
def test_durations(seconds: float, said: str) -> None:
    assert bar._duration(seconds) == said
