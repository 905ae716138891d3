"""Moves the spare pictures of groups into a folder, and back; the catalog follows each file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mmembed.counted import counted
from mmembed.errors import InputError, StoreError
from mmembed.explore.duplicates.entries import DescribedDuplicates
from mmembed.explore.duplicates.kept_files import KeptFiles
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
    forget_folder,
    is_below,
    new_log,
    note_folder,
    read_log,
)
from mmembed.item_failures import failure_of, told
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
        wanted = list(self._wanted(groups, moved))
        if dry_run or not wanted:
            moved.pictures = len(wanted)
            moved.bytes = sum(item.bytes or 0 for item, _ in wanted)
            return moved
        with self.store.exclusive("indexing"):
            try:
                make_folders(folder)
                with new_log(folder) as log:
                    note_folder(self.store, folder)
                    moved.log = log.path
                    self._move_each(wanted, folder, log, moved, progress)
            except OSError as error:
                raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
        return moved

    def check_folder(self, folder: Path) -> None:
        """Raises InputError for a folder with pictures that were not moved there: no duplicates
        would be looked for among them again."""
        folder = Path(os.path.abspath(folder))
        moved = folders_of_moves(self.store)
        below = self.store.images_below(str(folder))
        if present := [image for image in below if not is_below(image.path, moved)]:
            raise InputError(
                f"--move-to {folder}: holds {counted(len(present), 'picture')} of the collection, "
                f"such as {present[0].path}; name a folder for duplicates alone"
            )

    def _wanted(
        self, groups: Sequence[DescribedDuplicates], moved: MovedDuplicates
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
                else:
                    yield item, group.kept

    def _move_each(
        self,
        wanted: Sequence[tuple[Item, Item]],
        folder: Path,
        log: MoveLog,
        moved: MovedDuplicates,
        progress: Progress,
    ) -> None:
        kept_files = KeptFiles(self.store)
        with _each_counted(moved):
            for number, (item, kept) in enumerate(wanted, 1):
                try:
                    kept_files.check(kept, item)
                    self._move(item, kept, folder, log)
                    moved.pictures += 1
                    moved.bytes += item.bytes or 0
                except (InputError, OSError) as error:
                    moved.failures.append(_failure(item.path or "", error))
                progress(number, len(wanted), len(moved.failures))

    def _move(self, item: Item, kept: Item, folder: Path, log: MoveLog) -> None:
        assert item.path is not None
        target = place_for(item.path, folder, lambda path: bool(self.store.images_at([path])))
        move = Move(item.id, item.path, target, item.sha256, kept.path or "")
        log.note(move)
        move_file(move.source, move.target, move.sha256)
        self._follow(move.item, move.target)

    def _follow(self, item_id: int, path: str) -> None:
        """Have the catalog say where the file of an item is now."""
        stat = stat_of(os.stat(path))
        self.store.move([(item_id, path, stat.mtime_ns, stat.mark)])

    # -- and back --------------------------------------------------------------------

    def undo(self, log: Path, progress: Progress) -> MovedDuplicates:
        """Move the pictures of a log back; a second time it finds nothing to do. A folder from
        which all came back is one like others again. Raises InputError."""
        log = Path(os.path.abspath(log))
        moves = read_log(log)
        moved = MovedDuplicates(log)
        with self.store.exclusive("indexing"):
            with _each_counted(moved):
                for number, move in enumerate(reversed(moves), 1):
                    try:
                        moved.pictures += self._move_back(move, log.parent)
                    except (InputError, OSError) as error:
                        moved.failures.append(_failure(move.target, error))
                    progress(number, len(moves), len(moved.failures))
            whole = not moved.failures and not moved.interrupted
            if whole and not self.store.images_below(str(log.parent)):
                forget_folder(self.store, log.parent)
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
        """Have the catalog say that a file is elsewhere now, if it says that it is where it was
        before: by its path, for it may have been removed and indexed again. Raises InputError."""
        known = self.store.images_at([before, now])
        if before not in known or known[before].sha256 != move.sha256:
            return
        if now in known and known[now].sha256 == move.sha256:
            return  # it was indexed there meanwhile
        if now in known:
            raise InputError(
                f"{now}: is there again, and the collection has a picture of that path already; "
                "index its folder again"
            )
        self._follow(known[before].item_id, now)

    def settle(self) -> None:
        """Have the catalog follow a picture whose move was interrupted after its file had moved:
        the last one of a log, if any. Raises StoreBusy beside an indexing."""
        folders = folders_of_moves(self.store)
        if not folders:
            return
        with self.store.exclusive("indexing"):
            for move in _last_moves(folders):
                if not os.path.lexists(move.source) and os.path.isfile(move.target):
                    with suppress(InputError):  # an indexing has found it there
                        self._follow_if_at(move, move.source, move.target)


@contextmanager
def _each_counted(moved: MovedDuplicates) -> Iterator[None]:
    """Ends the moves where the user, the log or the catalog ends them: what was moved until then is
    told, and the log with it."""
    try:
        yield
    except KeyboardInterrupt:
        moved.interrupted = True
    except StoreError as error:
        message = f"{told(error)}; no further picture was moved"
        moved.failures.append(Failure(str(moved.log), error.code, message))


def _last_moves(folders: Iterable[str]) -> Iterator[Move]:
    for folder in folders:
        for log in sorted(Path(folder).glob(f"{PREFIX}*{SUFFIX}")):
            yield from _last_move(log)


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
