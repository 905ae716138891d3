"""Restores a backup in the place of a catalog, whose files are moved aside."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from mmembed.errors import InputError, MmembedError, StoreBusy, StoreError, StoreFull
from mmembed.files import is_full, move, sync, sync_folder
from mmembed.store.sqlite import background_check
from mmembed.store.sqlite.file_identity import LOG
from mmembed.store.sqlite.integrity import faults
from mmembed.store.sqlite.lock_files import WRITE_LOCK, WRITE_WAIT_S, Presence, exclusive
from mmembed.store.sqlite.migrations import connect, progress_in_log, upgrade
from mmembed.store.sqlite.open_catalog import INDEX, REPLACED, check_layout
from mmembed.store.sqlite.schema import FILE_NAME, newest, version
from mmembed.store.sqlite.wal_stamp import FILE as HISTORY_FILE

OF_CATALOG = (FILE_NAME, f"{FILE_NAME}{LOG}", f"{FILE_NAME}{INDEX}", HISTORY_FILE)
VIEWS = tuple(f"{kind}s.usearch{end}" for kind in ("image", "caption") for end in ("", ".json"))
"""They are of the history that ends here, and are made anew from the catalog."""


def restore(backup: Path, folder: Path) -> Path | None:
    """Put a backup of a catalog in place of a data folder's catalog, without the former log.
    Returns the folder into which the former files were moved, or None if there were none.

    Nothing is touched before the copy is whole and sound. The backup may be the folder's own
    catalog, which is then taken without its log.

    Raises InputError if it is no sound backup. Raises StoreBusy while the folder is in use or the
    backup is locked, StoreFull without room, and StoreError if the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        presence = Presence(folder, wait_s=0)
        try:
            if not presence.alone:
                raise StoreBusy(
                    f"{folder}: is in use; stop the server and the commands that have it open"
                )
            lock = exclusive(folder / WRITE_LOCK, purpose="restoring", wait_s=WRITE_WAIT_S)
            with lock:
                return _exchange(_copy(backup, folder), folder)
        finally:
            presence.leave()
    except (OSError, shutil.Error) as error:
        kind = StoreFull if is_full(error) else StoreError
        raise kind(f"{folder}: cannot be restored into: {error}") from error


def _copy(backup: Path, folder: Path) -> Path:
    """A copy of the backup in the folder that was found whole and sound."""
    copy = folder / "restoring.sqlite3"
    copy.unlink(missing_ok=True)
    try:
        with closing(_opened(backup, folder)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        with closing(connect(copy)) as target:
            target.execute("PRAGMA journal_mode = DELETE")
        upgrade(copy, progress_in_log(copy))
        with closing(connect(copy)) as target:
            _check(target, backup)
        with copy.open("rb") as file:
            sync(file)
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise _not_restored(backup, folder, error) from error
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copy


def _not_restored(backup: Path, folder: Path, error: sqlite3.Error) -> MmembedError:
    if background_check.is_full(error):
        return StoreFull(f"{folder}: the disk has no room for a copy of {backup}; free some space")
    if background_check.is_busy(error):
        return StoreBusy(f"{backup}: another program has locked it; close that, then try again")
    return InputError(f"{backup}: is not a backup that can be restored: {error}")


def _opened(backup: Path, folder: Path) -> sqlite3.Connection:
    log = Path(f"{backup}{LOG}")
    if not backup.is_file():
        raise InputError(f"{backup}: no such file; name a copy of {FILE_NAME}")
    own = backup.resolve() == (folder / FILE_NAME).resolve()
    alone = own or not log.exists() or log.stat().st_size == 0
    # With the log that lies beside a copy of both; without, nothing is written beside it.
    options = "immutable=1" if alone else "mode=ro"
    return sqlite3.connect(f"{backup.absolute().as_uri()}?{options}", uri=True)


def _check(copy: sqlite3.Connection, backup: Path) -> None:
    if version(copy) == 0:
        raise InputError(f"{backup}: is not a catalog of mmembed (layout {newest()})")
    try:
        check_layout(copy, backup)
    except StoreError as error:
        raise InputError(str(error)) from error
    damage = faults(copy)
    if damage:
        raise InputError(f"{backup}: is damaged ({'; '.join(damage)}); take an older backup")


def _exchange(copy: Path, folder: Path) -> Path | None:
    """If this ends half-way, the folder has no catalog, and opening it reports that."""
    aside = None
    there = [folder / name for name in OF_CATALOG if (folder / name).exists()]
    if there:
        aside = folder / time.strftime(f"{REPLACED}%Y%m%d-%H%M%S")
        number = 1
        while aside.exists():
            number += 1
            aside = folder / f"{aside.name.partition('.')[0]}.{number}"
        aside.mkdir(mode=0o700)
        for path in there:
            move(path, aside / path.name)
        sync_folder(aside)
    for name in VIEWS:
        (folder / name).unlink(missing_ok=True)
    move(copy, folder / FILE_NAME)
    sync_folder(folder)
    return aside
