"""Reading the models, their vectors, and the changes of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import NotFound
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.chunks import ChunkVector
from mmembed.store.entries import Model
from mmembed.store.postgres.filter_sql import condition_of
from mmembed.store.postgres.item_queries import ItemReader
from mmembed.store.postgres.rows import EMBEDDING, SERVING, halves, of_contents
from mmembed.store.postgres.schema import UNCUT
from mmembed.types import Item, Kind

CHANGES_SQL = """
SELECT vector_id, min(op), max(op) FROM changes
WHERE kind = %s AND seq > %s AND seq <= %s AND model_id = {model} GROUP BY vector_id
ORDER BY vector_id
"""
VECTORS_SQL = f"SELECT id, {EMBEDDING.format('embedding')} FROM vectors WHERE id = ANY(%s)"
OF_ITEMS_SQL = f"""
SELECT items.id, {EMBEDDING.format("embedding")} FROM items
JOIN content_vectors AS of_content USING (kind, sha256)
JOIN vectors ON vectors.id = of_content.vector_id
WHERE items.id = ANY(%s) AND of_content.model_id = {SERVING} ORDER BY items.id, start
"""
OF_CONTENTS_SQL = f"""
SELECT sha256, {EMBEDDING.format("embedding")} FROM content_vectors AS of_content
JOIN vectors ON vectors.id = vector_id
WHERE of_content.kind = %s AND sha256 = ANY(%s) AND of_content.model_id = {{model}}
ORDER BY sha256, start
"""
PARTS_SQL = f"""
SELECT sha256, start, stop, {EMBEDDING.format("embedding")} FROM content_vectors AS of_content
JOIN vectors ON vectors.id = vector_id
WHERE of_content.kind = %s AND sha256 = ANY(%s) AND of_content.model_id = {SERVING}
ORDER BY sha256, start
"""
CHUNKS_SQL = f"""
SELECT items.id, start, stop, vector_id FROM items
JOIN content_vectors AS of_content USING (kind, sha256)
WHERE items.id = ANY(%s) AND of_content.model_id = {SERVING} AND stop IS NOT NULL
ORDER BY items.id, start
"""
UNCUT_SQL = f"""
SELECT id, caption FROM items WHERE kind = 'caption'
AND id <= (SELECT value::bigint FROM meta WHERE key = '{UNCUT}') ORDER BY id DESC LIMIT %s
"""
WITHOUT_SQL = """
SELECT DISTINCT sha256 FROM items WHERE kind = %s AND sha256 > %s AND NOT EXISTS (
  SELECT 1 FROM content_vectors AS of_content WHERE of_content.kind = items.kind
  AND of_content.sha256 = items.sha256 AND model_id = {model}) ORDER BY sha256 LIMIT %s
"""


class StoredVectors(ItemReader):
    """Queries of vectors; see Vectors and Chunks. If no model is named, the serving model is
    meant."""

    def model(self) -> Model | None:
        """See Vectors.model."""
        rows = self._rows(f"SELECT name, fingerprint, dim FROM models WHERE id = {SERVING}")
        return Model(*rows[0]) if rows else None

    def models(self) -> list[Model]:
        """See Vectors.models."""
        rows = self._rows("SELECT name, fingerprint, dim FROM models ORDER BY id")
        return [Model(*row) for row in rows]

    def last_change(self) -> int:
        """See Vectors.last_change."""
        return self._number("SELECT max(seq) FROM changes")

    def changes(
        self, kind: Kind, after: int, until: int, model: Model | None = None
    ) -> tuple[list[int], list[int]]:
        """See Vectors.changes."""
        of_model, values = _id_of(model)
        added, removed = [], []
        sql = CHANGES_SQL.format(model=of_model)
        for vector_id, least, most in self._rows(sql, (kind, after, until, *values)):
            if least == 1:
                added.append(int(vector_id))
            elif most == -1:
                removed.append(int(vector_id))
        return added, removed

    def embeddings(self, vector_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """See Vectors.embeddings."""
        found = dict(self._rows(VECTORS_SQL, (list(vector_ids),)))
        ids = [vector_id for vector_id in dict.fromkeys(vector_ids) if vector_id in found]
        return ids, halves([found[vector_id] for vector_id in ids])

    def all_embeddings(
        self, kind: Kind, chunk: int = 10_000, model: Model | None = None
    ) -> Iterator[tuple[list[int], NDArray[np.float16]]]:
        """See Vectors.all_embeddings."""
        of_model, values = _id_of(model)
        sql = (
            f"SELECT id, {EMBEDDING.format('embedding')} FROM vectors "
            f"WHERE kind = %s AND model_id = {of_model} AND id > %s ORDER BY id LIMIT %s"
        )
        after = 0
        while rows := self._rows(sql, (kind, *values, after, chunk)):
            ids = [int(row[0]) for row in rows]
            yield ids, halves([row[1] for row in rows])
            after = ids[-1]

    def vector_of(self, item_id: int) -> NDArray[np.float16]:
        """See Vectors.vector_of. Raises NotFound."""
        for row in self.vectors_of([item_id])[1]:
            vector: NDArray[np.float16] = row
            return vector
        raise NotFound(f"item {item_id}: no such item")

    def vectors_of(self, item_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """See Vectors.vectors_of."""
        found = of_contents(self._rows(OF_ITEMS_SQL, (list(item_ids),)))
        ids = [item_id for item_id in item_ids if item_id in found]
        if not ids:
            return ids, np.empty((0, 0), dtype=np.float16)
        return ids, np.stack([found[item_id] for item_id in ids])

    def embeddings_of(
        self, kind: Kind, contents: Sequence[str], model: Model | None = None
    ) -> dict[str, NDArray[np.float16]]:
        """See Vectors.embeddings_of."""
        of_model, values = _id_of(model)
        sql = OF_CONTENTS_SQL.format(model=of_model)
        return of_contents(self._rows(sql, (kind, list(contents), *values)))

    def parts_of(
        self, kind: Kind, contents: Sequence[str]
    ) -> dict[str, list[tuple[int, int | None, NDArray[np.float16]]]]:
        """The vectors of contents by sha256, each with the first character of its chunk and the one
        after the last; a whole content has (0, None)."""
        parts: dict[str, list[tuple[int, int | None, NDArray[np.float16]]]] = {}
        for sha256, start, stop, embedding in self._rows(PARTS_SQL, (kind, list(contents))):
            parts.setdefault(str(sha256), []).append((start, stop, halves([embedding])[0]))
        return parts

    def contents_without(self, kind: Kind, model: Model, limit: int, after: str = "") -> list[str]:
        """See Vectors.contents_without."""
        of_model, values = _id_of(model)
        rows = self._rows(WITHOUT_SQL.format(model=of_model), (kind, after, *values, limit))
        return [str(row[0]) for row in rows]

    def chunks_of(self, item_ids: Sequence[int]) -> dict[int, list[ChunkVector]]:
        """See Chunks.chunks_of."""
        found: dict[int, list[ChunkVector]] = {}
        for item_id, *place in self._rows(CHUNKS_SQL, (list(item_ids),)):
            found.setdefault(int(item_id), []).append(ChunkVector(*place))
        return found

    def uncut_captions(self, limit: int) -> list[tuple[int, str]]:
        """See Chunks.uncut_captions."""
        return [(int(item_id), str(text)) for item_id, text in self._rows(UNCUT_SQL, (limit,))]

    # -- items of vectors ------------------------------------------------------------

    def items_of_vectors(
        self, vector_ids: Sequence[int], where: Where = EVERYTHING
    ) -> dict[int, list[Item]]:
        """See Vectors.items_of_vectors."""
        condition, values = condition_of(where)
        sql = (
            "SELECT vector_id, items.id, items.sha256, start, stop "
            "FROM content_vectors AS of_content JOIN items USING (kind, sha256) "
            f"WHERE vector_id = ANY(%s) AND {condition} ORDER BY items.id, start"
        )
        places = self._rows(sql, (list(vector_ids), *values), where=where)
        # Each item once: a long caption has thousands of chunks, and a text for all of them.
        known = {item.id: item for item in self.items(list({place[1] for place in places}))}
        items: dict[int, list[Item]] = {}
        for vector_id, item_id, sha256, start, stop in places:
            item = known.get(item_id)
            if item is not None and item.sha256 == sha256:  # not replaced meanwhile
                item = item if stop is None else replace(item, chunk=(start, stop))
                items.setdefault(int(vector_id), []).append(item)
        return items

    def images_of_vectors(
        self, vector_ids: Sequence[int], kind: Kind, where: Where = EVERYTHING
    ) -> dict[int, list[int]]:
        """Ids of the images that pass and carry each of these vectors, themselves or by a
        caption."""
        condition, values = condition_of(where)
        of_image = "JOIN items USING (kind, sha256)"
        of_caption = (
            "JOIN items AS captions USING (kind, sha256) JOIN items ON items.id = captions.image_id"
        )
        sql = (
            "SELECT DISTINCT vector_id, items.id FROM content_vectors AS of_content "
            f"{of_image if kind == 'image' else of_caption} "
            f"WHERE vector_id = ANY(%s) AND {condition} ORDER BY 2"
        )
        found: dict[int, list[int]] = {}
        for vector_id, item_id in self._rows(sql, (list(vector_ids), *values), where=where):
            found.setdefault(int(vector_id), []).append(int(item_id))
        return found


def _id_of(model: Model | None) -> tuple[str, tuple[str, ...]]:
    """SQL for a model's id, NULL if the store does not know it, and the bound values."""
    if model is None:
        return SERVING, ()
    return "(SELECT id FROM models WHERE fingerprint = %s)", (model.fingerprint,)
