"""Files of the data folder that nothing points to: what a process left that died at the wrong
moment, and thumbnails of pictures that are in the collection no more."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from mmembed import originals, thumbnails
from mmembed.catalog import Catalog, exclusive
from mmembed.errors import StoreBusy
from mmembed.files import ASIDE

log = logging.getLogger(__name__)

ASIDE_S = 3600.0
"""How old a file must be that is not whole, or a thumbnail: others may be at work on it."""
UPLOAD_S = 24 * 3600.0
"""How old an upload must be that no item points to."""
SUSPECT_FROM, SUSPECT_SHARE = 8, 0.5
"""So many uploads without an item, and such a share of all, are no leftovers: rather, the catalog
has lost their items. They stay."""
SECONDS = 10.0
"""How long collecting takes at the most; the next time it begins elsewhere."""

_UPLOAD = re.compile(r"[0-9a-f]{64}\.[a-z0-9]+")


class Leftovers:
    """Finds and deletes them, folder by folder; nothing else than files that we made."""

    def __init__(self, catalog: Catalog, seconds: float = SECONDS) -> None:
        self._catalog = catalog
        self._until = time.monotonic() + seconds
        self._now = time.time()

    def collect(self) -> int:
        """Delete what nothing points to, and finish removals that were interrupted; returns how
        many files were deleted. Raises StoreError where the catalog cannot be read."""
        if not self._catalog.count("image"):
            return 0  # a catalog that was lost looks like an empty one
        deleted = sum(
            map(self._thumbnails, self._parts(thumbnails.folder_in(self._catalog.folder)))
        )
        uploads = list(self._parts(self._catalog.folder / originals.FOLDER))
        orphans = [orphan for part in uploads for orphan in self._uploads(part)]
        return deleted + self._discard(orphans)

    def _parts(self, folder: Path) -> Iterator[Path]:
        """The folders in a folder, from another one on each time, while there is time."""
        parts = sorted(path for path in _entries(folder) if len(path.name) == 2 and path.is_dir())
        start = int(self._now) % max(1, len(parts))
        for part in [*parts[start:], *parts[:start]]:
            if time.monotonic() > self._until:
                return
            yield part

    def _thumbnails(self, part: Path) -> int:
        old = [path for path in _entries(part) if self._age(path) > ASIDE_S]
        known = self._catalog.contents_among(list({_content(path) for path in old}))
        useless = [
            path
            for path in old
            if _content(path) not in known or not thumbnails.is_current(path.name)
        ]
        return sum(map(_delete, useless))

    def _uploads(self, part: Path) -> Iterator[Path]:
        """Old uploads without an item. On the way, what is not whole is deleted, and removals are
        finished or undone."""
        paths = _entries(part)
        for path in paths:
            if path.name.endswith(ASIDE) and self._age(path) > ASIDE_S:
                _delete(path)
            elif path.name.endswith(originals.GONE):
                self._finish(path)
        old = [p for p in paths if _UPLOAD.fullmatch(p.name) and self._age(p) > UPLOAD_S]
        known = self._catalog.paths_among([str(path) for path in old])
        yield from (path for path in old if str(path) not in known)

    def _finish(self, gone: Path) -> None:
        """Delete a file whose item was removed; bring back that of an item which is still there."""
        path = gone.with_name(gone.name.removesuffix(originals.GONE))
        try:
            with self._holding(path):
                if not self._catalog.paths_among([str(path)]) or path.exists():
                    _delete(gone)
                else:
                    gone.replace(path)
        except (StoreBusy, OSError):
            return  # it is being removed right now, or another time

    def _discard(self, orphans: list[Path]) -> int:
        total = sum(1 for _ in self._all_uploads())
        if len(orphans) >= SUSPECT_FROM and len(orphans) > SUSPECT_SHARE * total:
            log.warning(
                "%s: %d of %d uploads belong to no item; they stay, for the catalog may have lost "
                "their items: restore a backup, or upload or delete them",
                self._catalog.folder / originals.FOLDER, len(orphans), total,
            )  # fmt: skip
            return 0
        return sum(map(self._discard_one, orphans))

    def _discard_one(self, path: Path) -> int:
        try:
            with self._holding(path):
                return 0 if self._catalog.paths_among([str(path)]) else _delete(path)
        except StoreBusy:
            return 0

    def _all_uploads(self) -> Iterator[Path]:
        for part in _entries(self._catalog.folder / originals.FOLDER):
            yield from (path for path in _entries(part) if _UPLOAD.fullmatch(path.name))

    def _holding(self, path: Path) -> AbstractContextManager[None]:
        lock = originals.lock_of(self._catalog.folder, path.name)
        return exclusive(lock, purpose="collecting leftovers", wait_s=0)

    def _age(self, path: Path) -> float:
        """Seconds since a file changed; 0 where it is gone."""
        try:
            return self._now - path.lstat().st_mtime
        except OSError:
            return 0.0


def _content(path: Path) -> str:
    """The hash by which a thumbnail is named."""
    return path.name.partition("-")[0]


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries]
    except OSError:
        return []


def _delete(path: Path) -> int:
    try:
        path.unlink()
    except OSError:
        return 0
    return 1
