"""Changing items, and the models that have vectors of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.counted import counted
from mmembed.errors import ModelMismatch, NotFound
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry, ImageEntry, Model, Reading, by_hand
from mmembed.store.postgres.connections import Session
from mmembed.store.postgres.said_words import add_tags, choose_first_captions, set_tags
from mmembed.store.postgres.schema import UNCUT
from mmembed.store.postgres.vector_queries import StoredVectors
from mmembed.store.postgres.word_rows import write_words
from mmembed.store.postgres.write_files import FileWriter
from mmembed.store.postgres.write_images import ImageWriter
from mmembed.store.postgres.write_vectors import (
    keep_captions,
    keep_vectors,
    replace_by_chunks,
    serving_space,
    space_of,
)
from mmembed.types import Failure, Kind

LACKING_SQL = """
SELECT count(*) FROM items WHERE NOT EXISTS (
  SELECT 1 FROM content_vectors AS of_content WHERE of_content.kind = items.kind
  AND of_content.sha256 = items.sha256 AND model_id = %s)
"""
SERVE_SQL = """
INSERT INTO meta VALUES ('serving_model', %s)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
NOT_AMONG_SQL = "DELETE FROM automatic_tags WHERE item_id = %s AND tag <> ALL(%s)"


class StoreWriter(FileWriter, StoredVectors):
    """Changes; see ItemWriter, Vectors and Chunks."""

    # -- models and vectors ----------------------------------------------------------

    def claim(self, model: Model) -> None:
        """See Vectors.claim. Raises ModelMismatch."""
        known = self.model()
        if known is None:
            with self._changing() as session:
                space = space_of(session, model)
                session.run(
                    "INSERT INTO meta VALUES ('serving_model', %s) ON CONFLICT DO NOTHING",
                    (str(space.model_id),),
                )
            known = self.model()
        if known is None or known.fingerprint != model.fingerprint:
            raise ModelMismatch(_mismatch(self.name, known, model))

    def serve(self, model: Model) -> None:
        """See Vectors.serve. Raises ModelMismatch."""
        with self._changing() as session:
            space = space_of(session, model)
            [(lacking,)] = session.rows(LACKING_SQL, (space.model_id,))
            if lacking:
                raise ModelMismatch(
                    f"{self.name}: {counted(lacking, 'item')} without a vector of {model.name}; "
                    "embed them with it before it serves"
                )
            session.run(SERVE_SQL, (str(space.model_id),))

    def add_embeddings(
        self, kind: Kind, embeddings: Mapping[str, NDArray[np.float32]], model: Model
    ) -> None:
        """See Vectors.add_embeddings. Raises Unstorable."""
        with self._changing() as session:
            space = space_of(session, model)
            sql = "SELECT DISTINCT sha256 FROM items WHERE kind = %s AND sha256 = ANY(%s)"
            known = {row[0] for row in session.rows(sql, (kind, list(embeddings)))}
            wanted = [(sha256, row) for sha256, row in embeddings.items() if sha256 in known]
            keep_vectors(session, space, kind, wanted)

    def cut_captions(self, cuts: Mapping[str, Sequence[Chunk]], down_to: int) -> None:
        """See Chunks.cut_captions. Raises Unstorable."""
        with self._changing() as session:
            space = serving_space(session, self.name)
            sql = "SELECT DISTINCT sha256 FROM items WHERE kind = 'caption' AND sha256 = ANY(%s)"
            known = {row[0] for row in session.rows(sql, (list(cuts),))}
            replace_by_chunks(session, space, {one: cuts[one] for one in cuts if one in known})
            sql = "UPDATE meta SET value = %s WHERE key = %s"
            session.run(sql, (str(down_to - 1), UNCUT))

    # -- items -----------------------------------------------------------------------

    def write(
        self,
        entries: Sequence[ImageEntry],
        failures: Sequence[Failure] = (),
        *,
        settled: Sequence[str] = (),
    ) -> list[int]:
        """See ItemWriter.write. settled: further paths whose failures are over. Raises
        Unstorable."""
        with self._changing() as session:
            ids = self._images(session).write(entries) if entries else []
            paths = [*(entry.path for entry in entries), *settled]
            session.run("DELETE FROM failures WHERE path = ANY(%s)", (paths,))
            rows = {failure.name: (failure.name, failure.code, failure.message)
                    for failure in failures}  # fmt: skip
            session.insert(
                "failures (path text, error text, message text)",
                list(rows.values()),
                "ON CONFLICT (path) DO UPDATE SET error = excluded.error, "
                "message = excluded.message, at = now()",
            )
            write_words(session)
        return ids

    def write_caption(self, entry: CaptionEntry, tags: Sequence[str] = ()) -> int:
        """See ItemWriter.write_caption. Raises Unstorable."""
        return self.write_captions([(entry, tags)])[0]

    def write_captions(self, captions: Sequence[tuple[CaptionEntry, Sequence[str]]]) -> list[int]:
        """See ItemWriter.write_captions. Raises Unstorable."""
        with self._changing() as session:
            ids = self._alone(session, [entry for entry, _ in captions])
            tags: dict[int, list[str]] = {}
            for entry, of_entry in captions:
                tags.setdefault(ids[entry.sha256], []).extend(of_entry)
            add_tags(session, {item_id: by_hand(of_item) for item_id, of_item in tags.items()})
            write_words(session)
        return [ids[entry.sha256] for entry, _ in captions]

    def _alone(self, session: Session, entries: Sequence[CaptionEntry]) -> dict[str, int]:
        """The ids of captions of no image by sha256; the missing ones are added."""
        sql = (
            "SELECT sha256, id FROM items WHERE kind = 'caption' AND sha256 = ANY(%s) "
            "AND image_id IS NULL"
        )
        rows = session.rows(sql, ([entry.sha256 for entry in entries],))
        ids = {str(sha256): int(item_id) for sha256, item_id in rows}
        new = {entry.sha256: entry for entry in entries if entry.sha256 not in ids}
        if new:
            now = int(time.time())
            inserted = session.insert(
                "items (kind text, sha256 text, caption text, added bigint)",
                [("caption", one.sha256, one.text, now if one.added is None else one.added)
                 for one in new.values()],
                "RETURNING id",
                keys=list(new),
            )  # fmt: skip
            keep_captions(session, serving_space(session, self.name), list(new.values()))
            ids |= {key: int(row[0]) for key, row in zip(new, inserted, strict=True)}
        return ids

    def update(
        self,
        item_id: int,
        *,
        captions: Sequence[CaptionEntry] | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        """See ItemWriter.update. Raises NotFound, Unstorable."""
        with self._changing() as session:
            rows = session.rows("SELECT path FROM items WHERE id = %s", (item_id,))
            if not rows:
                raise NotFound(f"item {item_id}: no such item")
            if captions is not None:
                self._images(session).set_by_hand(item_id, rows[0][0], captions)
            if tags is not None:
                session.run(NOT_AMONG_SQL, (item_id, list(tags)))
                set_tags(session, {item_id: by_hand(tags)})
            write_words(session)

    def describe(self, described: Sequence[tuple[int, Reading, Sequence[CaptionEntry]]]) -> None:
        """See ItemWriter.describe. Raises Unstorable."""
        with self._changing() as session:
            sql = "SELECT id, path FROM items WHERE id = ANY(%s)"
            paths = dict(session.rows(sql, ([image_id for image_id, *_ in described],)))
            present = [
                (image_id, paths[image_id], reading, captions)
                for image_id, reading, captions in described
                if image_id in paths  # else removed meanwhile
            ]
            self._images(session).describe(present)
            write_words(session)

    def remove(self, item_ids: Sequence[int]) -> int:
        """See ItemWriter.remove."""
        with self._changing() as session:
            sql = "SELECT id, image_id FROM items WHERE id = ANY(%s)"
            rows = session.rows(sql, (list(item_ids),))
            ids = {item_id for item_id, _ in rows}
            session.run("DELETE FROM items WHERE id = ANY(%s)", (list(ids),))
            images = {image_id for _, image_id in rows if image_id is not None} - ids
            choose_first_captions(session, sorted(images))
            write_words(session)
        return len(ids)

    def _images(self, session: Session) -> ImageWriter:
        return ImageWriter(session, self.name, self.upload_path)

    def upload_path(self, path: str, sha256: str) -> str | None:
        """Where an upload lies in this store; None for a path that is no upload."""
        raise NotImplementedError


def _mismatch(name: str, known: Model | None, model: Model) -> str:
    if known is not None and known.name == model.name:
        return (
            f"{name} holds vectors of another version of {model.name}: its weights or settings "
            "have changed since, and the two cannot be compared; index again into another store, "
            "such as ?schema=NAME of this database"
        )
    return (
        f"{name} holds vectors of {known.name if known else 'another model'}, not of {model.name}, "
        "and the two cannot be compared; choose that model, or another store, such as "
        "?schema=NAME of this database"
    )
