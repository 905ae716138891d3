"""Filters as SQL of PostgreSQL: they pass what `matches` passes, and use the indexes that there
are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mmembed.filters.matches import matches
from mmembed.filters.parse import parse_where
from mmembed.filters.tree import Test as Condition
from mmembed.filters.tree import Where
from mmembed.store.postgres.filter_sql import clause_of, condition_of, meta_index_columns
from tests.filters.random_filters import CONDITIONS
from tests.filters.random_items import COLUMNS, ITEMS, lies_at

MANY_SQL = """
INSERT INTO items (kind, path, sha256, date, width, meta)
SELECT 'image', '/x' || n % 50 || '/IMG_' || n, '', '20' || 10 + n % 20 || '-05-01T00:00:00', n,
  jsonb_build_object('author', 'author ' || n)
FROM generate_series(1, 2000) AS n
""".replace("%", "%%")


@contextmanager
def undone(postgres: Any) -> Iterator[Any]:
    """A session of which nothing is kept."""
    with suppress(Undone), postgres._connections.transaction() as session:
        yield session
        raise Undone


class Undone(Exception):
    """Ends a transaction."""


def passing(session: Any, where: Where) -> list[int]:
    sql, values = condition_of(where)
    rows = session.rows(f"SELECT id FROM items WHERE {sql} ORDER BY id", values)
    return [row[0] for row in rows]


def insert(session: Any, item: SimpleNamespace) -> None:
    caption = item.captions[0] if item.captions else item.caption
    item.caption = caption
    meta = None if item.meta is None else json.dumps(item.meta)
    values = [getattr(item, name) for name in COLUMNS]
    marks = ", ".join("%s" for _ in COLUMNS)
    session.run(
        f"INSERT INTO items ({', '.join(COLUMNS)}, meta, sha256) OVERRIDING SYSTEM VALUE "
        f"VALUES ({marks}, %s, '')",
        (*values, meta),
    )
    session.insert("tags (item_id bigint, tag text)", [(item.id, tag) for tag in item.tags])
    session.many(
        "INSERT INTO items (id, kind, sha256, image_id, caption) OVERRIDING SYSTEM VALUE "
        "VALUES (%s, 'caption', '', %s, %s)",
        [(item.id * 1000 + n, item.id, text) for n, text in enumerate(item.captions)],
    )


def said(**meta: Any) -> SimpleNamespace:
    """An image of which a manifest says something."""
    nothing = dict.fromkeys(COLUMNS)
    return SimpleNamespace(**{**nothing, "kind": "image", "captions": (), "tags": (), "meta": meta})


@pytest.mark.scale
@given(where=CONDITIONS, items=st.lists(ITEMS, min_size=1, max_size=5, unique_by=lies_at))
@example(Condition("meta.a", "=", 5), [said(a="1e999999999"), said(a="5"), said(a="1e-400")])
@example(Condition("meta.a", "<", 5), [said(a="9" * 999), said(a=4.5), said(a=["1", 7])])
@example(Condition("meta.a", "=", "x" * 3000), [said(a="x" * 3000), said(a="x" * 2999 + "y")])
@example(Condition("path", "contains", "(?i)[a]\\*.b"), [said(a=1)])
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_sql_passes_what_python_passes(postgres: Any, where: Where, items: list[Any]) -> None:
    with undone(postgres) as session:
        for number, item in enumerate(items, 1):
            item.id = number
            insert(session, item)
        expected = [item.id for item in items if matches(where, item)]
        assert [found for found in passing(session, where) if found < 1000] == expected


@pytest.mark.scale
@pytest.mark.parametrize(
    ("words", "index"),
    [
        ("path:y path=/x/y", "items_path"),
        ("folder:/x", "items_path"),
        ("path^/x/IMG_ width>5", "items_path"),
        ("date:2024-05", "items_date"),
        ("date>=2024-05 width>5", "items_date"),
        ("tag:beach", "tags_"),
        ("meta.author=Ann", "items_meta_1"),
        ("meta.author:Ann,Bob", "items_meta_1"),
    ],
)
def test_conditions_use_the_indexes(postgres: Any, words: str, index: str) -> None:
    postgres.index_field("author")
    sql, values = clause_of("image", parse_where(words))
    with undone(postgres) as session:
        session.run(MANY_SQL)
        session.run("INSERT INTO tags SELECT id, 'beach' FROM items WHERE id %% 100 = 0")
        session.run("ANALYZE items, tags")
        session.run("SET LOCAL enable_seqscan = off")
        plan = session.rows(f"EXPLAIN SELECT mtime_ns FROM items {sql}", values)
    assert any(index in str(row[0]) for row in plan), plan


@pytest.mark.scale
def test_nothing_that_is_asked_for_becomes_sql(postgres: Any) -> None:
    evil = "x' OR 1 --%s"
    with postgres._connections.transaction() as session:
        for words in (f'tag:"{evil}"', f'path~"{evil}"', f'meta.a="{evil}"', f'meta."{evil}"=1'):
            assert passing(session, parse_where(words)) == []
    postgres.index_field("it's 100%")
    assert postgres.count("image", parse_where('meta."it\'s 100%"=1')) == 0
    with pytest.raises(ValueError, match="its name holds a quotation mark"):
        meta_index_columns('a" b')


def test_all_values_are_bound() -> None:
    evil = "x') OR (1=1 --%s"
    tests = [f'{field}{sign}"{evil}"' for field in ("tag", "path", "caption", "camera", "meta.a")
             for sign in ("=", "!=", "~", "^")]  # fmt: skip
    for words in (*tests, f'meta."{evil}"=1', f'meta."{evil}":a,b', f'-has:meta."{evil}"'):
        sql, values = condition_of(parse_where(words))
        assert "1=1" not in sql
        assert sql.count("%s") == len(values)


def test_a_part_is_a_pattern_without_a_syntax() -> None:
    _, [pattern] = condition_of(Condition("camera", "contains", "a.B*ß\\(é"))
    assert pattern == "[aA]\\.[Bb]\\*ß\\\\\\([éÉ]"
