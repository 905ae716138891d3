"""Filters of searches and listings: words and JSON → tree.

words → where_scan → where_words → tree ← where_json ← JSON, by the rules of where_values
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mmembed.search.where_json import where_of_json
from mmembed.search.where_words import where_of_words
from mmembed.store.where import EVERYTHING, META, Not, Test, Where, all_of

if TYPE_CHECKING:
    from mmembed.store.entries import Found
    from mmembed.store.protocol import Store


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


def notes_on_empty(where: Where, found: Found, store: Store) -> tuple[str, ...]:
    """A sentence on each field of the filter that no item has, if nothing was found. Manifests name
    their fields freely: an error would be wrong, and silence would hide a misspelling."""
    if found.hits or where == EVERYTHING:
        return ()
    asked = sorted(field for field in _fields_of(where) if field.startswith(META))
    lacking = [field for field in asked if not store.count(None, Test(field, "exists"))]
    if not lacking:
        return ()
    names = [facts.name for facts in store.fields() if facts.name.startswith(META)]
    known = f"manifests brought {', '.join(names)}" if names else "no manifest brought any"
    return tuple(f"No item has the field {field}; {known}." for field in lacking)


def _fields_of(where: Where) -> set[str]:
    if isinstance(where, Test):
        return {where.field}
    if isinstance(where, Not):
        return _fields_of(where.of)
    return {field for part in where.of for field in _fields_of(part)}
