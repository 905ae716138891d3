"""The watched folders: where events come from, where it is looked now and then, which are away."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mmembed.errors import InputError
from mmembed.ingest.exclusions import Passing
from mmembed.ingest.scan_result import under
from mmembed.ingest.watch.file_events import FileEvents, NoEvents
from mmembed.ingest.watch.look import Look, differences, look
from mmembed.ingest.watch.mounts import is_silent, mounts
from mmembed.ingest.watch.outcomes import Note
from mmembed.ingest.watch.related_files import matters
from mmembed.ingest.watch.roots import Root, identity_of
from mmembed.ingest.watch.timing import Timing

PART_OF_TIME = 10
"""A look may take one in so many seconds: large folders on slow disks are seen less often."""
LONGEST_PAUSE_S = 60.0
"""After events that ended soon after they began."""


class Folders:
    """Tells the paths at which something may have happened. It asks no store."""

    def __init__(
        self,
        paths: Sequence[str],
        passing: Callable[[], Passing],
        events: FileEvents,
        timing: Timing,
        tell: Callable[[Note], None],
        *,
        poll: bool,
    ) -> None:
        """passing: the present exclusions. poll: without events, of whatever folder."""
        self.roots = [Root(path) for path in paths]
        self._passing = passing
        self._events = events
        self._timing = timing
        self._tell = tell
        self._polls = poll
        self._is_announced = False
        self._reopens = False
        """Whether other folders are to be watched than now."""
        self._reopen_at = -math.inf
        self._pause_s = timing.retry
        self._next_check = 0.0
        self.vanished: list[str] = []
        """The folders that went away since this was last emptied."""

    # -- beginning -------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin: later calls of `step` tell what changed from now on. Raises InputError for a
        folder that is not there."""
        types = {} if self._polls else mounts()
        for root in self.roots:
            is_remote = is_silent(os.path.realpath(root.path), types)
            root.why_not = "no events come from network disks; " if is_remote else ""
            root.has_events = not (self._polls or is_remote)
            root.identity = identity_of(root.path)
            self._see(root, now)
        self._watch(now)

    def announce(self) -> None:
        """Tell how each folder is watched."""
        for root in self.roots:
            self._announce(root)
        self._is_announced = True

    def _announce(self, root: Root) -> None:
        if root.has_events:
            self._tell(Note("watching", root.path))
        else:
            often = f"{root.why_not}it is looked at every {self._timing.poll:g} s"
            self._tell(Note("polling", root.path, often))

    def _see(self, root: Root, now: float) -> Look:
        """Look at a folder; returns the look of before."""
        before, started = root.seen, time.monotonic()
        after = look([root.path], self._passing())
        took = time.monotonic() - started
        pause = self._timing.look if root.has_events else self._timing.poll
        root.next_look = now + max(pause, PART_OF_TIME * took)
        shut = list(after.closed & before.folders)
        kept = {path: state for path, state in before.states.items() if under(path, shut)}
        root.seen = replace(after, states={**kept, **after.states})
        self._reopens |= root.has_events and root.seen.folders != before.folders
        return before

    def _watch(self, now: float) -> None:
        """Have the events of the present folders; without any, look."""
        with_events = [root for root in self.roots if root.has_events]
        self._reopens = False
        try:
            self._events.watch(
                {path for root in with_events if not root.is_away for path in root.seen.folders}
            )
        except NoEvents as error:
            self._events.close()
            for root in with_events:
                root.has_events = False
                root.why_not = f"{error}; "
                root.next_look = min(root.next_look, now + self._timing.poll)
                if self._is_announced:
                    self._announce(root)

    # -- step by step ----------------------------------------------------------------

    def events_ended(self, error: Exception, now: float) -> None:
        """Some events may be lost: look everywhere, and begin anew."""
        soon = now - self._reopen_at < LONGEST_PAUSE_S
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S) if soon else self._timing.retry
        self._reopen_at = now + self._pause_s
        self._reopens = True
        for root in self.roots:
            if root.has_events:
                root.next_look = self._reopen_at
                self._tell(Note("looking", root.path, f"events were lost: {error}"))

    def step(self, changed: Iterable[str], now: float) -> list[str]:
        """The paths to look at more closely. changed: of events. now: of a clock that never
        jumps."""
        noted: list[str] = []
        if now >= self._next_check:
            self._next_check = now + self._timing.roots
            for root in self.roots:
                noted += self._check(root, now)
        noted += self._near(changed)
        self._watch_again(now)
        for root in self.roots:
            if not root.is_away and now >= root.next_look:
                noted += self._look_again(root, now)
        self._watch_again(now)
        return noted

    def _watch_again(self, now: float) -> None:
        if self._reopens and now >= self._reopen_at:
            self._watch(now)

    def enter(self, folders: Iterable[str]) -> list[str]:
        """The files below new folders, whose events are watched from now on; and these folders,
        to be entered once more when they are still: until then some events were missed."""
        noted: list[str] = []
        outer: list[str] = []
        for folder in sorted(folders):
            if not under(folder, outer):
                outer.append(folder)
        for root in self.roots:
            part = [one for one in outer if self._root_of(one) is root and one != root.path]
            if not part:
                continue
            try:
                found = look([root.path], self._passing(), part)
            except InputError:
                continue  # it vanished just now
            newer = found.folders - root.seen.folders
            noted += [*found.states, *newer]
            if newer:
                root.seen = replace(root.seen, folders=root.seen.folders | newer)
                self._reopens |= root.has_events
        return noted

    def _near(self, changed: Iterable[str]) -> list[str]:
        """The files that matter among those of events, and in new folders."""
        noted, entered = [], []
        for path in changed:
            root = self._root_of(path)
            if root is None or os.path.dirname(path) not in root.seen.folders:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                entered.append(path)
            elif path in root.seen.folders:
                left = [one for one in root.seen.folders if not under(one, [path])]
                root.seen = replace(root.seen, folders=frozenset(left))
                noted.append(path)
            elif matters(path):
                noted.append(path)
        return noted + self.enter(entered)

    def _root_of(self, path: str) -> Root | None:
        roots = [root for root in self.roots if not root.is_away and under(path, [root.path])]
        return max(roots, key=lambda root: len(root.path), default=None)

    def _look_again(self, root: Root, now: float) -> list[str]:
        try:
            before = self._see(root, now)
        except InputError:
            return []  # the next check finds it away
        if before.states and not root.seen.states:
            root.seen = before
            self.leave(root, "is empty")
            return []
        return list(differences(before, root.seen))

    # -- away and back ---------------------------------------------------------------

    def leave(self, root: Root, why: str) -> None:
        """Take a folder for away: nothing of it counts as gone, and it is awaited."""
        root.is_away = True
        self._reopens = True
        self.vanished.append(root.path)
        self._tell(Note("away", root.path, why))

    def _check(self, root: Root, now: float) -> list[str]:
        identity = identity_of(root.path)
        if identity is None:
            if not root.is_away:
                self.leave(root, "is not there")
        elif root.is_away or identity != root.identity:
            return self._come_back(root, identity, now)
        return []

    def _come_back(self, root: Root, identity: tuple[int, int], now: float) -> list[str]:
        """A folder is there again, or another one in its place. Its pictures that are not in it
        stay in the collection: perhaps more of them are coming."""
        try:
            before = self._see(root, now)
        except InputError:
            return []
        root.identity = identity
        after = root.seen
        if before.states and not after.states:
            root.seen = before
            if not root.is_away:
                self.leave(root, "is empty")
            return []
        root.is_away, self._reopens = False, True
        lacking = len(before.states.keys() - after.states.keys())
        said = f"{lacking:,} of its files are not in it; their pictures stay" if lacking else ""
        self._tell(Note("back", root.path, said))
        return [path for path in differences(before, after) if path in after.states]
