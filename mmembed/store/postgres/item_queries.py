"""Reading items, and what indexing remembers of their files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import NotFound
from mmembed.filters.tree import EVERYTHING, Test, Where
from mmembed.store.entries import ImageFile, KeptOut, Known, Words
from mmembed.store.postgres.filter_sql import clause_of, condition_of
from mmembed.store.postgres.rows import COLUMNS, to_item
from mmembed.store.postgres.said_words import words_of
from mmembed.store.postgres.statements import Statements
from mmembed.store.uploads import is_of_any_folder
from mmembed.types import Failure, Item, Kind

CAPTIONS_SQL = """
SELECT image_id, caption FROM items WHERE image_id = ANY(%s) ORDER BY position, id
"""
DESCRIBED_SQL = """
SELECT id, caption IS NOT NULL, EXISTS (SELECT 1 FROM tags WHERE tags.item_id = items.id)
FROM items WHERE id = ANY(%s)
"""
BY_FILES_SQL = """
SELECT image_id FROM items JOIN caption_sources ON caption_id = id
WHERE image_id IS NOT NULL AND source <> ''
UNION SELECT item_id FROM tag_sources WHERE source <> ''
UNION SELECT item_id FROM meta_sources
"""
KNOWN_SQL = """
SELECT path, id, sha256, bytes, mtime_ns, device, inode, ctime_ns
FROM items LEFT JOIN file_marks ON item_id = id WHERE kind = 'image' AND path IS NOT NULL
"""
UNREAD_SQL = """
SELECT id, path, sha256 FROM items WHERE id > %s AND kind = 'image' AND path IS NOT NULL
AND header_read <> %s ORDER BY id LIMIT %s
"""

_UNFIT = re.compile("[\0\ud800-\udfff]")


class ItemReader(Statements):
    """Queries of items; see Items and Files."""

    def counted(self, column: str) -> str:
        """SQL for the items that are counted here. column: of their ids."""
        return "TRUE"

    def count(self, kind: Kind | None = None, where: Where = EVERYTHING) -> int:
        """See Items.count."""
        clause, values = clause_of(kind, where)
        sql = f"SELECT count(*) FROM items {clause} AND {self.counted('items.id')}"
        return self._number(sql, values, where=where)

    def item_ids(self, kind: Kind, where: Where = EVERYTHING) -> NDArray[np.int64]:
        """See Items.item_ids."""
        clause, values = clause_of(kind, where)
        rows = self._rows(f"SELECT items.id FROM items {clause}", values, where=where)
        return np.sort(np.fromiter((row[0] for row in rows), np.int64, len(rows)))

    def newest_item(self) -> int:
        """See Items.newest_item."""
        return self._number("SELECT max(id) FROM items")

    def item(self, item_id: int) -> Item:
        """See Items.item. Raises NotFound."""
        for item in self.items([item_id]):
            return replace(item, captions=tuple(self.captions_of([item_id]).get(item_id, ())))
        raise NotFound(f"item {item_id}: no such item")

    def items(self, item_ids: Sequence[int], where: Where = EVERYTHING) -> list[Item]:
        """See Items.items."""
        condition, values = condition_of(where)
        sql = f"SELECT {COLUMNS} FROM items WHERE items.id = ANY(%s) AND {condition}"
        rows = self._rows(sql, (list(item_ids), *values), where=where)
        found = {int(row[0]): to_item(row) for row in rows}
        return [found[item_id] for item_id in item_ids if item_id in found]

    def described(self, image_ids: Sequence[int]) -> tuple[set[int], set[int]]:
        """See Items.described."""
        rows = self._rows(DESCRIBED_SQL, (list(image_ids),))
        captioned = {int(item_id) for item_id, has_caption, _ in rows if has_caption}
        return captioned, {int(item_id) for item_id, _, has_tag in rows if has_tag}

    def page(
        self, *, after: int, limit: int, kind: Kind | None, where: Where = EVERYTHING
    ) -> list[Item]:
        """See Items.page."""
        clause, values = clause_of(kind, where)
        sql = f"SELECT {COLUMNS} FROM items {clause} AND items.id > %s ORDER BY items.id LIMIT %s"
        return [to_item(row) for row in self._rows(sql, (*values, after, limit), where=where)]

    def content(self, kind: Kind, sha256: str) -> Item | None:
        """See Items.content."""
        sql = f"SELECT {COLUMNS} FROM items WHERE kind = %s AND sha256 = %s LIMIT 1"
        rows = self._rows(sql, (kind, sha256))
        return to_item(rows[0]) if rows else None

    def contents_among(self, contents: Sequence[str]) -> set[str]:
        """See Items.contents_among."""
        sql = "SELECT DISTINCT sha256 FROM items WHERE kind = 'image' AND sha256 = ANY(%s)"
        return {str(row[0]) for row in self._rows(sql, (storable_texts(contents),))}

    def images_at(self, paths: Sequence[str]) -> dict[str, ImageFile]:
        """See Items.images_at."""
        sql = "SELECT id, path, sha256 FROM items WHERE kind = 'image' AND path = ANY(%s)"
        return {image.path: image for image in self._image_files(sql, (storable_texts(paths),))}

    def images_of(self, sha256: str) -> list[ImageFile]:
        """See Items.images_of."""
        sql = (
            "SELECT id, path, sha256 FROM items WHERE kind = 'image' AND sha256 = %s "
            "AND path IS NOT NULL ORDER BY id"
        )
        return self._image_files(sql, (sha256,))

    def images_below(self, path: str) -> list[ImageFile]:
        """See Items.images_below."""
        clause, values = clause_of("image", Test("folder", "=", path))
        sql = (
            f"SELECT id, path, sha256 FROM items {clause} "
            "UNION SELECT id, path, sha256 FROM items WHERE kind = 'image' AND path = %s "
            "ORDER BY id"
        )
        return self._image_files(sql, (*values, path))

    def _image_files(self, sql: str, values: Sequence[object]) -> list[ImageFile]:
        return [ImageFile(int(row[0]), str(row[1]), str(row[2])) for row in self._rows(sql, values)]

    def captions_of(self, image_ids: Sequence[int]) -> dict[int, list[str]]:
        """See Items.captions_of."""
        captions: dict[int, list[str]] = {}
        for image_id, caption in self._rows(CAPTIONS_SQL, (list(image_ids),)):
            captions.setdefault(int(image_id), []).append(str(caption))
        return captions

    def caption_items_of(self, image_ids: Sequence[int]) -> dict[int, list[Item]]:
        """See Items.caption_items_of."""
        sql = f"SELECT {COLUMNS} FROM items WHERE image_id = ANY(%s) ORDER BY position, id"
        captions: dict[int, list[Item]] = {}
        for caption in map(to_item, self._rows(sql, (list(image_ids),))):
            captions.setdefault(caption.image_id or 0, []).append(caption)
        return captions

    def words_of(self, image_ids: Sequence[int]) -> dict[int, Words]:
        """See Items.words_of."""
        return words_of(self._rows, image_ids)

    def described_by_files(self) -> set[int]:
        """See Items.described_by_files."""
        return {int(row[0]) for row in self._rows(BY_FILES_SQL)}

    def tags(self) -> dict[str, int]:
        """See Items.tags."""
        sql = "SELECT tag, count(*) FROM tags WHERE {} GROUP BY tag ORDER BY tag"
        rows = self._rows(sql.format(self.counted("item_id")))
        return {str(tag): int(number) for tag, number in rows}

    # -- files -----------------------------------------------------------------------

    def known_files(self) -> dict[str, Known]:
        """See Files.known_files. Uploads are no files of a folder that is indexed."""
        known = {str(row[0]): _known(row) for row in self._rows(KNOWN_SQL)}
        return {
            path: file for path, file in known.items() if not is_of_any_folder(path, file.sha256)
        }

    def known_among(self, paths: Sequence[str]) -> dict[str, Known]:
        """See Files.known_among."""
        rows = self._rows(f"{KNOWN_SQL} AND path = ANY(%s)", (storable_texts(paths),))
        known = {str(row[0]): _known(row) for row in rows}
        return {
            path: file for path, file in known.items() if not is_of_any_folder(path, file.sha256)
        }

    def headers_to_read(self, version: int, *, after: int, limit: int) -> list[ImageFile]:
        """See Files.headers_to_read."""
        return self._image_files(UNREAD_SQL, (after, version, limit))

    def failures(self) -> list[Failure]:
        """See Files.failures."""
        rows = self._rows("SELECT path, error, message FROM failures ORDER BY path")
        return [Failure(*map(str, row)) for row in rows]

    def kept_out(self) -> dict[str, KeptOut]:
        """See Files.kept_out."""
        rows = self._rows("SELECT path, sha256, device FROM kept_out")
        return {str(path): KeptOut(sha256, device) for path, sha256, device in rows}


def storable_texts(values: Sequence[str]) -> list[str]:
    """Without texts that no row can hold, which would spoil the statement for the others."""
    return [text for text in values if not _UNFIT.search(text)]


def _known(row: Sequence[Any]) -> Known:
    _, item_id, sha256, size, mtime_ns, *mark = row
    noted = mark[0] is not None
    return Known(
        item_id, sha256, size or 0, mtime_ns or 0, (mark[0], mark[1], mark[2]) if noted else None
    )
