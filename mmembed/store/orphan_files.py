"""Collects files of the data folder that nothing points to. A process that died left them, or they
are thumbnails of removed pictures."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Protocol

from mmembed.config.settings import CATALOG_FILE
from mmembed.errors import StoreBusy
from mmembed.files import ASIDE, move
from mmembed.store import thumbnail_cache, uploads
from mmembed.store.entries import ImageFile
from mmembed.store.protocol import Purpose
from mmembed.types import Item, Kind

log = logging.getLogger(__name__)

ASIDE_S = 3600.0
"""Age of an incomplete file or a thumbnail before it is collected: another process may be writing
it."""
UNCLAIMED = ".unclaimed"
"""Suffix of an upload that no item points to, from the first time that this is seen."""
UNCLAIMED_S = 7 * 24 * 3600.0
"""Seconds that such an upload stays: if the catalog has lost items, it is the last copy."""
SECONDS = 2.0
"""Longest time for each kind of file; the next collection begins elsewhere."""

UPLOAD = re.compile(r"[0-9a-f]{64}\.[a-z0-9]+")
"""Names of uploads."""


class FilesOwner(Protocol):
    """The part of a store that its files need."""

    @property
    def folder(self) -> Path:
        """The folder that they lie in."""

    def check_place(self) -> None:
        """Raises StoreError if the items cannot be asked for, or not be trusted."""

    def ready_upload_lock(self, sha256: str) -> None:
        """Make sure that the lock of a content can be taken though the disk is full."""

    def exclusive(
        self, purpose: Purpose, *, part: str = "", wait_s: float = 0
    ) -> AbstractContextManager[None]:
        """See Store.exclusive."""

    def item(self, item_id: int) -> Item:
        """See Items.item."""

    def images_of(self, sha256: str) -> list[ImageFile]:
        """See Items.images_of."""

    def contents_among(self, contents: Sequence[str]) -> set[str]:
        """See Items.contents_among."""

    def count(self, kind: Kind | None = None) -> int:
        """See Items.count."""


class OrphanFiles:
    """Finds and deletes them, folder by folder; nothing else than files that we made."""

    def __init__(self, catalog: FilesOwner, seconds: float = SECONDS) -> None:
        self._catalog = catalog
        self._seconds = seconds
        self._now = time.time()

    def collect(self) -> int:
        """Delete files that nothing points to, and finish interrupted removals. Returns the number
        of deleted files. Raises StoreError if the catalog cannot be read or trusted: such files may
        then be the last copies."""
        self._catalog.check_place()
        cache = thumbnail_cache.folder_in(self._catalog.folder)
        deleted = sum(map(self._thumbnails, self._parts(cache)))
        if uploads.owner_of(self._catalog.folder, CATALOG_FILE) is not None:
            return deleted  # another data folder's items point to the uploads
        return deleted + self._uploads(self._catalog.folder / uploads.FOLDER)

    def _parts(self, folder: Path) -> Iterator[Path]:
        """The folders in a folder, beginning with another one each time, while there is time."""
        parts = sorted(
            path for path in _entries(folder) if len(path.name) == 2 and os.path.isdir(path)
        )
        start = int(self._now) % max(1, len(parts))
        until = time.monotonic() + self._seconds
        for part in [*parts[start:], *parts[:start]]:
            if time.monotonic() > until:
                return
            yield part

    def _thumbnails(self, part: Path) -> int:
        old = [path for path in _entries(part) if self._age(path) > ASIDE_S]
        known = self._catalog.contents_among(list({_content(path) for path in old}))
        useless = [
            path
            for path in old
            if _content(path) not in known or not thumbnail_cache.is_current(path.name)
        ]
        return sum(map(_delete, useless))

    def _uploads(self, folder: Path) -> int:
        deleted, unclaimed = 0, 0
        lost = not self._catalog.count("image")  # a catalog that was lost looks like an empty one
        for part in self._parts(folder):
            names = {path.name for path in _entries(part)}
            for name in sorted(names):
                if name.endswith((uploads.PENDING, uploads.GONE)):
                    self._finish(part / name)
                elif name.endswith(ASIDE) and self._age(part / name) > ASIDE_S:
                    deleted += _delete(part / name)
            orphans = self._orphans(part, names)
            overdue = [path for path in orphans if self._is_overdue(path) and not lost]
            deleted += sum(map(self._discard, overdue))
            unclaimed += len(orphans) - len(overdue)
        if unclaimed:
            log.warning(
                "%s: uploads that belong to no item: %d; they will be deleted after %d days; to "
                "keep them, restore the catalog, or copy them elsewhere and index them there",
                folder, unclaimed, UNCLAIMED_S // 86400,
            )  # fmt: skip
        return deleted

    def _finish(self, marked: Path) -> None:
        """End an interrupted `uploads.keeping` or `discarding`."""
        path = marked.with_suffix("")
        try:
            with self._holding(path):
                if marked.name.endswith(uploads.PENDING):
                    uploads.settle(marked, self._has_item)
                elif path.exists() or not self._has_item(path):
                    marked.unlink()
                else:
                    move(marked, path)
        except (StoreBusy, OSError):
            return  # another time

    def _orphans(self, part: Path, names: set[str]) -> list[Path]:
        """Uploads without an item."""
        found = [
            part / n for n in names if UPLOAD.fullmatch(n) and n + uploads.PENDING not in names
        ]
        known = self._catalog.contents_among([path.stem for path in found])
        for name in names:
            if name.endswith(UNCLAIMED) and name.partition(".")[0] in known:
                _delete(part / name)
        return [path for path in found if path.stem not in known]

    def _is_overdue(self, path: Path) -> bool:
        mark = path.with_name(path.name + UNCLAIMED)
        with suppress(OSError):
            if not mark.exists():
                mark.touch()
        return self._age(mark) > UNCLAIMED_S

    def _discard(self, path: Path) -> int:
        try:
            with self._holding(path):
                if self._has_item(path):
                    return 0
                _delete(path.with_name(path.name + UNCLAIMED))
                return _delete(path)
        except StoreBusy:
            return 0

    def _has_item(self, path: Path) -> bool:
        """By its content, not its path: the path changes if the data folder is moved, or mounted
        elsewhere."""
        return bool(self._catalog.contents_among([path.name.partition(".")[0]]))

    def _holding(self, path: Path) -> AbstractContextManager[None]:
        return self._catalog.exclusive("uploading", part=path.name.partition(".")[0])

    def _age(self, path: Path) -> float:
        """Seconds since a file changed; 0 if it is gone."""
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
