"""Filters in words and in JSON: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmembed.errors import QueryError
from mmembed.search.where import parse_where, with_all
from mmembed.store.where import EVERYTHING, FIELDS, All, Not, Where
from mmembed.store.where import Any as AnyOf
from mmembed.store.where import Test as Is
from tests.search.where_trees import FILTERS

A, B, C = (Is("tag", "=", name) for name in "abc")


@pytest.mark.parametrize(
    ("words", "tree"),
    [
        ("", EVERYTHING),
        (" \n", EVERYTHING),
        ("tag:a", A),
        ("tag = a", A),
        ('tag:"a"', A),
        ("tag:“a”", A),
        ("TAG:a", A),
        ("tag:a tag:b", All((A, B))),
        ("tag:a AND tag:b and tag:c", All((A, B, C))),
        ("tag:a tag:b or tag:c", AnyOf((All((A, B)), C))),
        ("tag:a (tag:b or tag:c)", All((A, AnyOf((B, C))))),
        ("-tag:a", Not(A)),
        ("not tag:a tag:b", All((Not(A), B))),
        ("NOT(tag:a tag:b)", Not(All((A, B)))),
        ("-not tag:a", A),
        ("tag:a,b", Is("tag", "in", ("a", "b"))),
        ("tag:a, b", Is("tag", "in", ("a", "b"))),
        ("tag!=a", Is("tag", "!=", "a")),
        ("tag!=a,b", Not(Is("tag", "in", ("a", "b")))),
        ("tag^a", Is("tag", "startswith", "a")),
        (r'tag:"a\" \\b"', Is("tag", "=", 'a" \\b')),
        ("tag:a..b", Is("tag", "=", "a..b")),
        ("caption:beach", Is("caption", "contains", "beach")),
        ("caption=beach", Is("caption", "=", "beach")),
        ('camera:"Pixel 7"', Is("camera", "contains", "Pixel 7")),
        ("camera:a,b", AnyOf((Is("camera", "contains", "a"), Is("camera", "contains", "b")))),
        ("has:caption -has:tag", All((Is("caption", "exists"), Not(Is("tag", "exists"))))),
        ("width>4000", Is("width", ">", 4000)),
        ("width >= 4000px", Is("width", ">=", 4000)),
        ("megapixels<.5", Is("megapixels", "<", 0.5)),
        ("latitude:-33.9..-33", Is("latitude", "between", (-33.9, -33))),
        ("bytes>5MB", Is("bytes", ">", 5_000_000)),
        ("bytes<1.5kib", Is("bytes", "<", 1536)),
        ("format:jpg", Is("format", "=", "JPEG")),
        ("kind:Image", Is("kind", "=", "image")),
        ("orientation=Portrait", Is("orientation", "=", "portrait")),
        ('folder:"/a b/"', Is("folder", "=", "/a b")),
        ("folder:/", Is("folder", "=", "/")),
        ("date:2024-05", Is("date", "=", "2024-05")),
        ("date>=2024-05-03T12:00", Is("date", ">=", "2024-05-03T12:00")),
        ('date<"2024-05-03 12:00:01"', Is("date", "<", "2024-05-03T12:00:01")),
        ("date:2024..2025-01", Is("date", "between", ("2024", "2025-01"))),
        ("date:2024..", Is("date", ">=", "2024")),
        ("(date:..2025)", Is("date", "<=", "2025")),
        ("date!=2024..2025", Not(Is("date", "between", ("2024", "2025")))),
        ("width:1,3..5", AnyOf((Is("width", "=", 1), Is("width", "between", (3, 5))))),
        ("meta.author=Ann", Is("meta.author", "=", "Ann")),
        ('meta."photo by":Ann', Is("meta.photo by", "=", "Ann")),
        ("meta.stars>=4", Is("meta.stars", ">=", 4)),
        ('meta.id:"007"', Is("meta.id", "=", "007")),
        ("meta.public:true", Is("meta.public", "=", True)),
        ("meta.author~20", Is("meta.author", "contains", "20")),
        ('meta.name:"a".."b"', Is("meta.name", "between", ("a", "b"))),
    ],
)
def test_words_make_a_tree(words: str, tree: Where) -> None:
    assert parse_where(words) == tree


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
    ],
)
def test_json_makes_a_tree(given: dict[str, Any], tree: Where) -> None:
    assert parse_where(given) == tree


@pytest.mark.parametrize(
    ("words", "column", "said"),
    [
        ("beach", 1, "'beach' is no condition"),
        ("tag:a colour:red", 7, "unknown field 'colour'"),
        ("has:colour", 5, "unknown field 'colour'"),
        ("has>tag", 5, "expected has:FIELD"),
        ("(tag:a", 1, "this parenthesis is not closed"),
        ("tag:a)", 6, "this parenthesis closes none"),
        ("()", 2, "expected a condition"),
        ("tag:a or", 9, "expected a condition"),
        ("tag:a and and tag:b", 11, "'and' is no condition"),
        ('tag:"a', 5, "this quotation mark is not closed"),
        ("tag:", 5, "expected a value"),
        ("tag:a,", 7, "expected a value"),
        ("width>tall", 7, "'tall': expected a number"),
        ("width>5MB", 7, "'5MB': expected a number"),
        ("width:9..1", 7, "9 comes after 1"),
        ("width>1e999", 7, "expected a finite number"),
        (f"width>{2**63}", 7, "a number beyond 64 bits"),
        ("width>1,2", 7, "> takes one value"),
        ("width>1..2", 7, "> takes one value; a span is written width:FIRST..LAST"),
        ("width:..", 7, "expected a first or a last value"),
        ("date:2024-13", 6, "'2024-13': expected a date such as 2024"),
        ("date:2024-02-30", 6, "expected a date"),
        ("date>2024-05-03T12:00Z", 6, "without a zone"),
        ("tag>3", 4, "tag does not take >; it takes =, !=, in"),
        ("folder~x", 7, "folder does not take contains"),
        ("kind:video", 6, "'video': kind is image or caption"),
        ("folder:photos", 8, "expected the absolute path of a folder"),
        ("tag:a\0", 5, "NUL"),
        ("tag:\ud800", 5, "surrogate"),
        ('meta."":1', 1, "a manifest field's name of 0 characters"),
        ("not " * 30 + "tag:a", 85, "over 20 deep"),
        ("(" * 30, 22, "over 20 deep"),
        ("tag:a " * 101, 601, "over 100 conditions"),
        (f"tag:{','.join('a' * 201)}", 1, "over 200 values"),
        (f"tag:{'a' * 1001}", 5, "1,001 characters, limit 1,000"),
    ],
)
def test_errors_point_at_the_place(words: str, column: int, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_where(words)
    first, line, caret = str(caught.value).split("\n")
    assert first.startswith(f"where, column {column}: ")
    assert said in first
    at = caret.index("^")
    assert words[column - 1 : column].strip() == line[at : at + 1].strip()
    assert caught.value.param == "where"


@pytest.mark.parametrize("given", ["nope:1", "nope", {"nope": 1}, {"not": {"field": "nope"}}])
def test_unknown_fields_are_answered_with_the_known_ones(given: Any) -> None:
    with pytest.raises(QueryError) as caught:
        parse_where(given)
    assert f"known fields are {', '.join(FIELDS)}, and meta.NAME" in str(caught.value).replace(
        "Known", "known"
    )


def test_a_filter_may_not_be_endless() -> None:
    with pytest.raises(QueryError, match="10,001 characters, limit 10,000"):
        parse_where(" " * 10_001)


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


def test_tags_and_a_folder_narrow_further() -> None:
    below = Is("folder", "=", "/a")
    assert with_all(EVERYTHING) == EVERYTHING
    assert with_all(AnyOf((A, B)), ["c"], "/a") == All((AnyOf((A, B)), C, below))


def _as_json(tree: Where) -> dict[str, Any]:
    if tree == EVERYTHING:
        return {}
    if isinstance(tree, Is):
        value = list(tree.value) if isinstance(tree.value, tuple) else tree.value
        return {"field": tree.field, "op": tree.operator, "value": value}
    if isinstance(tree, Not):
        return {"not": _as_json(tree.of)}
    return {"and" if isinstance(tree, All) else "or": [_as_json(part) for part in tree.of]}


@given(FILTERS)
@settings(max_examples=300, deadline=None)
def test_every_tree_can_be_written_in_json(tree: Where) -> None:
    assert repr(parse_where(_as_json(tree))) == repr(tree)


@given(st.text(alphabet='tag:dtewih.5,"“()-~^=<>! \\orn\ud800\0', max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_words_are_read_or_refused(words: str) -> None:
    with suppress(QueryError):
        parse_where(words)
