"""A data folder of an earlier version: its catalog is brought to today's layout, with progress."""

from __future__ import annotations

from pathlib import Path

from mmembed.store.sqlite import Catalog
from mmembed.store.sqlite.migrations import Progress, pending


def upgrade(folder: Path, progress: Progress) -> None:
    """Bring the catalog of a data folder that is not open here to today's layout. Opening a
    collection does the same, but can only log the progress. Raises StoreError, StoreBusy,
    StoreFull."""
    Catalog(folder, progress).close()


def kept_copy(folder: Path) -> Path | None:
    """The file in which an upgrade will keep the catalog as it is; None where no upgrade is
    needed. The folder is not open here."""
    return pending(folder)
