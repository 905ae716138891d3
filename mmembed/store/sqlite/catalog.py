"""Writes the catalog: all its changes, each vector with its row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.counted import counted
from mmembed.errors import (
    ModelMismatch,
    NotFound,
    StoreFull,
)
from mmembed.store.chunks import Chunk
from mmembed.store.entries import (
    CaptionEntry,
    ImageEntry,
    KeptOut,
    Mark,
    Model,
    Reading,
    by_hand,
    storable,
)
from mmembed.store.sqlite.captions_and_tags import choose_first_caption, keep_tags_among, set_tags
from mmembed.store.sqlite.layout_4 import UNCUT
from mmembed.store.sqlite.manifest_fields import add_index, drop_index
from mmembed.store.sqlite.rows import local_time
from mmembed.store.sqlite.word_rows import rebuild_words
from mmembed.store.sqlite.write_records import RecordChanges
from mmembed.store.sqlite.write_rows import (
    RowWriter,
    mark_file,
    note_header,
    set_path,
)
from mmembed.store.sqlite.write_vectors import (
    keep_vector,
    replace_by_chunks,
    serving_space,
    space_of,
)
from mmembed.types import Failure, HeaderFacts, Kind

LACKING_SQL = """
SELECT count(*) FROM items WHERE NOT EXISTS (
  SELECT 1 FROM content_vectors AS of_content WHERE of_content.kind = items.kind
  AND of_content.sha256 = items.sha256 AND model_id = ?)
"""

KEEP_OUT_SQL = """
INSERT OR REPLACE INTO kept_out VALUES (:path, :sha256, coalesce(:device, (
  SELECT device FROM items JOIN file_marks ON item_id = id WHERE path = :path LIMIT 1)))
"""


class Catalog(RecordChanges):
    """The catalog of a collection. Every change is durable when its method returns.

    Methods raise StoreBusy if another process holds the write lock for too long, and StoreError if
    the disk refuses. In both cases nothing of the change is stored.
    """

    def claim(self, model: Model) -> None:
        """Bind an empty folder to a model, or make sure that it is bound to this one.

        Raises ModelMismatch, with the remedy, if it was built with another.
        """
        known = self.model()
        if known is None:
            with self._transaction() as db:
                space = space_of(db, model)
                db.execute(
                    "INSERT OR IGNORE INTO meta VALUES ('serving_model', ?)", (str(space.model_id),)
                )
            known = self.model()
        if known is None or known.fingerprint != model.fingerprint:
            raise ModelMismatch(_mismatch(self.folder, known, model))

    def add_embeddings(
        self, kind: Kind, embeddings: Mapping[str, NDArray[np.float32]], model: Model
    ) -> None:
        """Add vectors of a model, float32 (dim,), by sha256. Contents without an item are skipped,
        and so are contents that have a vector. The model need not serve. Raises Unstorable."""
        with self._transaction() as db:
            space = space_of(db, model)
            for sha256, embedding in embeddings.items():
                some_item = "SELECT 1 FROM items WHERE kind = ? AND sha256 = ? LIMIT 1"
                if db.execute(some_item, (kind, sha256)).fetchone():
                    keep_vector(db, space, kind, sha256, embedding)

    def cut_captions(self, cuts: Mapping[str, Sequence[Chunk]], down_to: int) -> None:
        """Give captions the vectors of their chunks instead of the one that they have, by sha256.
        down_to: the captions with this id and above it need not be looked at again."""
        with self._transaction() as db:
            space = serving_space(db)
            for sha256, chunks in cuts.items():
                some_item = "SELECT 1 FROM items WHERE kind = 'caption' AND sha256 = ? LIMIT 1"
                if db.execute(some_item, (sha256,)).fetchone():
                    replace_by_chunks(db, space, sha256, chunks)
            db.execute("UPDATE meta SET value = ? WHERE key = ?", (str(down_to - 1), UNCUT))

    def serve(self, model: Model) -> None:
        """Have a model serve from now on; vectors of other models stay. Raises ModelMismatch if an
        item has no vector of it."""
        with self._transaction() as db:
            space = space_of(db, model)
            [lacking] = db.execute(LACKING_SQL, (space.model_id,)).fetchone()
            if lacking:
                raise ModelMismatch(
                    f"{self.folder}: {counted(lacking, 'item')} without a vector of {model.name}; "
                    "embed them with it before it serves"
                )
            db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('serving_model', ?)", (str(space.model_id),)
            )

    def write(self, entries: Sequence[ImageEntry], failures: Sequence[Failure] = ()) -> list[int]:
        """Add images, or replace the items at their paths; returns their ids.

        An upload replaces the upload with its content, though the folder was elsewhere then.
        Captions and tags that were set by hand are added to those of a replaced item. Failures
        of the same batch are stored; a path that succeeds loses its old failure.
        """
        with self._transaction() as db:
            rows = RowWriter(db, self.folder)
            ids = [rows.write_image(entry) for entry in entries]
            db.executemany("DELETE FROM failures WHERE path = ?", [(e.path,) for e in entries])
            db.executemany(
                "INSERT OR REPLACE INTO failures (path, error, message) VALUES (?, ?, ?)",
                [(f.name, f.code, f.message) for f in failures],
            )
        return ids

    def write_caption(self, entry: CaptionEntry, tags: Sequence[str] = ()) -> int:
        """Add a caption that belongs to no image; the same text keeps its id."""
        return self.write_captions([(entry, tags)])[0]

    def write_captions(self, captions: Sequence[tuple[CaptionEntry, Sequence[str]]]) -> list[int]:
        """`write_caption` for many, each with its tags: all are written, or none."""
        with self._transaction() as db:
            rows = RowWriter(db, self.folder)
            return [rows.write_caption(entry, tags) for entry, tags in captions]

    def update(
        self,
        item_id: int,
        *,
        captions: Sequence[CaptionEntry] | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        """Make these an image's captions and an item's tags, by hand; None leaves what is there.
        Captions that stay keep their ids. Raises NotFound."""
        with self._transaction() as db:
            row = db.execute("SELECT path FROM items WHERE id = ?", (item_id,)).fetchone()
            if row is None:
                raise NotFound(f"item {item_id}: no such item")
            if captions is not None:
                RowWriter(db, self.folder).set_by_hand(item_id, row[0], captions)
            if tags is not None:
                keep_tags_among(db, item_id, tags)
                set_tags(db, item_id, by_hand(tags))

    def index_field(self, name: str) -> None:
        """Index a field of manifests, so that conditions on it need not read every item. Raises
        LimitError for one too many."""
        with self._transaction() as db:
            add_index(db, name)

    def drop_field_index(self, name: str) -> None:
        """Drop the index of a field of manifests. Raises NotFound."""
        with self._transaction(adds=False) as db:
            drop_index(db, name)

    def describe(self, described: Sequence[tuple[int, Reading, Sequence[CaptionEntry]]]) -> None:
        """Update the captions and tags of images from their files; new captions need entries. Texts
        that were set by hand stay."""
        with self._transaction() as db:
            rows = RowWriter(db, self.folder)
            for image_id, reading, captions in described:
                row = db.execute("SELECT path FROM items WHERE id = ?", (image_id,)).fetchone()
                if row is not None:  # else removed meanwhile
                    rows.describe(image_id, row[0], reading, captions)

    def move(self, moves: Sequence[tuple[int, str, int, Mark]]) -> None:
        """Set the path, the modification time in nanoseconds and the mark of images, by id; the
        content stays."""
        with self._transaction() as db:
            for item_id, path, mtime_ns, mark in moves:
                changed = db.execute(
                    "UPDATE items SET mtime_ns = ?, date = coalesce(substr(taken, 1, 19), ?) "
                    "WHERE id = ?",
                    (storable(mtime_ns), local_time(mtime_ns), item_id),
                )
                if changed.rowcount:  # else removed meanwhile
                    mark_file(db, item_id, mark)
                set_path(db, item_id, path)
                db.execute("DELETE FROM failures WHERE path = ?", (path,))

    def mark_files(self, marks: Sequence[tuple[int, Mark]]) -> None:
        """Set the marks of images' files, by id."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO file_marks SELECT id, ?, ?, ? FROM items WHERE id = ?",
                [(*mark, item_id) for item_id, mark in marks],
            )

    def note_headers(self, headers: Mapping[int, HeaderFacts], version: int) -> None:
        """The facts in the headers of images' files, by id, as a version of their reader read
        them."""
        with self._transaction() as db:
            for item_id, facts in headers.items():
                note_header(db, item_id, facts, version)

    def forget_places(self) -> None:
        """Erase where pictures were taken."""
        if self._number("SELECT EXISTS (SELECT 1 FROM items WHERE latitude IS NOT NULL)"):
            with self._transaction(adds=False) as db:
                db.execute("PRAGMA secure_delete = ON")
                db.execute("UPDATE items SET latitude = NULL, longitude = NULL")

    def keep_out(self, paths: Mapping[str, KeptOut]) -> None:
        """Have later indexings skip files and folders. The device of an indexed file need not be
        given."""
        with self._transaction(adds=False) as db:
            for path, (sha256, device) in paths.items():
                db.execute(KEEP_OUT_SQL, {"path": path, "sha256": sha256, "device": device})

    def let_in(self, paths: Sequence[str]) -> None:
        """Let later indexings take these files and folders again."""
        with self._transaction() as db:
            db.executemany("DELETE FROM kept_out WHERE path = ?", [(path,) for path in paths])

    def remove(self, item_ids: Sequence[int]) -> int:
        """Remove items, with the captions of removed images; returns their number.

        On a full disk it uses the reserved room, and removes one item after the other.
        """
        try:
            return self._remove(item_ids)
        except StoreFull:
            self.make_room()
        return sum(self._remove([item_id]) for item_id in item_ids)

    def _remove(self, item_ids: Sequence[int]) -> int:
        with self._transaction(adds=False) as db:
            return sum(_remove(db, item_id) for item_id in item_ids)

    def rebuild_words(self) -> None:
        """Write the words of all images anew, and build their index anew."""
        with self._transaction() as db:
            rebuild_words(db)

    def forget_failures(self, gone: Callable[[str], bool]) -> None:
        """Delete the failures of paths for which `gone` is true."""
        paths = [(f.name,) for f in self.failures() if gone(f.name)]
        if paths:
            with self._transaction(adds=False) as db:
                db.executemany("DELETE FROM failures WHERE path = ?", paths)


def _remove(db: sqlite3.Connection, item_id: int) -> int:
    row = db.execute("SELECT image_id FROM items WHERE id = ?", (item_id,)).fetchone()
    if row is None:
        return 0
    db.execute("DELETE FROM items WHERE id = ?", (item_id,))
    if row[0] is not None:
        choose_first_caption(db, row[0])
    return 1


def _mismatch(folder: Path, known: Model | None, model: Model) -> str:
    if known is not None and known.name == model.name:
        return (
            f"{folder} holds vectors of another version of {model.name}: its weights or settings "
            "have changed since, and the two cannot be compared; index again into another folder "
            "with --data"
        )
    return (
        f"{folder} holds vectors of {known.name if known else 'another model'}, not of "
        f"{model.name}, and the two cannot be compared; choose that model, or another folder "
        "with --data"
    )
