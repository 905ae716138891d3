"""Writes entries of images as rows, many at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cached_property

from mmembed.store.entries import CaptionEntry, ImageEntry, Mark, Reading, Words, by_hand, storable
from mmembed.store.item_columns import OF_FILE
from mmembed.store.postgres.connections import Session
from mmembed.store.postgres.said_words import (
    Captioned,
    add_tags,
    set_captions,
    set_fields,
    set_tags,
    words_of,
)
from mmembed.store.postgres.write_records import keep_hashes
from mmembed.store.postgres.write_vectors import VectorSpace, keep_vectors, serving_space
from mmembed.store.uploads import is_of_any_folder
from mmembed.types import HeaderFacts

_TYPES = {"text": ("sha256", "format", "date", "taken", "camera", "lens"),
          "double precision": ("latitude", "longitude")}  # fmt: skip
_TYPE_OF = {name: of_type for of_type, names in _TYPES.items() for name in names}
_COLUMNS = ", ".join(f"{name} {_TYPE_OF.get(name, 'bigint')}" for name in OF_FILE)
INTO_ITEMS = f"items (kind text, path text, added bigint, {_COLUMNS})"
INTO_MARKS = "file_marks (item_id bigint, device bigint, inode bigint, ctime_ns bigint)"
UPDATE_SQL = f"UPDATE items SET {', '.join(f'{name} = %s' for name in OF_FILE)} WHERE id = %s"
MARK_SQL = """ON CONFLICT (item_id) DO UPDATE
SET device = excluded.device, inode = excluded.inode, ctime_ns = excluded.ctime_ns"""


class ImageWriter:
    """Writes the rows of one transaction; their vectors are of the model that serves."""

    def __init__(
        self, session: Session, name: str, upload_path: Callable[[str, str], str | None]
    ) -> None:
        """name: of the store, in errors. upload_path: where an upload lies in this store, by its
        path and content; None for a path that is no upload."""
        self._session = session
        self._name = name
        self._upload_path = upload_path
        self._now = int(time.time())

    @cached_property
    def _space(self) -> VectorSpace:
        return serving_space(self._session, self._name)

    def write(self, entries: Sequence[ImageEntry]) -> list[int]:
        """Add images, or replace the items at their paths; returns their ids. Raises Unstorable."""
        known = self._known(entries)
        new: dict[str, ImageEntry] = {}
        for entry in entries:
            if entry.path not in known:
                new.setdefault(entry.path, entry)
        rows = [
            ("image", path, self._now if entry.added is None else entry.added, *_values(entry))
            for path, entry in new.items()
        ]
        inserted = self._session.insert(INTO_ITEMS, rows, "RETURNING id", keys=list(new))
        ids = {**known, **{path: int(row[0]) for path, row in zip(new, inserted, strict=True)}}
        self._session.many(
            UPDATE_SQL,
            [(*_values(e), ids[e.path]) for e in entries if new.get(e.path) is not e],
        )
        # After the rows: a content that loses its last item loses its vector, too.
        contents = [(entry.sha256, entry.embedding) for entry in entries]
        keep_vectors(self._session, self._space, "image", contents)
        hashes = {one.sha256: one.hashes for one in entries if one.hashes is not None}
        keep_hashes(self._session, hashes)
        marks = {ids[entry.path]: entry.mark for entry in entries if entry.mark is not None}
        mark_files(self._session, list(marks.items()))
        self._say(entries, ids, {ids[path] for path in new})
        return [ids[entry.path] for entry in entries]

    def _known(self, entries: Sequence[ImageEntry]) -> dict[str, int]:
        """Ids of the items that lie at these paths, or that are the same uploads from when the
        files of the store lay elsewhere: those get the new path."""
        sql = "SELECT path, id FROM items WHERE kind = 'image' AND path = ANY(%s)"
        rows = self._session.rows(sql, ([entry.path for entry in entries],))
        known = {str(path): int(item_id) for path, item_id in rows}
        for entry in entries:
            if entry.path not in known and self._is_upload(entry):
                moved = self._same_upload(entry)
                if moved is not None:
                    known[entry.path] = moved
                    set_paths(self._session, {moved: entry.path})
        return known

    def _is_upload(self, entry: ImageEntry) -> bool:
        return entry.path == self._upload_path(entry.path, entry.sha256)

    def _same_upload(self, entry: ImageEntry) -> int | None:
        sql = "SELECT id, path FROM items WHERE kind = 'image' AND sha256 = %s ORDER BY id"
        for item_id, path in self._session.rows(sql, (entry.sha256,)):
            if path is not None and is_of_any_folder(str(path), entry.sha256):
                return int(item_id)
        return None

    def _say(self, entries: Sequence[ImageEntry], ids: Mapping[str, int], new: set[int]) -> None:
        """Write the words of entries. Most pictures are new, without captions and tags."""
        described = [
            (ids[entry.path], entry.path, entry.reading, entry.captions)
            for entry in entries
            if entry.reading is not None and (entry.reading.words or ids[entry.path] not in new)
        ]
        if described:
            self.describe(described)
        for entry in entries:
            if entry.reading is None and entry.captions:
                self._add_by_hand(ids[entry.path], entry.path, entry.captions)
            if entry.reading is None and entry.tags:
                add_tags(self._session, {ids[entry.path]: by_hand(entry.tags)})

    def describe(
        self, described: Sequence[tuple[int, str | None, Reading, Sequence[CaptionEntry]]]
    ) -> None:
        """Update the captions and tags of images from their files; texts that were set by hand
        stay. A caption of a file without an entry is left out."""
        before = words_of(self._session.rows, [image_id for image_id, *_ in described])
        words: dict[int, Words] = {
            image_id: reading.after(before[image_id]) for image_id, _, reading, _ in described
        }
        captioned = [
            Captioned(image_id, path, words[image_id].captions, {e.text: e for e in captions})
            for image_id, path, _, captions in described
        ]
        set_captions(self._session, lambda: self._space, captioned, self._now)
        set_tags(self._session, {image_id: said.tags for image_id, said in words.items()})
        set_fields(self._session, {image_id: said.fields for image_id, said in words.items()})

    def _add_by_hand(self, image_id: int, path: str, captions: Sequence[CaptionEntry]) -> None:
        """Add captions to those that the image has."""
        said = dict(words_of(self._session.rows, [image_id])[image_id].captions)
        entries = {entry.text: entry for entry in captions}
        for text, sources in by_hand(list(entries)).items():
            said[text] = {*said.get(text, ()), *sources}
        image = Captioned(image_id, path, said, entries)
        set_captions(self._session, lambda: self._space, [image], self._now)

    def set_by_hand(
        self, image_id: int, path: str | None, captions: Sequence[CaptionEntry]
    ) -> None:
        """Make these the image's captions, in this order; captions that stay keep their ids."""
        entries = {entry.text: entry for entry in captions}
        image = Captioned(image_id, path, by_hand(list(entries)), entries)
        set_captions(self._session, lambda: self._space, [image], self._now)


def _values(entry: ImageEntry) -> tuple[object, ...]:
    """The values of OF_FILE."""
    facts = entry.header or HeaderFacts()
    return (
        entry.sha256,
        entry.width,
        entry.height,
        storable(entry.bytes),
        entry.format,
        storable(entry.mtime_ns),
        date_of(facts.taken, entry.mtime_ns),
        entry.header_read,
        *asdict(facts).values(),
    )


def date_of(taken: str | None, mtime_ns: int) -> str:
    """When a picture was taken, else when its file was changed: local time, YYYY-MM-DDTHH:MM:SS."""
    if taken:
        return taken[: len("2024-05-01T10:00:00")]
    return datetime.fromtimestamp(storable(mtime_ns) // 10**9).isoformat()


def set_paths(session: Session, paths: Mapping[int, str]) -> None:
    """Set the paths of images and of their captions, by id."""
    rows = [(path, item_id, item_id) for item_id, path in paths.items()]
    session.many("UPDATE items SET path = %s WHERE id = %s OR image_id = %s", rows)


def mark_files(session: Session, marks: Sequence[tuple[int, Mark]]) -> None:
    """Set the marks of images' files, by id; each id once."""
    rows = {item_id: (item_id, *mark) for item_id, mark in marks}
    session.insert(INTO_MARKS, list(rows.values()), MARK_SQL)
