"""Collects objects that nothing points to: a process that died left them, or they are thumbnails of
removed pictures."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

from mmembed.errors import StoreBusy
from mmembed.files import ASIDE
from mmembed.store import thumbnail_cache, uploads
from mmembed.store.object_store import ObjectStore, StoredObject
from mmembed.store.orphan_files import (
    ASIDE_S,
    SECONDS,
    UNCLAIMED,
    UNCLAIMED_S,
    UPLOAD,
    FilesOwner,
)

log = logging.getLogger(__name__)


class ObjectOrphans:
    """Finds and deletes them; nothing else than objects that we made."""

    def __init__(self, owner: FilesOwner, objects: ObjectStore, seconds: float = SECONDS) -> None:
        self._owner = owner
        self._objects = objects
        self._seconds = seconds
        self._now = time.time()

    def collect(self) -> int:
        """Delete objects that nothing points to. Returns their number. Raises StoreError if items
        cannot be asked for: such objects may then be the last copies."""
        self._owner.check_place()
        deleted = sum(map(self._thumbnails, self._parts(thumbnail_cache.FOLDER)))
        lost = not self._owner.count("image")  # a database that was lost looks like an empty one
        return deleted + sum(self._uploads(part, lost) for part in self._parts(uploads.FOLDER))

    def _parts(self, prefix: str) -> Iterator[list[StoredObject]]:
        """The objects of each part, beginning with another one each time, while there is time."""
        parts = sorted(self._objects.folders(prefix))
        start = int(self._now) % max(1, len(parts))
        until = time.monotonic() + self._seconds
        for part in [*parts[start:], *parts[:start]]:
            if time.monotonic() > until:
                return
            yield self._objects.objects(part)

    def _thumbnails(self, part: Sequence[StoredObject]) -> int:
        old = [thumbnail for thumbnail in part if thumbnail.age_s(self._now) > ASIDE_S]
        known = self._owner.contents_among(list({_content(thumbnail) for thumbnail in old}))
        useless = [
            thumbnail
            for thumbnail in old
            if _content(thumbnail) not in known or not thumbnail_cache.is_current(thumbnail.name)
        ]
        return sum(self._objects.delete(thumbnail.key) for thumbnail in useless)

    def _uploads(self, part: Sequence[StoredObject], lost: bool) -> int:
        aside = [
            stored
            for stored in part
            if stored.name.endswith(ASIDE) and stored.age_s(self._now) > ASIDE_S
        ]
        deleted = sum(self._objects.delete(stored.key) for stored in aside)
        kept = [stored for stored in part if UPLOAD.fullmatch(stored.name)]
        known = self._owner.contents_among([_content(stored) for stored in kept])
        marks = {stored.name: stored for stored in part if stored.name.endswith(UNCLAIMED)}
        for mark in marks.values():
            if _content(mark) in known:
                self._objects.delete(mark.key)
        for stored in kept:
            if _content(stored) not in known:
                deleted += self._orphan(stored, marks.get(stored.name + UNCLAIMED), lost)
        return deleted

    def _orphan(self, stored: StoredObject, mark: StoredObject | None, lost: bool) -> int:
        """Mark an upload without an item; delete it once its mark is old."""
        if mark is None:
            log.warning(
                "%s: belongs to no item; it will be deleted after %d days; to keep it, restore the "
                "database, or copy it elsewhere and index it there",
                self._objects.address_of(stored.key), UNCLAIMED_S // 86400,
            )  # fmt: skip
            self._objects.write(stored.key + UNCLAIMED, b"")
            return 0
        if lost or mark.age_s(self._now) <= UNCLAIMED_S:
            return 0
        try:
            with self._owner.exclusive("uploading", part=_content(stored)):
                if self._owner.contents_among([_content(stored)]):
                    return 0
                self._objects.delete(mark.key)
                return int(self._objects.delete(stored.key))
        except StoreBusy:
            return 0


def _content(stored: StoredObject) -> str:
    """The hash by which an object is named."""
    return stored.name[:64]
