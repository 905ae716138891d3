"""Filters in words: the tree that they make, and the place that an error points at."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmembed.errors import QueryError
from mmembed.filters.parse import parse_where
from mmembed.filters.tree import EVERYTHING, All, Not, Where
from mmembed.filters.tree import Any as AnyOf
from mmembed.filters.tree import Test as Is

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
        ("width:5...8", 10, "a span has two dots, as in 5..8"),
        ("width:9..1", 7, "9 comes after 1"),
        ("width>1e999", 7, "expected a finite number"),
        (f"width>{2**63}", 7, "a number beyond 64 bits"),
        (f"width>{'9' * 400}", 7, "a number beyond 64 bits"),
        (f"bytes>{'9' * 400}TB", 7, "a number beyond 64 bits"),
        (f"meta.a>{'9' * 400}", 8, "a number beyond 64 bits"),
        (f"meta.a>{'9' * 5000}", 8, "a value of 5,000 characters, limit 1,000"),
        (f"meta.a>1e{'9' * 500}", 8, "expected a finite number"),
        (f"meta.a:1,{'9' * 5000}", 10, "a value of 5,000 characters, limit 1,000"),
        (f'date:"{"2" * 5000}"', 6, "a value of 5,000 characters, limit 1,000"),
        ("meta.a<true", 8, "true and false have no order"),
        ("meta.a:..false", 8, "true and false have no order"),
        ("width>1,2", 7, "> takes one value"),
        ("width>1..2", 7, "> takes one value; a span is written width:FIRST..LAST"),
        ("width:..", 7, "expected a first or a last value"),
        ("date:2024-13", 6, "'2024-13': expected a date such as 2024"),
        ("date:2024-02-30", 6, "expected a date"),
        ("date>2024-05-03T12:00Z", 6, "without a zone"),
        ("date=2024-05-03T12+02", 6, "without a zone"),
        ("date:2024-05-03T12+02..2024-05-04", 6, "without a zone"),
        ("date>2024-05-03T12:00+02", 6, "without a zone"),
        ("date=2024-W05-1", 6, "expected a date"),
        ("date=20240503", 6, "expected a date"),
        ("date=2024-05-03T24", 6, "expected a date"),
        ("date=0000", 6, "expected a date"),
        ("added=٢٠٢٤", 7, "expected a date"),
        ("tag>3", 4, "tag does not take >; it takes =, !=, in"),
        ("folder~x", 7, "folder does not take contains"),
        ("kind:video", 6, "'video': kind is image or caption"),
        ("folder:photos", 8, "expected the absolute path of a folder"),
        ("tag:a\0", 5, "NUL"),
        ("tag:\ud800", 5, "surrogate"),
        ('meta."":1', 1, "'meta.': a name of 0 characters"),
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


def test_a_filter_may_not_be_endless() -> None:
    with pytest.raises(QueryError, match="10,001 characters, limit 10,000"):
        parse_where(" " * 10_001)


@pytest.mark.slow
@given(st.text(alphabet='tag:dtewih.5,"“()-~^=<>! \\orn\ud800\0', max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_words_are_read_or_refused(words: str) -> None:
    with suppress(QueryError):
        parse_where(words)
