"""Notes on a filter that nothing passes because no item has one of its fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmembed.filters.fields import META
from mmembed.filters.tree import EVERYTHING, Not, Test, Where

if TYPE_CHECKING:
    from mmembed.store.protocol import Store
    from mmembed.types import Item


def notes_on_missing_fields(where: Where, items: Sequence[Item], store: Store) -> tuple[str, ...]:
    """A sentence on each field of the filter that no item has, if nothing was found. Manifests name
    their fields freely: an error would be wrong, and silence would hide a misspelling."""
    if items or where == EVERYTHING:
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
