"""A collection that watches folders, in steps and times of the test's own."""

from __future__ import annotations

from pathlib import Path

from mmembed.collection.collection import Collection
from mmembed.collection.watch_work import WatchWork
from mmembed.ingest.watch import Note, Timing, Watch
from mmembed.places import absolute

TIMING = Timing(still=2, gone=10, poll=1, roots=1)


class Watched:
    """A collection that watches folders, by looks alone."""

    def __init__(self, collection: Collection, *roots: Path, remove_missing: bool = False) -> None:
        self.now = 0.0
        self.notes: list[Note] = []
        paths = [absolute(root) for root in roots]
        work = WatchWork(collection.store, collection._indexing, paths, (), remove_missing)
        self.watch = Watch(
            paths, work, self.notes.append, TIMING, poll=True, clock=lambda: self.now
        )
        self.watch.start()

    def after(self, seconds: int = 8) -> list[tuple[str, str]]:
        """What was told within so many seconds: each time with the name of the file."""
        for _ in range(seconds):
            self.now += 1
            self.watch.step([])
        told: list[tuple[str, str]] = [(note.what, Path(note.path).name) for note in self.notes]
        self.notes.clear()
        return told
