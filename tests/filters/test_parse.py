"""Filters in either form, and what may stand beside them."""

from __future__ import annotations

from typing import Any

import pytest

from mmembed.errors import QueryError
from mmembed.filters.fields import FIELDS
from mmembed.filters.parse import parse_where, with_all
from mmembed.filters.tree import EVERYTHING, All
from mmembed.filters.tree import Any as AnyOf
from mmembed.filters.tree import Test as Is

A, B, C = (Is("tag", "=", name) for name in "abc")


@pytest.mark.parametrize("given", ["nope:1", "nope", {"nope": 1}, {"not": {"field": "nope"}}])
def test_unknown_fields_are_answered_with_the_known_ones(given: Any) -> None:
    with pytest.raises(QueryError) as caught:
        parse_where(given)
    assert f"known fields are {', '.join(FIELDS)}, and meta.NAME" in str(caught.value).replace(
        "Known", "known"
    )


def test_tags_and_a_folder_narrow_further() -> None:
    below = Is("folder", "=", "/a")
    assert with_all(EVERYTHING) == EVERYTHING
    assert with_all(AnyOf((A, B)), ["c"], "/a/") == All((AnyOf((A, B)), C, below))


@pytest.mark.parametrize(
    ("tags", "folder", "said", "param"),
    [
        ([], "photos", "folder: 'photos': expected the absolute path of a folder", "folder"),
        ([], "/a\0", "folder: a value holds the character NUL", "folder"),
        (["a", "b\0"], None, "tag: a value holds the character NUL", "tag"),
        (["\ud800"], "/a", "tag: a value holds half of a surrogate pair", "tag"),
    ],
)
def test_tags_and_a_folder_are_checked_as_in_a_filter(
    tags: list[str], folder: str | None, said: str, param: str
) -> None:
    with pytest.raises(QueryError) as caught:
        with_all(EVERYTHING, tags, folder)
    assert str(caught.value) == said
    assert caught.value.param == param
