"""Watches folders: what happened → the files to index, to settle, and to tell of."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol

from mmembed.errors import InputError, StoreError
from mmembed.ingest.exclusions import Passing
from mmembed.ingest.scan_result import under
from mmembed.ingest.watch.file_events import FileEvents, NoEvents
from mmembed.ingest.watch.folders import Folders
from mmembed.ingest.watch.look import is_empty
from mmembed.ingest.watch.outcomes import Note, Outcome
from mmembed.ingest.watch.related_files import is_text, with_related
from mmembed.ingest.watch.states import State, state_of
from mmembed.ingest.watch.timing import Timing
from mmembed.ingest.watch.waiting import Waiting

BATCH = 1000
"""Files that are indexed at once: then other processes have a turn, and lines are printed."""
TICK_S = 0.5
LONGEST_RETRY = 10


class Work(Protocol):
    """The work of a collection on changed files. Any method raises StoreError."""

    def passing(self) -> Passing:
        """The present exclusions."""

    def count(self, root: str) -> int:
        """The number of pictures below a folder."""

    def index(self, roots: Sequence[str], files: set[str], missing: Sequence[str]) -> Outcome:
        """Index files and folders below the roots. missing: paths that were there before, and may
        have moved. Raises InputError where a root is not there."""

    def settle(self, roots: Sequence[str], gone: Sequence[str]) -> Outcome:
        """Have the images at and below paths that are gone leave, stay, or take the place of a
        newer copy."""


class Watch:
    """Watches some folders. One thread runs it."""

    def __init__(
        self,
        paths: Sequence[str],
        work: Work,
        tell: Callable[[Note], None],
        timing: Timing,
        *,
        poll: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """paths: absolute. poll: never use events."""
        self._work = work
        self._tell = tell
        self._timing = timing
        self._clock = clock
        self._events = FileEvents()
        self._folders = Folders(
            paths, work.passing, self._events, timing, self._tell_of_folder, poll=poll
        )
        self._waiting = Waiting(timing, state_of)
        self._ready: dict[str, State] = {}
        """Files that lie still, and texts that are gone."""
        self._gone: list[str] = []
        self._failed: dict[str, State] = {}
        """Files that could not be indexed, as they were then."""
        self._told_gone: set[str] = set()
        self._retry_at, self._retries, self._last_error = 0.0, 0, ""

    def start(self) -> None:
        """Begin to watch: what happens from now on is met by `run`. Raises InputError for a folder
        that is not there."""
        self._folders.start(self._clock())

    def run(self, ending: threading.Event) -> None:
        """Watch until `ending` is set. Raises KeyboardInterrupt, ModelError."""
        self._folders.announce()
        while not ending.is_set():
            changed: set[str] = set()
            try:
                changed = self._events.wait(TICK_S)
            except NoEvents as error:
                self._folders.events_ended(error, self._clock())
            self.step(changed)

    def close(self) -> None:
        """Watch nothing any more."""
        self._events.close()

    def step(self, changed: Iterable[str]) -> None:
        """Heed the paths of events, and do what is due."""
        now = self._clock()
        for path in self._folders.step(changed, now):
            self._waiting.note(path, now)
        self._forget_vanished()
        present, gone = self._waiting.due(now)
        folders = [path for path in present if os.path.isdir(path)]
        for path in self._folders.enter(folders):
            self._waiting.note(path, now)
        self._ready |= {
            path: state
            for path, state in present.items()
            if path not in folders and self._failed.get(path) != state
        }
        self._ready |= {path: None for path in gone if is_text(path)}
        self._gone += [path for path in gone if not is_text(path)]
        if now >= self._retry_at:
            self._do(now)

    # -- what is due -----------------------------------------------------------------

    def _do(self, now: float) -> None:
        try:
            while self._ready:
                self._index(dict(islice(self._ready.items(), BATCH)))
            if self._gone:
                self._settle()
            self._retries, self._last_error = 0, ""
        except InputError as error:  # such as a folder that vanished just now
            self._retry_later(error, now)
        except StoreError as error:  # another process indexes, the disk is full, and others
            self._retry_later(error, now)

    def _index(self, files: dict[str, State]) -> None:
        missing = [*self._waiting.gone(), *self._gone]
        outcome = self._work.index(self._roots(), with_related(files), missing)
        for path, state in files.items():
            del self._ready[path]
            self._failed.pop(path, None)
            if path in outcome.failed:
                self._failed[path] = state
            if path in self._told_gone:
                self._told_gone.remove(path)
                self._tell(Note("back", path))
        self._tell_of(outcome)

    def _settle(self) -> None:
        for root in self._folders.roots:
            if not root.is_away and any(under(path, [root.path]) for path in self._gone):
                self._check_emptiness(root.path)
        outcome = self._work.settle(self._roots(), self._gone) if self._gone else Outcome()
        self._gone = []
        self._tell_of(outcome)

    def _check_emptiness(self, path: str) -> None:
        """A folder that lost all of its pictures at once is perhaps a disk that is no longer
        mounted."""
        if is_empty(path, self._work.passing()):
            for root in self._folders.roots:
                if root.path == path:
                    self._folders.leave(root, "is empty")
            self._forget_vanished()

    def _tell_of_folder(self, note: Note) -> None:
        if note.what == "away":
            count = self._work.count(note.path)
            note = replace(note, said=f"{note.said}; its pictures stay: {count:,}")
        self._tell(note)

    def _tell_of(self, outcome: Outcome) -> None:
        for note in self._news(outcome.notes):
            self._tell(note)
        if outcome.interrupted:
            raise KeyboardInterrupt

    def _news(self, notes: Iterable[Note]) -> Iterator[Note]:
        """Without the missing files that were told of before."""
        for note in notes:
            if note.what != "gone":
                yield note
            elif note.path not in self._told_gone:
                self._told_gone.add(note.path)
                yield note

    def _retry_later(self, error: Exception, now: float) -> None:
        self._retries = min(self._retries + 1, LONGEST_RETRY)
        pause = self._timing.retry * self._retries
        self._retry_at = now + pause
        if str(error) != self._last_error:
            self._last_error = str(error)
            self._tell(Note("waiting", "", f"{error}; it is tried again"))

    # -- folders that vanish ---------------------------------------------------------

    def _roots(self) -> list[str]:
        return [root.path for root in self._folders.roots if not root.is_away]

    def _forget_vanished(self) -> None:
        """Nothing below them counts as changed or gone."""
        vanished, self._folders.vanished = self._folders.vanished, []
        if not vanished:
            return
        self._waiting.forget_below(vanished)
        self._gone = [path for path in self._gone if not under(path, vanished)]
        self._ready = {
            path: state for path, state in self._ready.items() if not under(path, vanished)
        }
