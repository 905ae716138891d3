"""The third stage: writes groups into the catalog, whole if possible, else file by file."""

from __future__ import annotations

from dataclasses import dataclass

from mmembed.ingest.embed import EmbeddedFiles
from mmembed.ingest.embed_batches import each_where_needed
from mmembed.item_failures import ends_all
from mmembed.store.entries import Mark
from mmembed.store.protocol import Store
from mmembed.types import Failure

MARKS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Committing:
    """Writes the results of the earlier stages. Raises StoreError if the disk refuses."""

    store: Store

    def write(self, group: EmbeddedFiles) -> None:
        """Write a group. An entry that no row can hold moves to the group's failures, and costs
        no other."""
        try:
            self.store.write(group.entries, group.failures)
            return
        except BaseException as error:
            if ends_all(error):
                raise
        group.entries, refused = each_where_needed(
            self.store.write, group.entries, lambda entry: entry.path
        )
        group.failures += refused
        each_where_needed(
            lambda some: self.store.write([], some), group.failures, lambda entry: entry.name
        )

    def move(self, moves: list[tuple[int, str, int, Mark]]) -> list[Failure]:
        """Write new paths, times and marks of files; returns the failures."""
        return each_where_needed(self.store.move, moves, lambda move: move[1])[1]

    def mark(self, marks: list[tuple[int, Mark]]) -> None:
        """Write new marks of unchanged files; a lost mark costs reading the file once more."""
        for start in range(0, len(marks), MARKS_AT_ONCE):
            self.store.mark_files(marks[start : start + MARKS_AT_ONCE])
