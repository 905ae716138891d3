"""Whether a catalog is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from mmembed.store.entries import ImageEntry
from mmembed.store.sqlite import Catalog

Entry = Callable[..., ImageEntry]


def is_sound(catalog: Catalog) -> bool:
    """Integrity, and that every vector has an item and the changes add up to the vectors."""
    with sqlite3.connect(catalog.folder / "catalog.sqlite3") as db:
        orphans = db.execute(
            "SELECT count(*) FROM vectors WHERE id NOT IN (SELECT vector_id FROM content_vectors)"
        ).fetchone()[0]
        net = db.execute(
            "SELECT count(*) FROM (SELECT vector_id FROM changes GROUP BY vector_id "
            "HAVING sum(op) = 1 EXCEPT SELECT id FROM vectors)"
        ).fetchone()[0]
        broken = db.execute("PRAGMA foreign_key_check").fetchall()
    db.close()
    return catalog.check() == [] and orphans == 0 and net == 0 and not broken
