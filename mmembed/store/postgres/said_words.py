"""Captions, tags and further fields of images, with their sources, for many images at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mmembed.store.entries import CaptionEntry, Said, Words
from mmembed.store.postgres.connections import Session
from mmembed.store.postgres.write_vectors import VectorSpace, keep_captions
from mmembed.store.words_of_rows import words_of_rows

Rows: TypeAlias = Callable[[str, Sequence[object]], Iterable[Sequence[Any]]]
"""Runs a statement with its values."""

CAPTIONS_SQL = """
SELECT items.image_id, items.caption, source
FROM items LEFT JOIN caption_sources ON caption_id = items.id
WHERE items.image_id = ANY(%s) ORDER BY items.position, items.id
"""
TAGS_SQL = """
SELECT tags.item_id, tags.tag, source FROM tags LEFT JOIN tag_sources USING (item_id, tag)
WHERE tags.item_id = ANY(%s) AND (source IS NOT NULL OR NOT EXISTS (
  SELECT 1 FROM automatic_tags AS automatic
  WHERE automatic.item_id = tags.item_id AND automatic.tag = tags.tag)) ORDER BY tags.tag
"""
AUTOMATIC_SQL = """
INSERT INTO tags SELECT DISTINCT item_id, tag FROM automatic_tags WHERE item_id = ANY(%s)
ON CONFLICT DO NOTHING
"""
NO_SOURCE_SQL = """
DELETE FROM automatic_tags USING unnest(%s::bigint[], %s::text[]) AS said (item_id, tag)
WHERE automatic_tags.item_id = said.item_id AND automatic_tags.tag = said.tag
"""
FIELDS_SQL = "SELECT item_id, source, fields FROM meta_sources WHERE item_id = ANY(%s)"
INTO_ITEMS = (
    "items (kind text, path text, sha256 text, caption text, image_id bigint, position integer, "
    "added bigint)"
)
FIRST_CAPTION_SQL = """
UPDATE items SET caption = said.caption FROM (
  SELECT images.id, (SELECT caption FROM items AS captions WHERE captions.image_id = images.id
                     ORDER BY position, captions.id LIMIT 1) AS caption
  FROM items AS images WHERE images.id = ANY(%s) AND images.kind = 'image') AS said
WHERE items.id = said.id AND items.caption IS DISTINCT FROM said.caption
"""


@dataclass(frozen=True)
class Captioned:
    """The captions that an image is to have, in this order."""

    image_id: int
    path: str | None
    said: Said
    entries: Mapping[str, CaptionEntry]
    """By text: a new caption without an entry is left out."""


def words_of(rows: Rows, image_ids: Sequence[int]) -> dict[int, Words]:
    """Captions, tags and further fields of images, by id, with their sources."""
    ids = (list(image_ids),)
    captions, tags, fields = (rows(sql, ids) for sql in (CAPTIONS_SQL, TAGS_SQL, FIELDS_SQL))
    return words_of_rows(image_ids, captions, tags, fields)


def set_captions(
    session: Session, space: Callable[[], VectorSpace], images: Sequence[Captioned], now: int
) -> None:
    """Make these the captions of images; captions that stay keep their ids. now: seconds since
    1970. Raises Unstorable."""
    image_ids = [image.image_id for image in images]
    sql = "SELECT image_id, caption, id FROM items WHERE image_id = ANY(%s)"
    old = {(row[0], row[1]): int(row[2]) for row in session.rows(sql, (image_ids,))}
    ids = {**old, **_insert_new(session, space, images, old, now)}
    wanted = {
        (image.image_id, text): (position, sources)
        for image in images
        for position, (text, sources) in enumerate(image.said.items())
    }
    stay = {key: item_id for key, item_id in old.items() if key in wanted}
    session.many(
        "UPDATE items SET position = %s WHERE id = %s AND position <> %s",
        [(wanted[key][0], item_id, wanted[key][0]) for key, item_id in stay.items()],
    )
    session.run("DELETE FROM caption_sources WHERE caption_id = ANY(%s)", (list(stay.values()),))
    session.insert(
        "caption_sources (caption_id bigint, source text)",
        [(ids[key], name) for key in wanted if key in ids for name in sorted(wanted[key][1])],
    )
    gone = [item_id for key, item_id in old.items() if key not in wanted]
    session.run("DELETE FROM items WHERE id = ANY(%s)", (gone,))
    choose_first_captions(session, image_ids)


def _insert_new(
    session: Session,
    space: Callable[[], VectorSpace],
    images: Sequence[Captioned],
    old: Mapping[tuple[int, str], int],
    now: int,
) -> dict[tuple[int, str], int]:
    """Insert captions that an image has not yet; returns their ids by image and text."""
    new = [
        (image, position, image.entries[text])
        for image in images
        for position, text in enumerate(image.said)
        if (image.image_id, text) not in old and text in image.entries
    ]
    if not new:
        return {}
    rows = [
        (
            *("caption", image.path, entry.sha256, entry.text, image.image_id, position),
            now if entry.added is None else entry.added,
        )
        for image, position, entry in new
    ]
    inserted = session.insert(INTO_ITEMS, rows, "RETURNING id", keys=[""] * len(rows))
    ids = [int(row[0]) for row in inserted]
    keep_captions(session, space(), [entry for _, _, entry in new])
    keys = [(image.image_id, entry.text) for image, _, entry in new]
    return dict(zip(keys, ids, strict=True))


def choose_first_captions(session: Session, image_ids: Sequence[int]) -> None:
    """An image's own row shows the first of its captions."""
    session.run(FIRST_CAPTION_SQL, (list(image_ids),))


def set_tags(session: Session, said: Mapping[int, Said]) -> None:
    """Make these the tags of items, by id, beside the automatic ones."""
    session.run("DELETE FROM tags WHERE item_id = ANY(%s)", (list(said),))
    add_tags(session, said)
    session.run(AUTOMATIC_SQL, (list(said),))


def add_tags(session: Session, said: Mapping[int, Said]) -> None:
    """Add tags to items, each once."""
    # As a tag without any source, it stays when a label set takes it back.
    bare = [
        (key, tag) for key, tags in said.items() for tag, sources in tags.items() if not sources
    ]
    if bare:
        session.run(NO_SOURCE_SQL, [list(column) for column in zip(*bare, strict=True)])
    rows = [(item_id, tag) for item_id, tags in said.items() for tag in tags]
    session.insert("tags (item_id bigint, tag text)", rows, "ON CONFLICT DO NOTHING")
    session.insert(
        "tag_sources (item_id bigint, tag text, source text)",
        [
            (item_id, tag, source)
            for item_id, tags in said.items()
            for tag, sources in tags.items()
            for source in sorted(sources)
        ],
        "ON CONFLICT DO NOTHING",
    )


def set_fields(session: Session, said: Mapping[int, Mapping[str, str]]) -> None:
    """Make these the further fields of items: JSON objects by source. Where two say the same field,
    the first source counts."""
    session.run("DELETE FROM meta_sources WHERE item_id = ANY(%s)", (list(said),))
    session.insert(
        "meta_sources (item_id bigint, source text, fields text)",
        [(item_id, source, text) for item_id, of in said.items() for source, text in of.items()],
    )
    joined = [(_joined(fields), item_id) for item_id, fields in said.items()]
    session.many(
        "UPDATE items SET meta = %s::jsonb WHERE id = %s AND meta IS DISTINCT FROM %s::jsonb",
        [(meta, item_id, meta) for meta, item_id in joined],
    )


def _joined(said: Mapping[str, str]) -> str | None:
    joined: dict[str, object] = {}
    for _, fields in sorted(said.items()):
        joined = {**json.loads(fields), **joined}
    return json.dumps(joined, ensure_ascii=False) if joined else None
