"""Reading the catalog's models, vectors and their changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import NotFound
from mmembed.store.chunks import ChunkVector
from mmembed.store.entries import Model
from mmembed.store.mean_of_chunks import mean_of
from mmembed.store.sqlite.connections import Connections
from mmembed.store.sqlite.layout_4 import UNCUT
from mmembed.store.sqlite.rows import SERVING, chunks, marks, stack
from mmembed.types import Kind


class VectorReader(Connections):
    """Queries of vectors. If no model is named, the serving model is meant."""

    def model(self) -> Model | None:
        """The model that serves; None while the folder is bound to none."""
        rows = self._rows(f"SELECT name, fingerprint, dim FROM models WHERE id = {SERVING}")
        return Model(str(rows[0][0]), str(rows[0][1]), int(rows[0][2])) if rows else None

    def models(self) -> list[Model]:
        """Every model of the catalog, in the order of entry."""
        rows = self._rows("SELECT name, fingerprint, dim FROM models ORDER BY id")
        return [Model(str(name), str(digest), int(dim)) for name, digest, dim in rows]

    def last_change(self) -> int:
        """Sequence number of the newest change of any vector; 0 at the beginning."""
        return self._number("SELECT max(seq) FROM changes")

    def mark(self, seq: int) -> str:
        """A random mark of this change; hex, empty if there is none. It differs in another history
        of the catalog, such as before a backup was restored."""
        rows = self._rows("SELECT hex(mark) FROM changes WHERE seq = ?", (seq,))
        return str(rows[0][0]) if rows else ""

    def extent(self, kind: Kind, model: Model | None = None) -> tuple[int, int]:
        """The last change, and how many distinct vectors of a kind there are as of it."""
        model_id, values = _id_of(model)
        sql = (
            "SELECT (SELECT max(seq) FROM changes), "
            f"(SELECT count(*) FROM vectors WHERE kind = ? AND model_id = {model_id})"
        )
        [(seq, count)] = self._rows(sql, (kind, *values))
        return int(seq or 0), int(count)

    def changes(
        self, kind: Kind, after: int, until: int, model: Model | None = None
    ) -> tuple[list[int], list[int]]:
        """Ids of the added and of the removed vectors in (after, until], net of each other."""
        model_id, values = _id_of(model)
        sql = (
            "SELECT vector_id, min(op), max(op) FROM changes "
            f"WHERE kind = ? AND seq > ? AND seq <= ? AND model_id = {model_id} "
            "GROUP BY vector_id"
        )
        added, removed = [], []
        for vector_id, least, most in self._rows(sql, (kind, after, until, *values)):
            if least == 1:
                added.append(int(vector_id))
            elif most == -1:
                removed.append(int(vector_id))
        return added, removed

    def embeddings(self, vector_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """The ids that are still there, and their vectors: float16 (n, dim). All are of one
        model."""
        vectors: dict[int, bytes] = {}
        for chunk in chunks(vector_ids):
            sql = f"SELECT id, embedding FROM vectors WHERE id IN ({marks(chunk)})"
            vectors.update(self._rows(sql, chunk))
        return list(vectors), stack(list(vectors.values()))

    def all_embeddings(
        self, kind: Kind, chunk: int = 10_000, model: Model | None = None
    ) -> Iterator[tuple[list[int], NDArray[np.float16]]]:
        """Ids and float16 (n, dim) vectors of one kind by rising id, `chunk` rows at a time."""
        # The ids come from an index alone: vectors of other kinds and models are not read.
        model_id, values = _id_of(model)
        sql = f"SELECT id FROM vectors WHERE kind = ? AND model_id = {model_id}"
        rows = self._rows(sql, (kind, *values))
        ids = np.sort(np.fromiter((row[0] for row in rows), np.int64, len(rows)))
        del rows
        for start in range(0, len(ids), chunk):
            yield self.embeddings(ids[start : start + chunk].tolist())

    def vector_of(self, item_id: int) -> NDArray[np.float16]:
        """The item's embedding, float16 (dim,): of a caption in chunks the mean of theirs, which is
        unit-norm. Raises NotFound."""
        _, rows = self.vectors_of([item_id])
        for row in rows:
            vector: NDArray[np.float16] = row
            return vector
        raise NotFound(f"item {item_id}: no such item")

    def vectors_of(self, item_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """The items that are still there, in the given order, and their vectors as `vector_of`
        gives them: float16 (n, dim)."""
        vectors: dict[int, NDArray[np.float16]] = {}
        for chunk in chunks(item_ids):
            sql = (
                "SELECT items.id, embedding FROM items "
                "JOIN content_vectors AS of_content USING (kind, sha256) "
                "JOIN vectors ON vectors.id = of_content.vector_id "
                f"WHERE items.id IN ({marks(chunk)}) AND of_content.model_id = {SERVING}"
            )
            vectors |= _of_contents(self._rows(sql, chunk))
        ids = [item_id for item_id in item_ids if item_id in vectors]
        if not ids:
            return ids, np.empty((0, 0), dtype=np.float16)
        return ids, np.stack([vectors[item_id] for item_id in ids])

    def vector_ids_of(self, item_ids: Sequence[int]) -> dict[int, int]:
        """The id of a vector of each item that is still there, by the items' ids."""
        found: dict[int, int] = {}
        for chunk in chunks(item_ids):
            sql = (
                "SELECT items.id, vector_id FROM items "
                "CROSS JOIN content_vectors AS of_content USING (kind, sha256) "
                f"WHERE items.id IN ({marks(chunk)}) AND of_content.model_id = {SERVING}"
            )
            found.update(self._rows(sql, chunk))
        return found

    def chunks_of(self, item_ids: Sequence[int]) -> dict[int, list[ChunkVector]]:
        """The chunks of captions that are kept in chunks, by item id; other items are left out."""
        found: dict[int, list[ChunkVector]] = {}
        for some in chunks(item_ids):
            sql = (
                "SELECT items.id, start, stop, vector_id FROM items "
                "CROSS JOIN content_vectors AS of_content USING (kind, sha256) "
                f"WHERE items.id IN ({marks(some)}) AND of_content.model_id = {SERVING} "
                "AND stop IS NOT NULL ORDER BY items.id, start"
            )
            for item_id, *place in self._rows(sql, some):
                found.setdefault(int(item_id), []).append(ChunkVector(*place))
        return found

    def uncut_captions(self, limit: int) -> list[tuple[int, str]]:
        """Ids and texts of the next captions that may have to be cut into chunks, by falling id."""
        sql = (
            "SELECT id, caption FROM items NOT INDEXED WHERE id <= "
            f"(SELECT CAST(value AS INTEGER) FROM meta WHERE key = '{UNCUT}') "
            "AND kind = 'caption' ORDER BY id DESC LIMIT ?"
        )
        return [(int(item_id), str(text)) for item_id, text in self._rows(sql, (limit,))]

    def embeddings_of(
        self, kind: Kind, contents: Sequence[str], model: Model | None = None
    ) -> dict[str, NDArray[np.float16]]:
        """The vectors, float16 (dim,), that contents have already, by sha256; of a caption in
        chunks their mean, unit-norm."""
        model_id, values = _id_of(model)
        vectors: dict[str, NDArray[np.float16]] = {}
        for chunk in chunks(contents):
            sql = (
                "SELECT sha256, embedding FROM content_vectors AS of_content "
                "JOIN vectors ON vectors.id = vector_id "
                f"WHERE of_content.kind = ? AND sha256 IN ({marks(chunk)}) "
                f"AND of_content.model_id = {model_id}"
            )
            vectors |= _of_contents(self._rows(sql, (kind, *chunk, *values)))
        return vectors

    def contents_without(self, kind: Kind, model: Model, limit: int, after: str = "") -> list[str]:
        """Up to `limit` contents of items above `after`, by rising sha256, that have no vector of
        a model."""
        model_id, values = _id_of(model)
        sql = (
            "SELECT DISTINCT sha256 FROM items WHERE kind = ? AND sha256 > ? AND NOT EXISTS "
            "(SELECT 1 FROM content_vectors AS of_content WHERE of_content.kind = items.kind "
            f"AND of_content.sha256 = items.sha256 AND model_id = {model_id}) "
            "ORDER BY sha256 LIMIT ?"
        )
        return [str(row[0]) for row in self._rows(sql, (kind, after, *values, limit))]


def _of_contents(rows: Iterable[tuple[Any, bytes]]) -> dict[Any, NDArray[np.float16]]:
    """Stored embeddings by key: where a key has several, their mean."""
    blobs: dict[Any, list[bytes]] = {}
    for key, embedding in rows:
        blobs.setdefault(key, []).append(embedding)
    return {
        key: np.frombuffer(some[0], dtype="<f2") if len(some) == 1 else mean_of(stack(some))
        for key, some in blobs.items()
    }


def _id_of(model: Model | None) -> tuple[str, tuple[str, ...]]:
    """SQL for a model's id, NULL if the catalog does not know it, and the bound values."""
    if model is None:
        return SERVING, ()
    return "(SELECT id FROM models WHERE fingerprint = ?)", (model.fingerprint,)
