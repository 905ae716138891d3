"""`mmembed index --watch` in a process of its own, with events of a real system."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mmembed.cli.watch import line, watch
from mmembed.ingest.watch import Note
from tests.cli.processes import fake
from tests.serving import FAKE, PATIENCE_S, environment, write_pictures

Start = Callable[..., "Watcher"]


class Watcher:
    """A process that watches, and its lines."""

    def __init__(self, log: Path, *arguments: str | Path) -> None:
        self._log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [*FAKE, "index", "--watch", "--model", "fake", *arguments],
                stdout=file, stderr=subprocess.STDOUT, env=environment(),
            )  # fmt: skip

    def lines(self) -> list[str]:
        """Without the times."""
        return [one.partition(" ")[2] for one in self._log.read_text().splitlines()]

    def await_line(self, *parts: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not any(all(part in one for part in parts) for one in self.lines()):
            is_alive = self.process.poll() is None
            assert is_alive, self.lines()
            assert time.monotonic() < deadline, self.lines()
            time.sleep(0.05)

    def end(self, how: int) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Watcher] = []

    def begin(*arguments: str | Path) -> Watcher:
        log = tmp_path / f"log{len(started)}"
        started.append(Watcher(log, "--data", tmp_path / "data", *arguments))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--poll", "1")])
def test_changes_are_said_until_it_is_interrupted(
    start: Start, tmp_path: Path, options: tuple[str, ...]
) -> None:
    if not options:
        pytest.importorskip("watchfiles")
    photos = write_pictures(tmp_path / "photos", ["red"])
    watcher = start(*options, photos)
    watcher.await_line("polling" if options else "ing", str(photos))
    write_pictures(photos / "new", ["blue"])
    watcher.await_line("added", "blue.png")
    found = fake("search", "blue", "--model", "fake", "--data", tmp_path / "data")
    assert "blue.png" in found.stdout
    (photos / "new").rename(photos / "old")
    watcher.await_line("moved", str(photos / "old" / "blue.png"), "from")
    assert fake("index", photos, "--model", "fake", "--data", tmp_path / "data").returncode == 0
    assert watcher.end(signal.SIGTERM) == 130
    assert watcher.lines()[-1].endswith("run the same command again to go on")


@pytest.mark.slow
def test_it_goes_on_after_kill_9(start: Start, tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", ["red"])
    watcher = start("--poll", "1", photos)
    watcher.await_line("ing", str(photos))
    for number in range(50):
        (photos / f"{number}.png").write_bytes((photos / "red.png").read_bytes() + bytes([number]))
    watcher.await_line("added")
    watcher.end(signal.SIGKILL)
    again = start("--poll", "1", photos)
    again.await_line("ing", str(photos))
    (photos / "red.png").rename(photos / "blue.png")
    again.await_line("moved", "blue.png")
    assert again.end(signal.SIGINT) == 130
    done = fake("index", photos, "--model", "fake", "--data", tmp_path / "data")
    assert re.search("^ +51 unchanged$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (Note("added", "/a.jpg"), "added /a.jpg"),
        (Note("moved", "/b.jpg", "from /a.jpg"), "moved /b.jpg from /a.jpg"),
        (Note("gone", "/a.jpg"), "gone /a.jpg: its picture stays; --remove-missing takes it out"),
        (Note("captions", "", "of 2 pictures"), "captions: of 2 pictures"),
        (Note("failed", "/a.jpg", "/a.jpg: no\nimage"), "failed: /a.jpg: no\\nimage"),
    ],
)
def test_a_change_is_one_line(note: Note, said: str) -> None:
    assert line(note) == said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--poll", "5"), "name both"),
        (("--watch", "--poll", "0"), "at least"),
        (("--watch", "--plan-only"), "this process does the work"),
    ],
)
@pytest.mark.slow
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = fake("index", *options, tmp_path, "--model", "fake", "--data", tmp_path / "data")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


class Deaf:
    """A collection whose library drops the interrupt."""

    ended = False

    def watch(self, *_: object, ending: threading.Event, **__: object) -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        self.ended = ending.wait(PATIENCE_S)


def test_an_interrupt_that_is_dropped_ends_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    collection: Any = Deaf()
    options = argparse.Namespace(captions=[], remove_missing=False, poll=None)
    before = [(one, signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM)]
    try:
        assert watch(collection, [], options, lambda: None) == 130
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    assert collection.ended
    assert "run the same command again" in capsys.readouterr().err
