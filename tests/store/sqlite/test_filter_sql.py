"""Filters as SQL: they pass what `matches` passes, and use the indexes that there are."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmembed.filters.matches import matches
from mmembed.filters.parse import parse_where
from mmembed.filters.tree import Where
from mmembed.store.sqlite.filter_sql import (
    add_functions,
    clause_of,
    condition_of,
    meta_index_columns,
)
from mmembed.store.sqlite.schema import statements
from tests.filters.random_filters import CONDITIONS
from tests.filters.random_items import COLUMNS, ITEMS, lies_at

LONG = "a" * 999 + "b"


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        add_functions(connection)
        connection.executescript(statements())
        yield connection


def _passing(db: sqlite3.Connection, where: Where) -> list[int]:
    sql, values = condition_of(where)
    rows = db.execute(f"SELECT id FROM items WHERE {sql} ORDER BY id", values)
    return [row[0] for row in rows]


def _insert(db: sqlite3.Connection, item: SimpleNamespace) -> None:
    values = [getattr(item, name) for name in COLUMNS]
    meta = None if item.meta is None else json.dumps(item.meta)
    columns, marks = ",".join(COLUMNS), "?," * len(COLUMNS)
    db.execute(
        f"INSERT INTO items ({columns}, meta, sha256) VALUES ({marks} ?, '')", (*values, meta)
    )
    db.executemany("INSERT INTO tags VALUES (?, ?)", [(item.id, tag) for tag in item.tags])
    if item.captions:
        item.caption = item.captions[0]
        db.execute("UPDATE items SET caption = ? WHERE id = ?", (item.caption, item.id))
    db.executemany(
        "INSERT INTO items (id, kind, sha256, image_id, caption) VALUES (?, 'caption', '', ?, ?)",
        [(item.id * 1000 + n, item.id, text) for n, text in enumerate(item.captions)],
    )


@pytest.mark.slow
@given(where=CONDITIONS, items=st.lists(ITEMS, min_size=1, max_size=5, unique_by=lies_at))
@settings(max_examples=200, deadline=None)
def test_sql_passes_what_python_passes(where: Where, items: list[Any]) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        add_functions(db)
        db.executescript(statements())
        for number, item in enumerate(items, 1):
            item.id = number
            _insert(db, item)
        expected = [item.id for item in items if matches(where, item)]
        assert [found for found in _passing(db, where) if found < 1000] == expected


@pytest.mark.parametrize(
    ("words", "index"),
    [
        ("kind:caption", "items_content"),
        ("path:y path=/x/y", "items_path"),
        ("folder:/x", "items_path"),
        ("path^/x/IMG_ width>5", "items_path"),
        ("date:2024-05", "items_date"),
        ("date>=2024-05 width>5", "items_date"),
        ("tag:beach", "tags_tag"),
        ("tag^be", "tags_tag"),
        ("meta.author=Ann", "items_meta_1"),
        ("meta.author>=5", "items_meta_1"),
        ("meta.author:Ann,Bob,3", "items_meta_1"),
        ("meta.author^A", "items_meta_1"),
    ],
)
def test_conditions_use_the_indexes(db: sqlite3.Connection, words: str, index: str) -> None:
    db.execute(f"CREATE INDEX items_meta_1 ON items ({meta_index_columns('author')})")
    sql, values = clause_of(None if words.startswith("kind") else "image", parse_where(words))
    plan = db.execute(f"EXPLAIN QUERY PLAN SELECT mtime_ns FROM items {sql}", values).fetchall()
    steps = [str(row[3]) for row in plan]
    assert any(step.startswith("SEARCH") and index in step for step in steps), steps
    assert not any(step.startswith("SCAN items") for step in steps), steps


def test_nothing_that_is_asked_for_becomes_sql(db: sqlite3.Connection) -> None:
    evil = "x' OR 1 --"
    for words in (f'tag:"{evil}"', f'path="{evil}"', f'meta.a="{evil}"', f'meta."{evil}"=1'):
        assert _passing(db, parse_where(words)) == []
    with pytest.raises(ValueError, match="its name holds a quotation mark"):
        meta_index_columns('a" b')


def test_one_comparison_never_takes_long(db: sqlite3.Connection) -> None:
    texts = ["a" * 300_000, "x" + "a" * 300_000 + "B", "Aa" * 500 + "b", "a" * 11, None]
    db.executemany(
        "INSERT INTO items (id, kind, caption, sha256) VALUES (?, 'caption', ?, '')",
        enumerate(texts),
    )
    started = time.thread_time()
    assert _passing(db, parse_where({"field": "caption", "op": "contains", "value": LONG})) == [
        1,
        2,
    ]
    assert time.thread_time() - started < 2
