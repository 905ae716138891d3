"""The tables of a collection in PostgreSQL, as numbered steps: step n makes layout n.

Texts compare by their code points (collation "C"), as they do in Python and in SQLite.
"""

from __future__ import annotations

from mmembed.store.postgres import (
    item_tables,
    record_tables,
    vector_tables,
    word_tables,
    work_tables,
)

UNCUT = "uncut_captions"
"""In meta: captions up to this id may be longer than the model reads at once, and have one vector.
Absent where there are none such."""

STEPS: tuple[str, ...] = (
    item_tables.ITEMS + vector_tables.VECTORS + word_tables.WORDS,
    work_tables.WORK,
    record_tables.RECORDS,
    vector_tables.EASIER,
)
"""Each step is SQL that runs once, in a transaction of its own. A released step never changes."""
