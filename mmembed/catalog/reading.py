"""Reading the catalog."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.catalog.schema import connect
from mmembed.errors import NotFound, StoreError
from mmembed.types import EVERYTHING, Failure, Filter, Item, Kind

COLUMNS = (
    "items.id, items.kind, items.sha256, items.path, items.caption, items.image_id, "
    "items.width, items.height, items.bytes, items.format, items.mtime_ns, "
    "(SELECT group_concat(tag, char(31)) FROM tags WHERE item_id = items.id), items.vector_id"
)
SQL_VARIABLES = 500
"""Ids bound in one statement; older SQLite allows 999."""


@dataclass(frozen=True)
class Model:
    """The encoder that made a folder's vectors."""

    name: str
    fingerprint: str
    dim: int


@dataclass(frozen=True)
class Known:
    """What the catalog remembers of an image file, to tell whether it changed."""

    id: int
    sha256: str
    bytes: int
    mtime_ns: int


class CatalogReader:
    """Every question the program asks the catalog; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._connection = connect(folder)
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.folder}: the catalog cannot be read: {error}") from error

    def _number(self, sql: str, values: Sequence[object] = ()) -> int:
        return int(self._rows(sql, values)[0][0] or 0)

    @property
    def identity(self) -> str:
        """A random id given to this catalog when it was made; hex."""
        return str(self._rows("SELECT value FROM meta WHERE key = 'collection'")[0][0])

    def model(self) -> Model | None:
        """The encoder that this folder was built with, or None while it is empty."""
        rows = self._rows("SELECT key, value FROM meta WHERE key LIKE 'model_%'")
        values = {str(key): str(value) for key, value in rows}
        if not values:
            return None
        return Model(values["model_name"], values["model_fingerprint"], int(values["model_dim"]))

    def last_change(self) -> int:
        """Sequence number of the newest change of any vector; 0 at the beginning."""
        return self._number("SELECT max(seq) FROM changes")

    def changes(self, kind: Kind, after: int, until: int) -> tuple[list[int], list[int]]:
        """Ids of the vectors added and of those removed in (after, until], net of each other."""
        sql = (
            "SELECT vector_id, min(op), max(op) FROM changes "
            "WHERE kind = ? AND seq > ? AND seq <= ? GROUP BY vector_id"
        )
        added, removed = [], []
        for vector_id, least, most in self._rows(sql, (kind, after, until)):
            if least == 1:
                added.append(int(vector_id))
            elif most == -1:
                removed.append(int(vector_id))
        return added, removed

    def embeddings(self, vector_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """The ids that are still there, and their vectors: float16 (n, dim)."""
        found: dict[int, bytes] = {}
        for chunk in _chunks(vector_ids):
            marks = ",".join("?" * len(chunk))
            found.update(
                self._rows(f"SELECT id, embedding FROM vectors WHERE id IN ({marks})", chunk)
            )
        return list(found), _stack(list(found.values()))

    def all_embeddings(
        self, kind: Kind, chunk: int = 10_000
    ) -> Iterator[tuple[list[int], NDArray[np.float16]]]:
        """Ids and float16 (n, dim) vectors of one kind by rising id, `chunk` rows at a time."""
        last = 0
        sql = "SELECT id, embedding FROM vectors WHERE kind = ? AND id > ? ORDER BY id LIMIT ?"
        while rows := self._rows(sql, (kind, last, chunk)):
            ids = [int(row[0]) for row in rows]
            yield ids, _stack([row[1] for row in rows])
            last = ids[-1]

    def count_vectors(self, kind: Kind) -> int:
        """How many distinct vectors of a kind there are."""
        return self._number("SELECT count(*) FROM vectors WHERE kind = ?", (kind,))

    def count(self, kind: Kind | None = None, chosen: Filter = EVERYTHING) -> int:
        """How many items there are, of one kind or of all."""
        where, values = _where(kind, chosen)
        return self._number(f"SELECT count(*) FROM items {where}", values)

    def item(self, item_id: int) -> Item:
        """One item with all its captions. Raises NotFound."""
        rows = self._rows(f"SELECT {COLUMNS} FROM items WHERE id = ?", (item_id,))
        if not rows:
            raise NotFound(f"item {item_id}: no such item")
        return replace(_item(rows[0]), captions=tuple(self.captions_of([item_id]).get(item_id, ())))

    def captions_of(self, image_ids: Sequence[int]) -> dict[int, list[str]]:
        """The captions of images by image id, in the order they were given; images without
        any are left out."""
        found: dict[int, list[str]] = {}
        for chunk in _chunks(image_ids):
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT image_id, caption FROM items WHERE image_id IN ({marks}) ORDER BY id"
            for image_id, caption in self._rows(sql, chunk):
                found.setdefault(int(image_id), []).append(str(caption))
        return found

    def vector_of(self, item_id: int) -> NDArray[np.float16]:
        """The item's embedding, float16 (dim,). Raises NotFound."""
        sql = "SELECT embedding FROM vectors WHERE id = (SELECT vector_id FROM items WHERE id = ?)"
        rows = self._rows(sql, (item_id,))
        if not rows:
            raise NotFound(f"item {item_id}: no such item")
        return np.frombuffer(rows[0][0], dtype="<f2")

    def page(
        self, *, after: int, limit: int, kind: Kind | None, chosen: Filter = EVERYTHING
    ) -> list[Item]:
        """Up to `limit` items with an id above `after`, by rising id."""
        where, values = _where(kind, chosen)
        sql = f"SELECT {COLUMNS} FROM items {where} AND items.id > ? ORDER BY items.id LIMIT ?"
        return [_item(row) for row in self._rows(sql, (*values, after, limit))]

    def items_of_vectors(
        self, vector_ids: Sequence[int], chosen: Filter = EVERYTHING
    ) -> dict[int, list[Item]]:
        """The items that carry each of these vectors, by rising id; missing ids are left out."""
        where, values = _condition(chosen)
        found: dict[int, list[Item]] = {}
        for chunk in _chunks(vector_ids):
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT {COLUMNS} FROM items WHERE vector_id IN ({marks}) {where} ORDER BY id"
            for row in self._rows(sql, (*chunk, *values)):
                found.setdefault(int(row[-1]), []).append(_item(row))
        return found

    def vectors_matching(self, kind: Kind, chosen: Filter) -> list[int]:
        """Ids of the vectors of items of a kind that pass a filter, rising."""
        where, values = _where(kind, chosen)
        rows = self._rows(f"SELECT DISTINCT vector_id FROM items {where} ORDER BY 1", values)
        return [int(row[0]) for row in rows]

    def content(self, kind: Kind, sha256: str) -> Item | None:
        """Some item with this content, which therefore has a vector already; or None."""
        sql = f"SELECT {COLUMNS} FROM items WHERE kind = ? AND sha256 = ? LIMIT 1"
        rows = self._rows(sql, (kind, sha256))
        return _item(rows[0]) if rows else None

    def known_files(self) -> dict[str, Known]:
        """Every indexed image file by path."""
        sql = "SELECT path, id, sha256, bytes, mtime_ns FROM items WHERE kind = 'image'"
        return {
            str(path): Known(item_id, sha256, size or 0, mtime or 0)
            for path, item_id, sha256, size, mtime in self._rows(sql)
            if path is not None
        }

    def failures(self) -> list[Failure]:
        """What failed in the last indexing of each path, by path."""
        rows = self._rows("SELECT path, error, message FROM failures ORDER BY path")
        return [Failure(*map(str, row)) for row in rows]

    def tags(self) -> dict[str, int]:
        """Every tag with the number of items that carry it, by tag."""
        rows = self._rows("SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY tag")
        return {str(tag): int(n) for tag, n in rows}

    def check(self) -> list[str]:
        """SQLite's own integrity check: an empty list, or what it found."""
        found = [str(row[0]) for row in self._rows("PRAGMA quick_check")]
        return [] if found == ["ok"] else found


def _condition(chosen: Filter) -> tuple[str, list[object]]:
    """SQL conditions, each starting with AND, and their values."""
    parts = ["AND items.id IN (SELECT item_id FROM tags WHERE tag = ?)"] * len(chosen.tags)
    values: list[object] = list(chosen.tags)
    if chosen.folder:
        prefix = chosen.folder.rstrip("/") + "/"
        # A range, because LIKE has wildcards that paths may contain.
        parts.append("AND items.path >= ? AND items.path < ?")
        values += [prefix, prefix[:-1] + chr(ord("/") + 1)]
    return " ".join(parts), values


def _where(kind: Kind | None, chosen: Filter) -> tuple[str, list[object]]:
    condition, values = _condition(chosen)
    if kind is None:
        return f"WHERE 1 {condition}", values
    return f"WHERE items.kind = ? {condition}", [kind, *values]


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), SQL_VARIABLES):
        yield ids[start : start + SQL_VARIABLES]


def _stack(blobs: Sequence[bytes]) -> NDArray[np.float16]:
    if not blobs:
        return np.empty((0, 0), dtype=np.float16)
    return np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), -1)


def _item(row: tuple[Any, ...]) -> Item:
    item_id, kind, sha256, path, caption, image_id, width, height, size, form, mtime, tags, _ = row
    return Item(
        id=item_id,
        kind=kind,
        sha256=sha256,
        path=path,
        caption=caption,
        image_id=image_id,
        tags=tuple(sorted(str(tags).split("\x1f"))) if tags else (),
        width=width,
        height=height,
        bytes=size,
        format=form,
        mtime_ns=mtime,
    )
