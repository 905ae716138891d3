"""Filters in words or in JSON → the tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmembed.errors import QueryError
from mmembed.filters.conditions import Fault, condition
from mmembed.filters.grammar import where_of_words
from mmembed.filters.json_form import where_of_json
from mmembed.filters.tree import Where, all_of


def parse_where(given: str | Mapping[str, object]) -> Where:
    """A filter in words, or in JSON as Python holds it. Raises QueryError, which names the place
    and the known values there."""
    return where_of_words(given) if isinstance(given, str) else where_of_json(given)


def with_all(where: Where, tags: Sequence[str] = (), folder: str | None = None) -> Where:
    """The filter, narrowed to items that carry all these tags and lie below a folder. Raises
    QueryError."""
    parts = [_equal("tag", tag) for tag in tags]
    if folder:
        parts.append(_equal("folder", folder))
    return all_of(where, *parts)


def _equal(field: str, value: str) -> Where:
    try:
        return condition(field, "=", value)
    except Fault as fault:
        raise QueryError(f"{field}: {fault}", param=field) from None
