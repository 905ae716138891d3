"""Reading the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import NotFound
from mmembed.filters.tree import EVERYTHING, Test, Where
from mmembed.store.entries import ImageFile, KeptOut, Known, Words
from mmembed.store.sqlite.captions_and_tags import words_of
from mmembed.store.sqlite.filter_sql import clause_of, condition_of
from mmembed.store.sqlite.manifest_fields import FieldReader
from mmembed.store.sqlite.record_queries import RecordReader
from mmembed.store.sqlite.rows import COLUMNS, SERVING, chunks, marks, to_item
from mmembed.store.sqlite.vector_queries import VectorReader
from mmembed.store.sqlite.word_queries import WordReader
from mmembed.types import Failure, Item, Kind

_KNOWN_SQL = """
SELECT path, id, sha256, bytes, mtime_ns, device, inode, ctime_ns
FROM items LEFT JOIN file_marks ON item_id = id WHERE kind = 'image' AND path IS NOT NULL
"""


class CatalogReader(VectorReader, FieldReader, WordReader, RecordReader):
    """Every query of the catalog."""

    @property
    def identity(self) -> str:
        """A random id given to this catalog when it was made; hex."""
        return str(self._rows("SELECT value FROM meta WHERE key = 'collection'")[0][0])

    def count(self, kind: Kind | None = None, where: Where = EVERYTHING) -> int:
        """The number of items, of one kind or of all."""
        clause, values = clause_of(kind, where)
        return self._number(f"SELECT count(*) FROM items {clause}", values, where=where)

    def item_ids(self, kind: Kind, where: Where = EVERYTHING) -> NDArray[np.int64]:
        """The ids of all items of a kind that pass, (n,), rising."""
        clause, values = clause_of(kind, where)
        rows = self._rows(f"SELECT items.id FROM items {clause}", values, where=where)
        return np.sort(np.fromiter((row[0] for row in rows), np.int64, len(rows)))

    def newest_item(self) -> int:
        """The largest id of an item; 0 if there is none."""
        return self._number("SELECT coalesce(max(id), 0) FROM items")

    def item(self, item_id: int) -> Item:
        """One item with all its captions. Raises NotFound."""
        rows = self._rows(f"SELECT {COLUMNS} FROM items WHERE id = ?", (item_id,))
        if not rows:
            raise NotFound(f"item {item_id}: no such item")
        return replace(
            to_item(rows[0]), captions=tuple(self.captions_of([item_id]).get(item_id, ()))
        )

    def items(self, item_ids: Sequence[int], where: Where = EVERYTHING) -> list[Item]:
        """The items that are still there and pass, in the given order."""
        condition, values = condition_of(where)
        by_id: dict[int, Item] = {}
        for chunk in chunks(item_ids):
            sql = f"SELECT {COLUMNS} FROM items WHERE items.id IN ({marks(chunk)}) AND {condition}"
            rows = self._rows(sql, (*chunk, *values), where=where)
            by_id |= {int(row[0]): to_item(row) for row in rows}
        return [by_id[item_id] for item_id in item_ids if item_id in by_id]

    def images_of_vectors(
        self, vector_ids: Sequence[int], kind: Kind, where: Where = EVERYTHING
    ) -> dict[int, list[int]]:
        """Ids of the images that pass and carry each of these vectors, themselves or by a
        caption."""
        condition, values = condition_of(where)
        of_image = "CROSS JOIN items USING (kind, sha256)"
        of_caption = (
            "CROSS JOIN items AS captions USING (kind, sha256) "
            "CROSS JOIN items ON items.id = captions.image_id"
        )
        image_ids: dict[int, list[int]] = {}
        for chunk in chunks(vector_ids):
            sql = (
                "SELECT vector_id, items.id FROM content_vectors AS of_content "
                f"{of_image if kind == 'image' else of_caption} "
                f"WHERE vector_id IN ({marks(chunk)}) AND {condition}"
            )
            for vector_id, item_id in self._rows(sql, (*chunk, *values), where=where):
                image_ids.setdefault(int(vector_id), []).append(int(item_id))
        return image_ids

    def caption_vectors_matching(self, where: Where) -> list[int]:
        """Ids of the vectors of the captions of images that pass a filter, rising."""
        clause, values = clause_of("image", where)
        sql = (
            "SELECT DISTINCT vector_id FROM items "
            "CROSS JOIN items AS captions ON captions.image_id = items.id "
            "CROSS JOIN content_vectors AS of_content ON of_content.kind = captions.kind "
            f"AND of_content.sha256 = captions.sha256 {clause} "
            f"AND of_content.model_id = {SERVING} ORDER BY 1"
        )
        return [int(row[0]) for row in self._rows(sql, values, where=where)]

    def captions_of(self, image_ids: Sequence[int]) -> dict[int, list[str]]:
        """The captions of images by image id, in the order of entry; images without any are left
        out."""
        captions: dict[int, list[str]] = {}
        for chunk in chunks(image_ids):
            sql = (
                f"SELECT image_id, caption FROM items WHERE image_id IN ({marks(chunk)}) "
                "ORDER BY position, id"
            )
            for image_id, caption in self._rows(sql, chunk):
                captions.setdefault(int(image_id), []).append(str(caption))
        return captions

    def caption_items_of(self, image_ids: Sequence[int]) -> dict[int, list[Item]]:
        """The captions of images as items, by image id, in the order of entry."""
        captions: dict[int, list[Item]] = {}
        for chunk in chunks(image_ids):
            sql = (
                f"SELECT {COLUMNS} FROM items WHERE image_id IN ({marks(chunk)}) "
                "ORDER BY position, id"
            )
            for caption in map(to_item, self._rows(sql, chunk)):
                captions.setdefault(caption.image_id or 0, []).append(caption)
        return captions

    def page(
        self, *, after: int, limit: int, kind: Kind | None, where: Where = EVERYTHING
    ) -> list[Item]:
        """Up to `limit` items with an id above `after`, by rising id."""
        clause, values = clause_of(kind, where)
        # Walking by id: the index by kind would have all captions sorted for every page.
        table = "items NOT INDEXED" if kind == "caption" else "items"
        sql = f"SELECT {COLUMNS} FROM {table} {clause} AND items.id > ? ORDER BY items.id LIMIT ?"
        rows = self._rows(sql, (*values, after, limit), where=where)
        return [to_item(row) for row in rows]

    def items_of_vectors(
        self, vector_ids: Sequence[int], where: Where = EVERYTHING
    ) -> dict[int, list[Item]]:
        """The items that carry each of these vectors, by rising id; missing ids are left out. An
        item with a vector for each chunk comes with the chunk of this one."""
        condition, values = condition_of(where)
        places: list[tuple[Any, ...]] = []
        for chunk in chunks(vector_ids):
            sql = (
                "SELECT vector_id, items.id, of_content.sha256, start, stop "
                "FROM content_vectors AS of_content CROSS JOIN items USING (kind, sha256) "
                f"WHERE vector_id IN ({marks(chunk)}) AND {condition} ORDER BY items.id, start"
            )
            places += self._rows(sql, (*chunk, *values), where=where)
        # Each item once: a long caption has thousands of chunks, and a text for all of them.
        known = {item.id: item for item in self.items(list({place[1] for place in places}))}
        items: dict[int, list[Item]] = {}
        for vector_id, item_id, sha256, start, stop in places:
            item = known.get(item_id)
            if item is not None and item.sha256 == sha256:  # not replaced meanwhile
                item = item if stop is None else replace(item, chunk=(start, stop))
                items.setdefault(int(vector_id), []).append(item)
        return items

    def vectors_matching(self, kind: Kind, where: Where) -> list[int]:
        """Ids of the vectors of items of a kind that pass a filter, rising."""
        clause, values = clause_of(kind, where)
        sql = (
            "SELECT DISTINCT vector_id FROM items "
            "CROSS JOIN content_vectors AS of_content USING (kind, sha256) "
            f"{clause} AND of_content.model_id = {SERVING} ORDER BY 1"
        )
        return [int(row[0]) for row in self._rows(sql, values, where=where)]

    def content(self, kind: Kind, sha256: str) -> Item | None:
        """Some item with this content, which therefore has a vector already; or None."""
        sql = f"SELECT {COLUMNS} FROM items WHERE kind = ? AND sha256 = ? LIMIT 1"
        rows = self._rows(sql, (kind, sha256))
        return to_item(rows[0]) if rows else None

    def contents_among(self, contents: Sequence[str]) -> set[str]:
        """The given sha256 that an image has."""
        known: set[str] = set()
        for chunk in chunks(contents):
            some = f"kind = 'image' AND sha256 IN ({marks(chunk)})"
            rows = self._rows(f"SELECT sha256 FROM items WHERE {some}", chunk)
            known.update(str(row[0]) for row in rows)
        return known

    def images_at(self, paths: Sequence[str]) -> dict[str, ImageFile]:
        """The images at these paths, by path."""
        images: list[ImageFile] = []
        for chunk in chunks(paths):
            some = f"kind = 'image' AND path IN ({marks(chunk)})"
            images += self._image_files(f"SELECT id, path, sha256 FROM items WHERE {some}", chunk)
        return {image.path: image for image in images}

    def images_of(self, sha256: str) -> list[ImageFile]:
        """The images with this content, by rising id."""
        sql = (
            "SELECT id, path, sha256 FROM items WHERE kind = 'image' AND sha256 = ? "
            "AND path IS NOT NULL ORDER BY id"
        )
        return self._image_files(sql, (sha256,))

    def _image_files(self, sql: str, values: Sequence[object]) -> list[ImageFile]:
        return [ImageFile(int(row[0]), str(row[1]), str(row[2])) for row in self._rows(sql, values)]

    def words_of(self, image_ids: Sequence[int]) -> dict[int, Words]:
        """Captions and tags of images, by id, with their sources."""
        return words_of(self._rows, image_ids)

    def described_by_files(self) -> set[int]:
        """Ids of the images with a caption, tag or field from a file."""
        sql = (
            "SELECT image_id FROM items WHERE kind = 'caption' AND image_id IS NOT NULL AND id IN "
            "(SELECT caption_id FROM caption_sources WHERE source <> '') "
            "UNION SELECT item_id FROM tag_sources WHERE source <> '' "
            "UNION SELECT item_id FROM meta_sources"
        )
        return {int(row[0]) for row in self._rows(sql)}

    def known_files(self) -> dict[str, Known]:
        """Every indexed image file by path."""
        return {str(row[0]): _known(row) for row in self._rows(_KNOWN_SQL)}

    def known_among(self, paths: Sequence[str]) -> dict[str, Known]:
        """The indexed image files among these paths."""
        known: dict[str, Known] = {}
        for chunk in chunks(paths):
            rows = self._rows(f"{_KNOWN_SQL} AND path IN ({marks(chunk)})", chunk)
            known |= {str(row[0]): _known(row) for row in rows}
        return known

    def headers_to_read(self, version: int, *, after: int, limit: int) -> list[ImageFile]:
        """Up to `limit` images with an id above `after`, by rising id, whose headers were not read
        by this version of their reader."""
        # Walking by id: an index by kind would have all of them sorted for every page.
        sql = (
            "SELECT id, path, sha256 FROM items NOT INDEXED WHERE id > ? AND kind = 'image' "
            "AND path IS NOT NULL AND header_read IS NOT ? ORDER BY id LIMIT ?"
        )
        return self._image_files(sql, (after, version, limit))

    def kept_out(self) -> dict[str, KeptOut]:
        """Files and folders that stay out of the collection, by path."""
        rows = self._rows("SELECT path, sha256, device FROM kept_out")
        return {str(path): KeptOut(sha256, device) for path, sha256, device in rows}

    def images_below(self, path: str) -> list[ImageFile]:
        """The images below a folder, and the image at that very path, by rising id."""
        clause, values = clause_of("image", Test("folder", "=", path))
        sql = (
            f"SELECT id, path, sha256 FROM items {clause} "
            "UNION SELECT id, path, sha256 FROM items WHERE kind = 'image' AND path = ? ORDER BY id"
        )
        return self._image_files(sql, (*values, path))

    def failures(self) -> list[Failure]:
        """The failures of the last indexing of each path, by path."""
        rows = self._rows("SELECT path, error, message FROM failures ORDER BY path")
        return [Failure(*map(str, row)) for row in rows]

    def tags(self) -> dict[str, int]:
        """Every tag with the number of items that carry it, by tag."""
        rows = self._rows("SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY tag")
        return {str(tag): int(n) for tag, n in rows}


def _known(row: tuple[Any, ...]) -> Known:
    _, item_id, sha256, size, mtime_ns, *mark = row
    noted = mark[0] is not None
    return Known(item_id, sha256, size or 0, mtime_ns or 0, tuple(mark) if noted else None)
