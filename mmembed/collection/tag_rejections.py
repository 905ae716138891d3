"""Tags that people took off pictures: no label set gives them again.

A rejection belongs to the content of a picture, so it outlives a move of the file. It is a record
of the store, named by the content. A person who gives the tag by hand takes the rejection back.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection as Some
from contextlib import AbstractContextManager

from mmembed.store.protocol import Store

log = logging.getLogger(__name__)

RECORD = "rejected_tags"
"""The kind of the records, each named by the sha256 of a content."""
LOCK_WAIT_S = 10.0


class TagRejections:
    """Reads and writes rejections. Any thread may call it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> dict[str, frozenset[str]]:
        """The rejected tags of every content that has some, by sha256."""
        kept = self._store.records(RECORD)
        return {content: _read(content, record) for content, record in kept.items()}

    def by_tag(self, tags: Some[str]) -> dict[str, set[int]]:
        """The ids of the images that a person took each of these tags off, by tag; tags without
        any are left out."""
        found: dict[str, set[int]] = {}
        for item_id, rejected in self.by_image(frozenset(tags)).items():
            for tag in rejected:
                found.setdefault(tag, set()).add(item_id)
        return found

    def by_image(self, tags: frozenset[str] | None = None) -> dict[int, frozenset[str]]:
        """The rejected tags, or those among `tags`, of every image that has some, by its id."""
        found: dict[int, frozenset[str]] = {}
        for content, rejected in self.all().items():
            if some := rejected if tags is None else rejected & tags:
                found |= {one.item_id: some for one in self._store.images_of(content)}
        return found

    def note(self, content: str, *, given: Some[str], taken: Some[str] = ()) -> None:
        """Note what a person said of a content. given: tags that a person gives, which are no
        longer rejected. taken: tags that a person takes off. Raises StoreBusy."""
        if self._changed(content, given, taken) is None:
            return
        with self._locked():
            rejected = self._changed(content, given, taken)
            if rejected is not None:
                self._put({content: rejected})

    def allow(self, tags: Some[str] = ()) -> int:
        """Forget the rejections of these tags, or all of them; returns how many. Raises
        StoreBusy."""
        with self._locked():
            kept = self.all()
            gone = {one: some & frozenset(tags or some) for one, some in kept.items()}
            self._put({one: kept[one] - some for one, some in gone.items() if some})
        return sum(map(len, gone.values()))

    def _locked(self) -> AbstractContextManager[None]:
        return self._store.exclusive("uploading", part="rejected tags", wait_s=LOCK_WAIT_S)

    def _changed(self, content: str, given: Some[str], taken: Some[str]) -> frozenset[str] | None:
        """The rejected tags of a content afterwards; None if they stay."""
        record = self._store.record(RECORD, content)
        before = frozenset[str]() if record is None else _read(content, record)
        after = (before | frozenset(taken)) - frozenset(given)
        return None if after == before else after

    def _put(self, rejected: dict[str, frozenset[str]]) -> None:
        records = {one: json.dumps(sorted(some)).encode() for one, some in rejected.items() if some}
        if records:
            self._store.put_records(RECORD, records)
        if gone := [one for one, some in rejected.items() if not some]:
            self._store.delete_records(RECORD, gone)


def _read(content: str, record: bytes) -> frozenset[str]:
    """The tags of a record; none of a damaged one, which is logged."""
    try:
        return frozenset(tag for tag in json.loads(record) if isinstance(tag, str))
    except (ValueError, TypeError) as error:
        log.warning("the rejected tags of %s are damaged (%s), and do not count", content, error)
        return frozenset()
