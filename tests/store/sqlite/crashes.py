"""Catalogs whose process died, and copies of them."""

from __future__ import annotations

import os
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np

from mmembed.store.entries import CaptionEntry, Model
from mmembed.store.sqlite import Catalog

CATALOG = "catalog.sqlite3"


def crash(folder: Path, first: int, last: int, fold_at: int = -1) -> None:
    """A process that writes captions and dies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forking beside threads: none of them has a catalog
        child = os.fork()
    if child:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        return
    try:
        catalog = Catalog(folder)
        catalog.claim(Model("four", "f", 4))
        for number in range(first, last):
            vector = np.array([1, number, 1, 1], np.float32)
            catalog.write_caption(CaptionEntry(f"caption {number}", vector))
            if number == fold_at:
                catalog._fold()
        os._exit(0)
    finally:
        os._exit(1)


def captions(folder: Path) -> list[int]:
    catalog = Catalog(folder)
    try:
        assert catalog.check() == []
        found = catalog.page(after=0, limit=1000, kind="caption")
        return sorted(int(str(item.caption).split()[1]) for item in found)
    finally:
        catalog.close()


def by_backup(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as db, closing(sqlite3.connect(target)) as copy:
        db.backup(copy)
