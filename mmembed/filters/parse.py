"""Filters in words or in JSON → the tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmembed.filters.grammar import where_of_words
from mmembed.filters.json_form import where_of_json
from mmembed.filters.tree import Test, Where, all_of


def parse_where(given: str | Mapping[str, object]) -> Where:
    """A filter in words, or in JSON as Python holds it. Raises QueryError, which names the place
    and the known values there."""
    return where_of_words(given) if isinstance(given, str) else where_of_json(given)


def with_all(where: Where, tags: Sequence[str] = (), folder: str | None = None) -> Where:
    """The filter, narrowed to items that carry all these tags and lie below a folder."""
    parts: list[Where] = [Test("tag", "=", tag) for tag in tags]
    if folder:
        parts.append(Test("folder", "=", folder))
    return all_of(where, *parts)
