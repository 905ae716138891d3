"""Paths at which something happened, until their files lie still."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mmembed.ingest.scan_result import under
from mmembed.ingest.watch.states import State
from mmembed.ingest.watch.timing import Timing


@dataclass
class _Wait:
    state: State
    since: float
    """When the state was first seen."""


class Waiting:
    """Collects paths; any number of changes of a file is one. Times are those of a clock that
    never jumps."""

    def __init__(self, timing: Timing, state_of: Callable[[str], State]) -> None:
        self._timing = timing
        self._state_of = state_of
        self._waits: dict[str, _Wait] = {}

    def __len__(self) -> int:
        return len(self._waits)

    def note(self, path: str, now: float) -> None:
        """Something happened at a path."""
        if path not in self._waits:
            self._waits[path] = _Wait(self._state_of(path), now)

    def due(self, now: float) -> tuple[dict[str, State], list[str]]:
        """Take out the files that have been still for long enough, with their states, and those
        that have been gone for long enough. A file that is still being written waits on."""
        present: dict[str, State] = {}
        gone: list[str] = []
        for path, wait in list(self._waits.items()):
            limit = self._timing.gone if wait.state is None else self._timing.still
            if now - wait.since < limit:
                continue
            state = self._state_of(path)
            if state != wait.state:
                wait.state, wait.since = state, now
                continue
            del self._waits[path]
            if state is None:
                gone.append(path)
            else:
                present[path] = state
        return present, gone

    def gone(self) -> list[str]:
        """The paths of files that are gone, even for a moment."""
        return [path for path, wait in self._waits.items() if wait.state is None]

    def forget_below(self, folders: Iterable[str]) -> None:
        """Drop everything at and below some folders."""
        below = list(folders)
        for path in [path for path in self._waits if under(path, below)]:
            del self._waits[path]
