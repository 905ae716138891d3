"""Lock files that name their holder. One process writes at a time, and no process restores a
catalog that others have open."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmembed import files
from mmembed.errors import StoreBusy, StoreError, StoreFull

WRITE_LOCK = "catalog.lock"
INDEX_LOCK = "index.lock"
VIEWS_LOCK = "views.lock"
OPEN_LOCK = "open.lock"
UPLOAD_LOCKS = "locks"
WRITE_WAIT_S = 30.0
POLL_S = 0.01


@contextmanager
def exclusive(path: Path, *, purpose: str, wait_s: float) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block.

    The lock belongs to the open file, so the kernel frees it when the process dies,
    however it dies. Raises StoreBusy, naming the holder, after `wait_s` seconds.
    """
    descriptor = _acquire(path, fcntl.LOCK_EX, time.monotonic() + wait_s)
    try:
        _name_holder(descriptor, purpose)
        yield
    finally:
        os.close(descriptor)


def upload_lock_path(folder: Path, sha256: str) -> Path:
    """The lock file of a content in a data folder; some contents share a file."""
    return folder / UPLOAD_LOCKS / f"{sha256[:2]}.lock"


def make_upload_lock(folder: Path, sha256: str) -> None:
    """Make the lock file of a content in an existing data folder, unless it is there. Raises
    StoreError, StoreFull."""
    path = upload_lock_path(folder, sha256)
    try:
        # Not the data folder itself: a folder that was moved away must not come back empty.
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            path.touch(mode=files.PRIVATE)
    except OSError as error:
        kind = StoreFull if files.is_full(error) else StoreError
        raise kind(f"{path}: cannot be made: {error.strerror}") from error


class Presence:
    """Tells other processes that the catalog of a folder is open here.

    The first process is `alone` until it calls `share`. Meanwhile it may read files that belong to
    SQLite while any process has the catalog open.
    """

    def __init__(self, folder: Path, *, wait_s: float = WRITE_WAIT_S) -> None:
        """Raises StoreBusy if another process is alone with the folder for longer than `wait_s`
        seconds. Raises StoreError if there can be no lock file."""
        path = folder / OPEN_LOCK
        deadline = time.monotonic() + wait_s
        self.alone = True
        try:
            self._descriptor = _acquire(path, fcntl.LOCK_EX, 0)
        except StoreBusy:
            self.alone = False
            self._descriptor = _acquire(path, fcntl.LOCK_SH, deadline)

    def say(self, purpose: str) -> None:
        """The message to waiting processes, while this process is alone."""
        if self.alone:
            _name_holder(self._descriptor, purpose)

    def share(self) -> None:
        """Let others open the catalog, too."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)  # the announced work is done
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        self.alone = False

    def take(self) -> bool:
        """Be alone from now on, unless others have the catalog open."""
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.alone = True
        return self.alone

    def leave(self) -> None:
        """The catalog is closed here."""
        os.close(self._descriptor)


def _acquire(path: Path, how: int, deadline: float) -> int:
    """The open and locked file. A lock on a file that was deleted or replaced meanwhile would have
    no effect: then the present file is tried."""
    while True:
        descriptor = _opened(path)
        try:
            if _locked(descriptor, path, how) and _is(descriptor, path):
                return descriptor
            if time.monotonic() >= deadline and _is(descriptor, path):
                holder = os.pread(descriptor, 200, 0).decode(errors="replace")
                raise StoreBusy(
                    f"{path.parent}: another process is at work here ({holder}); "
                    "wait for it to end, or stop it"
                )
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        time.sleep(POLL_S)


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        kind = StoreFull if files.is_full(error) else StoreError
        raise kind(f"{path}: cannot be locked: {error.strerror}") from error
    _keep_from_others(descriptor)
    return descriptor


def _keep_from_others(descriptor: int) -> None:
    """A user that can open a file, even for reading only, can lock it. So a file of an earlier
    version, or of a careless copy, is closed to other users."""
    status = os.fstat(descriptor)
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        with suppress(OSError):  # such as a disk without owners
            os.fchmod(descriptor, 0o600)


def _locked(descriptor: int, path: Path, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError as error:
        raise StoreError(f"{path}: cannot be locked: {error.strerror}") from error


def _is(descriptor: int, path: Path) -> bool:
    """Whether the open file is the present file at the path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _name_holder(descriptor: int, purpose: str) -> None:
    # A full disk must not prevent deletions.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}, {purpose}".encode(), 0)
