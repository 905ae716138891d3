"""Keeps the catalog of an earlier layout beside the migrated one."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from mmembed.errors import StoreError
from mmembed.files import move, sync, sync_folder

log = logging.getLogger(__name__)


def copy_of(path: Path, layout: int) -> Path:
    """Where the copy of a catalog of an earlier layout is kept."""
    return path.with_name(copies_of(path).replace("*", str(layout)))


def copies_of(path: Path) -> str:
    """The pattern of the names of all such copies."""
    return f"{path.stem}.layout-*{path.suffix}"


def check_places(path: Path, copy: Path) -> None:
    """Raises StoreError where the files cannot be exchanged, before any work is done."""
    if path.is_symlink():
        raise StoreError(
            f"{path}: is a link, which a new file would replace; put the catalog itself in its "
            "place, or open the folder that holds it"
        )
    if copy.is_dir():
        raise StoreError(
            f"{copy}: is a folder, and the earlier catalog is to be kept there; move it"
        )


def exchange(path: Path, new: Path, copy: Path) -> None:
    """Put the new file in place of the old one, which is kept under the name of its copy."""
    status = path.stat()
    shutil.copymode(path, new)
    with suppress(OSError):  # only root may give files away
        os.chown(new, status.st_uid, status.st_gid)
    try:
        _set_aside(copy, path)
        try:
            os.link(path, copy)
        except OSError:  # some file systems have no second names
            move(path, copy)
        move(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        if not path.exists():
            move(copy, path)
        raise
    sync_folder(path.parent)


def _set_aside(copy: Path, path: Path) -> None:
    """Keep the copy of an earlier migration under another name, unless it is the catalog itself,
    whose migration was interrupted."""
    if not copy.exists():
        copy.unlink(missing_ok=True)  # a link that leads nowhere
        return
    if copy.samefile(path):
        copy.unlink()
        return
    names = (copy.with_name(f"{copy.stem}.{n}{copy.suffix}") for n in itertools.count(1))
    aside = next(name for name in names if not name.exists())
    log.warning("%s: is kept as %s", copy, aside.name)
    move(copy, aside)


def keep_copy(db: sqlite3.Connection, path: Path, copy: Path) -> None:
    """Raises StoreError where the copy is not sound: then the catalog is damaged."""
    aside = copy.with_name(f"{copy.name}.new")
    aside.unlink(missing_ok=True)
    try:
        db.execute("VACUUM INTO ?", (str(aside),))
        shutil.copymode(path, aside)
        with closing(sqlite3.connect(aside)) as copied:
            lines = [str(row[0]) for row in copied.execute("PRAGMA quick_check(1)")]
        if lines != ["ok"]:
            raise StoreError(f"{path}: is damaged ({lines[0]}), and stays as it is")
        with aside.open("rb") as file:
            sync(file)
        move(aside, copy)
        sync_folder(copy.parent)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
