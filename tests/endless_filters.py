"""Makes every filter take for ever."""

from __future__ import annotations

from collections.abc import Callable

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.sqlite import queries, word_queries
from mmembed.store.sqlite.filter_sql import clause_of, condition_of
from mmembed.types import Kind

ENDLESS = (
    "(WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1e12) "
    "SELECT count(*) FROM n) > items.id"
)


def make_endless(replace: Callable[[object, str, object], None]) -> None:
    """replace: setattr, or that of a MonkeyPatch."""
    replace(queries, "condition_of", _condition)
    for module in (queries, word_queries):
        replace(module, "clause_of", _clause)


def _condition(where: Where) -> tuple[str, list[object]]:
    return condition_of(where) if where == EVERYTHING else (ENDLESS, [])


def _clause(kind: Kind | None, where: Where) -> tuple[str, list[object]]:
    return clause_of(kind, where) if where == EVERYTHING else (f"WHERE {ENDLESS}", [])
