"""Keeps the words of images up to date: triggers note the images, this writes their words.

A change of items, captions or tags, by whatever statement, notes its image in `words_due`. The
transaction writes their words before it is committed, each image once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmembed.store.postgres.connections import Session
from mmembed.store.uploads import is_of_any_folder
from mmembed.store.words.stems import stemmer
from mmembed.store.words.tokens import words_of_image

PORTION = 1_000
"""Images whose words are written at a time."""
DUE_SQL = """
DELETE FROM words_due WHERE item_id IN (SELECT item_id FROM words_due LIMIT %s) RETURNING item_id
"""
CAPTIONS_SQL = """
SELECT image_id, caption FROM items WHERE image_id = ANY(%s) ORDER BY position, id
"""
TAGS_SQL = "SELECT item_id, tag FROM tags WHERE item_id = ANY(%s) ORDER BY tag"
IMAGES_SQL = """
SELECT id, path, sha256 FROM items WHERE id = ANY(%s) AND kind = 'image' ORDER BY id
"""
KEEP_SQL = """
INSERT INTO item_words SELECT item_id, words, length, string_to_array(forms, ' ')
FROM unnest(%s::bigint[], %s::text[], %s::integer[], %s::text[]) AS said (
  item_id, words, length, forms)
"""


def write_words(session: Session) -> None:
    """Write the words of all images that are due, within a transaction."""
    while due := [int(row[0]) for row in session.rows(DUE_SQL, (PORTION,))]:
        sql = "SELECT item_id, words FROM item_words WHERE item_id = ANY(%s)"
        known = dict(session.rows(sql, (due,)))
        said = dict(_words_of_images(session, due))
        changed = {key: words for key, words in said.items() if known.get(key) != " ".join(words)}
        session.run(
            "DELETE FROM item_words WHERE item_id = ANY(%s)",
            ([item_id for item_id in known if item_id in changed],),
        )
        stems = stemmer.stems({word for words in changed.values() for word in words})
        rows = [
            (item_id, " ".join(words), len(words), " ".join({stems[word] for word in words}))
            for item_id, words in changed.items()
        ]
        session.run(KEEP_SQL, [list(column) for column in zip(*rows, strict=True)] or [[]] * 4)


def rebuild_words(session: Session) -> None:
    """Write the words of all images anew, within a transaction."""
    session.run("DELETE FROM item_words")
    session.run(
        "INSERT INTO words_due SELECT id FROM items WHERE kind = 'image' ON CONFLICT DO NOTHING"
    )
    write_words(session)


def _words_of_images(session: Session, image_ids: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
    """Images that are there, with all words about them, by rising id."""
    captions, tags = (
        _gathered(session.rows(sql, (image_ids,))) for sql in (CAPTIONS_SQL, TAGS_SQL)
    )
    for item_id, path, sha256 in session.rows(IMAGES_SQL, (image_ids,)):
        # The name of an upload is its hash.
        named = path is not None and not is_of_any_folder(path, sha256)
        of_image = captions.get(item_id, ()), tags.get(item_id, ())
        yield item_id, words_of_image(*of_image, path if named else None)


def _gathered(rows: Sequence[tuple[int, str]]) -> dict[int, list[str]]:
    texts: dict[int, list[str]] = {}
    for item_id, text in rows:
        texts.setdefault(item_id, []).append(text)
    return texts
