"""The log of moved pictures, by which they are moved back.

A line of JSON for each picture is on the disk before the picture is moved. So whatever happens,
the log names every picture that may be at its new place.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path

from mmembed import files
from mmembed.errors import InputError, StoreError, StoreFull
from mmembed.store.protocol import Store

KIND = "moved_duplicates"
"""Of records; each is named after a folder that duplicates were moved to."""
PREFIX, SUFFIX = "duplicates-", ".jsonl"
FIRST = "mmembed moved these pictures"
"""The first line of a log tells it from other files."""


@dataclass(frozen=True)
class Move:
    """A picture that is moved, or is about to be."""

    item: int
    """The id of the picture."""
    source: str
    target: str
    sha256: str
    kept: str
    """The path of the picture of which it is a duplicate."""


class MoveLog:
    """Writes a log."""

    def __init__(self, path: Path, file: FileIO) -> None:
        """file: without a buffer, so that no part of a refused line is written later."""
        self.path = path
        self._file = file

    def note(self, move: Move) -> None:
        """Write a move so that it survives a power cut. Raises StoreError, StoreFull; the log then
        ends as before."""
        line = memoryview(json.dumps(asdict(move)).encode() + b"\n")
        end = os.fstat(self._file.fileno()).st_size
        try:
            while line:
                line = line[self._file.write(line) or 0 :]
            files.sync(self._file)
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(end)
            kind = StoreFull if files.is_full(error) else StoreError
            raise kind(f"{self.path}: cannot be written: {error.strerror}") from error


@contextmanager
def new_log(folder: Path) -> Iterator[MoveLog]:
    """A log in the folder to which pictures are moved. Raises OSError."""
    moment = time.strftime("%Y%m%d-%H%M%S")
    path = folder / f"{PREFIX}{moment}-{secrets.token_hex(3)}{SUFFIX}"
    first = json.dumps({"log": FIRST}).encode() + b"\n"
    files.replace(path, first, mode=files.PRIVATE, durable=True)
    files.sync_folder(folder)
    with open(path, "ab", buffering=0) as file:
        yield MoveLog(path, file)


def read_log(path: Path) -> list[Move]:
    """The moves of a log, in their order. A last line that a dying process left incomplete stands
    for no move. Raises InputError."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not lines or json_of(lines[0]).get("log") != FIRST:
        raise InputError(f"{path}: is no log of moved pictures, which `--move-to` writes")
    moves = []
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        said = json_of(line)
        try:
            names = (str(said[name]) for name in ("source", "target", "sha256", "kept"))
            moves.append(Move(int(str(said["item"])), *names))
        except (KeyError, ValueError):
            if any(lines[number:]):
                raise InputError(f"{path}: line {number} is damaged") from None
    return moves


def json_of(line: bytes) -> dict[str, object]:
    """A line as an object; an empty one for a line that is none."""
    try:
        read = json.loads(line)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def folders_of_moves(store: Store) -> set[str]:
    """The folders that duplicates were moved to."""
    return set(store.records(KIND))


def note_folder(store: Store, folder: Path) -> None:
    """Remember a folder that duplicates are moved to."""
    store.put_records(KIND, {str(folder): b"{}"})


def forget_folder(store: Store, folder: Path) -> None:
    """Have the pictures in a folder looked at again."""
    store.delete_records(KIND, [str(folder)])


def is_below(path: str | None, folders: Set[str]) -> bool:
    """Whether a picture lies in one of these folders."""
    return path is not None and any(path.startswith(folder + os.sep) for folder in folders)
