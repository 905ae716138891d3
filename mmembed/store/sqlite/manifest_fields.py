"""The fields of filters: their number of values, and indexes for manifests' fields."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mmembed.errors import LimitError, NotFound
from mmembed.filters.fields import FIELDS, META
from mmembed.filters.tree import Test
from mmembed.store.entries import FieldFacts
from mmembed.store.sqlite.connections import Connections
from mmembed.store.sqlite.filter_sql import condition_of, meta_index_columns

MAX_INDEXES = 20
_INDEX = "items_meta_"
_SAID_SQL = """
SELECT key, CASE WHEN type IN ('integer', 'real') THEN 'number'
                 WHEN type IN ('true', 'false') THEN 'true or false'
                 WHEN type = 'array' THEN 'list' ELSE type END AS of_type,
       count(*), min(value), max(value)
FROM items, json_each(items.meta) WHERE items.meta IS NOT NULL AND type <> 'null'
GROUP BY key, of_type ORDER BY key, count(*) DESC
"""
_INDEXES_SQL = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND name GLOB '{_INDEX}*'"


class FieldReader(Connections):
    """Queries of fields."""

    def fields(self) -> list[FieldFacts]:
        """Every field with the number of items that have a value: first the built-in fields, then
        the manifests' by name."""
        conditions = [condition_of(Test(name, "exists"))[0] for name in FIELDS]
        sums = ", ".join(f"coalesce(sum({condition}), 0)" for condition in conditions)
        [counts] = self._rows(f"SELECT {sums} FROM items")
        known = zip(FIELDS.items(), counts, strict=True)
        ours = [FieldFacts(name, rules.type, int(count)) for (name, rules), count in known]
        return [*ours, *self._said()]

    def _said(self) -> list[FieldFacts]:
        indexed = {sql for _, sql in self._rows(_INDEXES_SQL)}
        by_name: dict[str, list[tuple[str, int, object, object]]] = {}
        for name, *facts in self._rows(_SAID_SQL):
            by_name.setdefault(str(name), []).append((facts[0], facts[1], facts[2], facts[3]))
        return [
            FieldFacts(
                META + name,
                ", ".join(of_type for of_type, *_ in facts),
                sum(count for _, count, *_ in facts),
                tuple(dict.fromkeys(str(end) for *_, low, high in facts for end in (low, high))),
                any(sql.endswith(_columns(name)) for sql in indexed),
            )
            for name, facts in by_name.items()
        ]


def add_index(db: sqlite3.Connection, name: str) -> None:
    """Index a manifest's field, within a transaction; an index that is there stays. Raises
    LimitError for one too many."""
    indexes = db.execute(_INDEXES_SQL).fetchall()
    if _of_field(indexes, name):
        return
    if len(indexes) >= MAX_INDEXES:
        raise LimitError(
            f"{META}{name}: {len(indexes)} fields have an index, limit {MAX_INDEXES}; drop one"
        )
    taken = {index for index, _ in indexes}
    free = next(n for n in range(1, MAX_INDEXES + 1) if f"{_INDEX}{n}" not in taken)
    db.execute(f"CREATE INDEX {_INDEX}{free} ON items {_columns(name)}")


def drop_index(db: sqlite3.Connection, name: str) -> None:
    """Drop the index of a manifest's field, within a transaction. Raises NotFound."""
    existing = _of_field(db.execute(_INDEXES_SQL).fetchall(), name)
    if not existing:
        raise NotFound(f"{META}{name}: the field has no index")
    for index in existing:
        db.execute(f'DROP INDEX "{index}"')


def _columns(name: str) -> str:
    return f"({meta_index_columns(name)})"


def _of_field(indexes: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [index for index, sql in indexes if sql.endswith(_columns(name))]
