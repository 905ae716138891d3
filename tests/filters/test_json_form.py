"""Filters in JSON: the tree that they make, and the place that an error names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from mmembed.errors import QueryError
from mmembed.filters.parse import parse_where
from mmembed.filters.tree import EVERYTHING, All, Not, Where
from mmembed.filters.tree import Any as AnyOf
from mmembed.filters.tree import Test as Is
from tests.filters.random_filters import FILTERS

A, B, C = (Is("tag", "=", name) for name in "abc")


@pytest.mark.parametrize(
    ("given", "tree"),
    [
        ({}, EVERYTHING),
        ({"field": "tag", "op": "=", "value": "a"}, A),
        ({"field": "tag", "value": "a"}, A),
        ({"tag": "a"}, A),
        ({"tag": ["a"]}, A),
        ({"tag": ["a", "b"]}, Is("tag", "in", ("a", "b"))),
        ({"tag": "a", "caption": "x"}, All((A, Is("caption", "contains", "x")))),
        ({"tag": 2024}, Is("tag", "=", "2024")),
        ({"and": [{"tag": "a"}, {"not": {"tag": "b"}}]}, All((A, Not(B)))),
        ({"or": [{"tag": "a"}, {"tag": "b"}]}, AnyOf((A, B))),
        ({"or": [{"tag": "a"}]}, A),
        ({"has": "caption"}, Is("caption", "exists")),
        ({"field": "tag", "op": "exists", "value": False}, Not(Is("tag", "exists"))),
        ({"field": "caption", "op": "~", "value": "x"}, Is("caption", "contains", "x")),
        ({"field": "bytes", "op": ">", "value": "5MB"}, Is("bytes", ">", 5_000_000)),
        ({"field": "width", "op": "between", "value": [1, 2]}, Is("width", "between", (1, 2))),
        ({"meta.a": True}, Is("meta.a", "=", True)),
        ({"META.Author": "x"}, Is("meta.Author", "=", "x")),
        ({"field": 'Meta."two words"', "value": 1}, Is("meta.two words", "=", 1)),
    ],
)
def test_json_makes_a_tree(given: dict[str, Any], tree: Where) -> None:
    assert parse_where(given) == tree


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "where: expected an object"),
        ({"and": {}}, "where.and: expected a list"),
        ({"or": []}, "where.or: expected a list of one condition or more"),
        ({"and": [{"tag": "a"}, {}]}, "where.and[1]: expected an object"),
        ({"not": {"not": 5}}, "where.not.not: expected an object"),
        ({"and": [{"tag": "a"}], "kind": "image"}, "where.and: expected to stand in an object"),
        ({"field": "tag", "op": "like", "value": "x"}, "where.op: 'like': expected one of =, !="),
        ({"field": "tag"}, "where.value: missing"),
        ({"field": 5}, "where.field: expected the name of a field"),
        ({"field": "tag", "value": "a", "not": 1}, "where.not: unknown; a condition has"),
        ({"field": "width", "op": "in", "value": []}, "where.value: in: expected one value"),
        ({"field": "width", "op": "in", "value": 5}, "where.value: in: expected a list"),
        ({"field": "width", "op": "between", "value": [1]}, "expected two values"),
        ({"field": "meta.a", "op": "between", "value": [1, "b"]}, "two numbers or two texts"),
        ({"field": "tag", "op": "exists", "value": 1}, "expected true or false"),
        ({"width": True}, "where.width: expected a number, found true or false"),
        ({"tag": None}, "where.tag: expected a text or a number, found nothing"),
        ({"caption": []}, "where.caption: expected one value or more"),
        ({"width": float("nan")}, "expected a finite number"),
        ({"width": "9" * 400}, "where.width: a number beyond 64 bits"),
        ({"width": 10**5000}, "where.width: a number beyond 64 bits"),
        ({"meta.a": 10**5000}, "where.meta.a: a number beyond 64 bits"),
        ({"tag": 10**5000}, "where.tag: a number beyond 64 bits"),
        ({"caption": 10**5000}, "where.caption: a number beyond 64 bits"),
        ({"date": 10**5000}, "where.date: a number beyond 64 bits"),
        ({"tag": float("inf")}, "where.tag: inf: expected a finite number"),
        ({"field": "meta.a", "op": "<", "value": True}, "true and false have no order"),
        ({"field": "tag", "op": 10**5000, "value": "x"}, "where.op: expected one of =, !="),
        ({"field": "tag", "op": ["="], "value": "x"}, "where.op: expected one of =, !="),
        ({"field": "tag", "value": "a", "n" * 5000: 1}, f"where.{'n' * 40}…: unknown; a condition"),
        ({"field": "tag", "value": "a", "\ud800": 1}, "where.?: unknown; a condition has"),
    ],
)
def test_errors_of_json_name_the_place(given: Any, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_where(given)
    assert said in str(caught.value)


def test_json_is_bounded() -> None:
    deep: dict[str, Any] = {"tag": "a"}
    for _ in range(30):
        deep = {"not": deep}
    with pytest.raises(QueryError, match="over 20 deep"):
        parse_where(deep)
    with pytest.raises(QueryError, match="over 100 conditions"):
        parse_where({"or": [{"tag": "a"}] * 101})
    with pytest.raises(QueryError, match="over 200 values"):
        parse_where({"tag": ["a"] * 201})


def _as_json(tree: Where) -> dict[str, Any]:
    if tree == EVERYTHING:
        return {}
    if isinstance(tree, Is):
        value = list(tree.value) if isinstance(tree.value, tuple) else tree.value
        return {"field": tree.field, "op": tree.operator, "value": value}
    if isinstance(tree, Not):
        return {"not": _as_json(tree.of)}
    return {"and" if isinstance(tree, All) else "or": [_as_json(part) for part in tree.of]}


@pytest.mark.slow
@given(FILTERS)
@settings(max_examples=300, deadline=None)
def test_every_tree_can_be_written_in_json(tree: Where) -> None:
    assert repr(parse_where(_as_json(tree))) == repr(tree)
