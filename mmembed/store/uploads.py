"""Uploaded image files, kept content-addressed in the data folder.

    keeping: *.pending is made; the file is written; then its item; then *.pending is deleted
    discarding: the file is renamed to *.gone; its item is removed; then *.gone is deleted

Both happen while the content's lock is held. So a process that dies in between leaves a name that
tells the begun step. A file without an item and without such a name has lost its item. It may be
the last copy of a person's picture.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmembed import files
from mmembed.errors import StoreError, StoreFull

log = logging.getLogger(__name__)

FOLDER = "originals"
PENDING, GONE = ".pending", ".gone"
"""Suffixes of an upload's name while its item is written, and while it is removed."""


def keep(folder: Path, sha256: str, suffix: str, data: bytes) -> Path:
    """Store bytes durably under their hash; returns their path. An existing file is read, and
    written again unless it holds the same bytes. Raises StoreError."""
    path = folder / FOLDER / sha256[:2] / f"{sha256}{suffix}"
    try:
        if _holds(path, sha256, len(data)):
            return path
        files.make_part(path.parent)
        files.replace(path, data, mode=files.PRIVATE, durable=True)
        for above in (path.parent, path.parent.parent, folder):
            files.sync_folder(above)
    except OSError as error:
        raise _failed(f"{path}: the upload cannot be kept", error) from error
    return path


@contextmanager
def keeping(
    folder: Path, sha256: str, suffix: str, data: bytes, has_item: Callable[[Path], bool]
) -> Iterator[Path]:
    """`keep`, and let the block write the item. If the block fails, a new file is deleted again.
    Raises StoreError."""
    path = folder / FOLDER / sha256[:2] / f"{sha256}{suffix}"
    pending = path.with_name(path.name + PENDING)
    try:
        if not os.path.lexists(path):
            files.make_part(path.parent)
            pending.touch(mode=files.PRIVATE)
    except OSError as error:
        raise _failed(f"{path}: the upload cannot be kept", error) from error
    try:
        yield keep(folder, sha256, suffix, data)
    finally:
        # Unsettled, the file is left to the collection of leftovers.
        with suppress(StoreError, OSError):
            settle(pending, has_item)


def settle(pending: Path, has_item: Callable[[Path], bool]) -> None:
    """End an interrupted `keeping`: without an item, the file is deleted. Raises OSError, and the
    errors of `has_item`."""
    if pending.exists():
        path = pending.with_name(pending.name.removesuffix(PENDING))
        if not has_item(path):
            path.unlink(missing_ok=True)
        pending.unlink()


def is_upload(folder: Path, path: str, sha256: str) -> bool:
    """Whether a path is an upload with this content of this data folder, wherever the folder was
    when the path was written.

    A file in another folder that is there, and has no copy here, is not ours: it is of a data
    folder that this one was copied from, or a person copied uploads elsewhere and indexed them.
    """
    here = place_in(folder, path, sha256)
    if here is None:
        return False
    return path == str(here) or here.exists() or not os.path.exists(path)


def place_in(folder: Path, path: str, sha256: str) -> Path | None:
    """Where an upload with this content lies in this data folder, if it is there; None for a path
    that is no upload of any data folder."""
    if not is_of_any_folder(path, sha256):
        return None
    return folder / FOLDER / sha256[:2] / os.path.basename(path)


def owner_of(folder: Path, catalog: str) -> Path | None:
    """The other data folder that the uploads belong to, if `originals` is a link into one. catalog:
    the name of the file by which a data folder is known. None where the uploads are this folder's,
    though a link may lead to another disk."""
    owner = Path(os.path.realpath(folder / FOLDER)).parent
    is_other = str(owner) != os.path.realpath(folder) and (owner / catalog).exists()
    return owner if is_other else None


def is_of_any_folder(path: str, sha256: str) -> bool:
    """Whether a path is an upload with this content, in any data folder. Folders are moved, copied
    and mounted elsewhere."""
    if sha256 not in path:
        return False
    above, name = os.path.split(path)
    above, part = os.path.split(above)
    return name.startswith(sha256) and part == sha256[:2] and os.path.basename(above) == FOLDER


def place_of(folder: Path, path: str, sha256: str) -> str:
    """The present path of an item's file: an upload moves with its data folder."""
    here = place_in(folder, path, sha256)
    if here is not None and path != str(here) and here.exists():
        return str(here)
    return path


@contextmanager
def discarding(path: Path) -> Iterator[None]:
    """Delete an upload with its item, which the block removes. If that fails, the upload stays.
    Raises StoreError."""
    gone = path.with_name(path.name + GONE)
    try:
        files.move(path, gone)
        files.sync_folder(path.parent)
    except FileNotFoundError:
        pass
    except OSError as error:
        if not files.is_full(error):  # the new name may need room
            raise _failed(f"{path}: cannot be deleted", error) from error
        gone = path
    try:
        yield
    except BaseException:
        with suppress(FileNotFoundError):
            files.move(gone, path)
        raise
    try:
        gone.unlink(missing_ok=True)
    except OSError as error:  # the item is removed; the file is collected another time
        log.warning("%s: cannot be deleted: %s", gone, error.strerror)


def _failed(what: str, error: OSError) -> StoreError:
    kind = StoreFull if files.is_full(error) else StoreError
    return kind(f"{what}: {error.strerror}")


def _holds(path: Path, sha256: str, size: int) -> bool:
    """Whether a path is a file, no link, whose content has the hash in its name."""
    try:
        with open(path, "rb", buffering=0, opener=_unlinked) as file:
            status = os.fstat(file.fileno())
            whole = stat.S_ISREG(status.st_mode) and status.st_size == size
            return whole and files.sha256_of(file) == sha256
    except OSError:
        return False


def _unlinked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
