"""The fields of filters, and how many items have a value of each."""

from __future__ import annotations

from decimal import Decimal

from mmembed.filters.fields import FIELDS, META
from mmembed.filters.tree import Test
from mmembed.store.entries import FieldFacts
from mmembed.store.postgres.filter_sql import condition_of
from mmembed.store.postgres.item_queries import ItemReader

MAX_INDEXES = 20
_SAID_SQL = """
SELECT key, CASE jsonb_typeof(value) WHEN 'string' THEN 'text' WHEN 'boolean' THEN 'true or false'
            WHEN 'array' THEN 'list' ELSE jsonb_typeof(value) END AS of_type,
  count(*),
  min(CASE WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{}')::numeric END),
  max(CASE WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{}')::numeric END),
  min((value #>> '{}') COLLATE "C"), max((value #>> '{}') COLLATE "C")
FROM items, jsonb_each(items.meta)
WHERE items.meta IS NOT NULL AND jsonb_typeof(value) <> 'null'
GROUP BY key, of_type ORDER BY key COLLATE "C", count(*) DESC
"""


class StoredFields(ItemReader):
    """Queries of fields; see Fields."""

    def fields(self) -> list[FieldFacts]:
        """See Fields.fields."""
        conditions = [condition_of(Test(name, "exists"))[0] for name in FIELDS]
        counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in conditions)
        [numbers] = self._rows(f"SELECT {counts} FROM items")
        known = zip(FIELDS.items(), numbers, strict=True)
        ours = [FieldFacts(name, rules.type, int(number)) for (name, rules), number in known]
        return [*ours, *self._said()]

    def _said(self) -> list[FieldFacts]:
        indexed = {name for (name,) in self._rows("SELECT name FROM field_indexes")}
        types: dict[str, list[str]] = {}
        counts: dict[str, int] = {}
        examples: dict[str, dict[str, None]] = {}
        for name, of_type, count, least, most, first, last in self._rows(_SAID_SQL):
            types.setdefault(name, []).append(of_type)
            counts[name] = counts.get(name, 0) + int(count)
            ends = (first, last) if least is None else (_plain(least), _plain(most))
            examples.setdefault(name, {}).update(dict.fromkeys(ends))
        return [
            FieldFacts(
                META + name, ", ".join(types[name]), counts[name], tuple(examples[name]),
                name in indexed,
            )
            for name in types
        ]  # fmt: skip


def _plain(number: Decimal) -> str:
    return format(number, "f")
