"""Moves the spare pictures of groups into a folder, and back; the catalog follows each file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mmembed.errors import InputError
from mmembed.explore.duplicates.entries import DescribedDuplicates
from mmembed.explore.duplicates.move_files import (
    end_interrupted_move,
    make_folders,
    move_file,
    place_for,
)
from mmembed.explore.duplicates.move_log import (
    PREFIX,
    SUFFIX,
    Move,
    MoveLog,
    folders_of_moves,
    new_log,
    note_folder,
    read_log,
)
from mmembed.item_failures import failure_of
from mmembed.places import is_file
from mmembed.sources.entries import stat_of
from mmembed.store.protocol import Store
from mmembed.types import Failure, Item, Progress


@dataclass
class MovedDuplicates:
    """The pictures that were moved, or would be."""

    log: Path | None = None
    """None where nothing was to be moved."""
    pictures: int = 0
    bytes: int = 0
    uploads: int = 0
    """Spare pictures that stay: their only file is in the data folder."""
    failures: list[Failure] = field(default_factory=list)
    interrupted: bool = False


@dataclass(frozen=True)
class MovingDuplicates:
    """Moves pictures of one collection. Nothing else brings files in or takes them out meanwhile:
    raises StoreBusy beside an indexing."""

    store: Store

    def move(
        self,
        groups: Sequence[DescribedDuplicates],
        folder: Path,
        progress: Progress,
        *,
        dry_run: bool,
    ) -> MovedDuplicates:
        """Move all but the kept picture of each group into a folder. dry_run: only count them.
        Raises InputError for a folder that cannot be made."""
        folder = Path(os.path.abspath(folder))
        moved = MovedDuplicates()
        wanted = list(self._wanted(groups, folder, moved))
        if dry_run or not wanted:
            moved.pictures = len(wanted)
            moved.bytes = sum(item.bytes or 0 for item, _ in wanted)
            return moved
        with self.store.exclusive("indexing"):
            try:
                make_folders(folder)
                note_folder(self.store, folder)
                with new_log(folder) as log:
                    moved.log = log.path
                    self._move_each(wanted, folder, log, moved, progress)
            except OSError as error:
                raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
        return moved

    def _wanted(
        self, groups: Sequence[DescribedDuplicates], folder: Path, moved: MovedDuplicates
    ) -> Iterator[tuple[Item, Item]]:
        """The pictures to move, each with the kept one; each once."""
        met: set[int] = set()
        for group in groups:
            for spare in group.others:
                item = spare.item
                if item.id in met or item.path is None:
                    continue
                met.add(item.id)
                if self.store.blobs.is_upload(item.path, item.sha256):
                    moved.uploads += 1
                elif not item.path.startswith(f"{folder}{os.sep}"):
                    yield item, group.kept

    def _move_each(
        self,
        wanted: Sequence[tuple[Item, Item]],
        folder: Path,
        log: MoveLog,
        moved: MovedDuplicates,
        progress: Progress,
    ) -> None:
        try:
            for number, (item, kept) in enumerate(wanted, 1):
                try:
                    self._move(item, kept, folder, log)
                    moved.pictures += 1
                    moved.bytes += item.bytes or 0
                except (InputError, OSError) as error:
                    moved.failures.append(_failure(item.path or "", error))
                progress(number, len(wanted), len(moved.failures))
        except KeyboardInterrupt:
            moved.interrupted = True

    def _move(self, item: Item, kept: Item, folder: Path, log: MoveLog) -> None:
        assert item.path is not None
        if not is_file(item.path):
            raise InputError(f"{item.path}: stays, for it is no file of this machine")
        if not os.path.isfile(self.store.blobs.local_path(kept.path or "", kept.sha256)):
            raise InputError(
                f"{item.path}: stays, for the picture to keep, {kept.path}, is no file"
            )
        move = Move(item.id, item.path, place_for(item.path, folder), item.sha256, kept.path or "")
        log.note(move)
        move_file(move.source, move.target, move.sha256)
        self._follow(move.item, move.target)

    def _follow(self, item_id: int, path: str) -> None:
        """Have the catalog say where the file of an item is now."""
        stat = stat_of(os.stat(path))
        self.store.move([(item_id, path, stat.mtime_ns, stat.mark)])

    # -- and back --------------------------------------------------------------------

    def undo(self, log: Path, progress: Progress) -> MovedDuplicates:
        """Move the pictures of a log back; a second time it finds nothing to do. Raises
        InputError."""
        log = Path(os.path.abspath(log))
        moves = read_log(log)
        moved = MovedDuplicates(log)
        with self.store.exclusive("indexing"):
            try:
                for number, move in enumerate(reversed(moves), 1):
                    try:
                        moved.pictures += self._move_back(move, log.parent)
                    except (InputError, OSError) as error:
                        moved.failures.append(_failure(move.target, error))
                    progress(number, len(moves), len(moved.failures))
            except KeyboardInterrupt:
                moved.interrupted = True
        return moved

    def _move_back(self, move: Move, folder: Path) -> bool:
        """Whether the file was moved back to where it was. Raises InputError, OSError."""
        there = os.path.lexists(move.target)
        if there and os.path.lexists(move.source):
            end_interrupted_move(move.source, move.target, move.sha256)
        elif there:
            move_file(move.target, move.source, move.sha256)
        elif not os.path.lexists(move.source):
            raise InputError(f"{move.target}: is neither there nor at {move.source}")
        _remove_empty(Path(move.target).parent, folder)
        self._follow_if_at(move, move.target, move.source)
        return there

    def _follow_if_at(self, move: Move, before: str, now: str) -> None:
        for item in self.store.items([move.item]):
            if item.path == before:
                self._follow(move.item, now)

    def settle(self) -> None:
        """Have the catalog follow a picture whose move was interrupted after its file had moved:
        the last one of a log, if any."""
        for folder in folders_of_moves(self.store):
            for log in sorted(Path(folder).glob(f"{PREFIX}*{SUFFIX}")):
                for move in _last_move(log):
                    if not os.path.lexists(move.source) and os.path.isfile(move.target):
                        self._follow_if_at(move, move.source, move.target)


def _last_move(log: Path) -> list[Move]:
    try:
        return read_log(log)[-1:]
    except InputError as error:  # of another program, perhaps; it hinders no other move
        logging.getLogger(__name__).warning("%s", error)
        return []


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove folders that moves had made, up to the first that is not empty."""
    with suppress(OSError):
        while top in folder.parents:
            folder.rmdir()
            folder = folder.parent


def _failure(name: str, error: InputError | OSError) -> Failure:
    if isinstance(error, OSError):
        error = InputError(f"{name}: cannot be moved: {error.strerror}")
    return failure_of(name, error)
