"""Shows progress: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TextIO

from mmembed.types import Phase, Progress

if TYPE_CHECKING:
    from tqdm import tqdm

LINE_S = 10.0
"""Seconds between two lines, in the first minutes."""
LATER_LINE_S = 60.0
"""Seconds between two lines of long work: a log should stay readable."""
FIRST_MINUTES_S = 300.0
OPENING = "opening the model; the first time, its engines are measured, which takes minutes"
"""Shown until the first picture is done: the model is opened beside reading and decoding."""


class Bar:
    """Shows progress on standard error. A terminal gets a bar with rate and remaining time. A log
    gets lines, which begin after some seconds of work."""

    def __init__(
        self, unit: str = "images", stream: TextIO | None = None, *, opening: str = OPENING
    ) -> None:
        """opening: shown until the first is done; empty where no model is opened."""
        self._unit = unit
        self._opening = opening
        self._stream = sys.stderr if stream is None else stream
        self._bar: tqdm[None] | None = None
        self._lines: _Lines | None = None
        if not self._stream.isatty():
            self._lines = _Lines(unit, self._stream, opening)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def update(self) -> Progress:
        """Callback of the indexing."""
        return self._update

    @property
    def phase(self) -> Phase:
        """Callback of the indexing before and after the pictures."""
        return self._phase

    def _update(self, done: int, total: int, failed: int) -> None:
        if self._lines is not None:
            self._lines.update(done, total, failed)
            return
        if self._bar is None or self._bar.total is None:
            self._bar = self._begun(
                total=total, initial=done, unit=f" {self._unit}",
                postfix=self._opening if self._opening and done < total else None,
            )  # fmt: skip
        if done > self._bar.n:
            self._bar.set_postfix_str("", refresh=False)
        self._bar.update(done - self._bar.n)
        if failed:
            self._bar.set_postfix_str(f"{failed} failed")

    def _phase(self, what: str, count: int) -> None:
        if self._lines is not None:
            self._lines.phase(what, count)
            return
        if self._bar is None or self._bar.total is not None:
            self._bar = self._begun(total=None, bar_format="{desc}")
        self._bar.set_description_str(_counted(what, count))

    def _begun(self, **form: Any) -> tqdm[None]:
        """The next bar, in place of the one before: two at a time would take two lines."""
        from tqdm import tqdm  # no command needs it before it works

        self._hide()
        return tqdm(leave=False, file=self._stream, **form)

    def _hide(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def close(self) -> None:
        """Take the bar off the screen."""
        self._hide()
        if self._lines is not None:
            self._lines.close()


class _Lines:
    """Writes the progress every few seconds, from a thread, because long work may not report."""

    def __init__(self, unit: str, stream: TextIO, opening: str = OPENING) -> None:
        self._unit = unit
        self._opening = opening
        self._stream = stream
        self._started = time.monotonic()
        self._state: tuple[int, int, int] | None = None
        self._first: tuple[float, int] | None = None
        """When the first were done, and how many: before that the model was opened."""
        self._before = 0
        """How many were done when the work began."""
        self._what = ""
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def update(self, done: int, total: int, failed: int) -> None:
        if self._state is None:
            self._before = done
        elif self._first is None and done > self._before:
            self._first = (time.monotonic(), done)
        self._state, self._what = (done, total, failed), ""
        self._start()

    def phase(self, what: str, count: int) -> None:
        self._what = _counted(what, count)
        self._start()

    def close(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=1)
            self._thread = None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="progress")
            self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._pause()):
            try:
                print(f"mmembed: {self._line()}", file=self._stream, flush=True)
            except (OSError, ValueError):  # the output has no reader any more
                return

    def _pause(self) -> float:
        return LINE_S if time.monotonic() - self._started < FIRST_MINUTES_S else LATER_LINE_S

    def _line(self) -> str:
        elapsed = _duration(time.monotonic() - self._started)
        if self._what or self._state is None:
            return f"{self._what} ({elapsed})"
        done, total, failed = self._state
        parts = [f"{done:,} of {total:,} {self._unit}"]
        if self._first is not None and done > self._first[1]:
            since, before = self._first
            rate = (done - before) / max(time.monotonic() - since, 1e-3)
            parts += [f"{rate:.1f} a second", f"{_duration((total - done) / rate)} left"]
        elif self._opening and self._first is None and done < total:
            parts.append(self._opening)
        if failed:
            parts.append(f"{failed:,} failed")
        return f"{', '.join(parts)} ({elapsed})"


def _counted(what: str, count: int) -> str:
    return f"{what}: {count:,}" if count else what


def _duration(seconds: float) -> str:
    """`95` → `1 min 35 s`."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
