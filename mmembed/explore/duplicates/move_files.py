"""Moves a picture's file, so that no moment of it loses a picture or overwrites another one."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mmembed import files
from mmembed.errors import InputError


def place_for(source: str, folder: Path, is_known: Callable[[str], bool]) -> str:
    """A free path in a folder for a file: its whole path below the folder, so that files of the
    same name do not meet; with a number where one is there all the same. is_known: whether the
    collection has a picture at a path, whose file may be gone."""
    wanted = folder / os.path.relpath(source, os.path.abspath(os.sep))
    number, free = 1, wanted
    while os.path.lexists(free) or is_known(str(free)):
        number += 1
        free = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
    return str(free)


def move_file(source: str, target: str, sha256: str) -> None:
    """Move a file of this content to a path where nothing is. Its times stay.

    Raises InputError for a link, or another content than the indexed one; OSError.
    """
    _check_file(source, sha256)
    folder = Path(target).parent
    make_folders(folder)
    # The name is taken first: a file that another program puts there meanwhile is not lost.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, files.PRIVATE))
    try:
        try:
            files.move(Path(source), Path(target))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(source, target, sha256)
            os.unlink(source)
    except BaseException:
        _forget_placeholder(source, target)
        raise
    files.sync_folder(folder)
    files.sync_folder(Path(source).parent)


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, and have their names survive a power cut. Raises
    OSError."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        files.sync_folder(one.parent)


def end_interrupted_move(source: str, target: str, sha256: str) -> None:
    """Take away what an interrupted move left at its target, where the picture is still at its
    source: an empty file, or a whole copy. Raises InputError for any other file, OSError."""
    try:
        _check_file(source, sha256)
        if os.lstat(target).st_size:
            _check_file(target, sha256)
    except InputError:
        raise InputError(f"{target}: stays, for there is a file again at {source}") from None
    os.unlink(target)


def _forget_placeholder(source: str, target: str) -> None:
    with suppress(OSError):
        if os.path.lexists(source) and not os.lstat(target).st_size:
            os.unlink(target)


def is_one_file(path: str, other: str) -> bool:
    """Whether two paths lead to one file, such as through a link to a folder: moved from one, it is
    gone from both. Hard links are files of their own. Raises OSError."""
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    return os.path.samefile(path, other) and os.stat(path).st_nlink == 1


def check_content(path: str, sha256: str) -> None:
    """Raises InputError for another content than the indexed one; OSError."""
    with open(path, "rb") as file:
        if files.sha256_of(file) != sha256:
            raise InputError(
                f"{path}: its file has changed since it was indexed; index its folder again"
            )


def _check_file(path: str, sha256: str) -> None:
    """Raises InputError for a link, or another content than the indexed one; OSError."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise InputError(f"{path}: is a link, whose file is elsewhere; it stays where it is")
    check_content(path, sha256)


def _copy(source: str, target: str, sha256: str) -> None:
    """Copy a file to another file system, and compare the copy. Raises InputError, OSError."""
    with open(source, "rb") as file:
        before = os.fstat(file.fileno())
        mode = stat.S_IMODE(before.st_mode)
        with files.replacing(Path(target), mode=mode, durable=True) as copy:
            shutil.copyfileobj(file, copy)
    with open(target, "rb") as copied:
        same = files.sha256_of(copied) == sha256
    after = os.lstat(source)
    unchanged = (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    if not same or not unchanged:
        os.unlink(target)
        raise InputError(f"{source}: its file changed while it was copied; it stays where it is")
    shutil.copystat(source, target)
    files.sync_folder(Path(target).parent)
