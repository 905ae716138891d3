"""The vectors that a search is among: those of a kind and the serving model, or those that pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.filter_conditions import Condition
from mmembed.store.postgres.filter_sql import clause_of
from mmembed.store.postgres.rows import SERVING
from mmembed.types import Kind

SPACE_SQL = f"""
SELECT models.id, dim, coalesce(totals.vectors, 0), coalesce(expansion, 0),
  coalesce(easier, expansion, 0), coalesce(likeness, 2)
FROM models LEFT JOIN vector_totals AS totals ON totals.model_id = models.id AND totals.kind = %s
LEFT JOIN graphs ON graphs.model_id = models.id AND graphs.kind = %s WHERE models.id = {SERVING}
"""


@dataclass(frozen=True)
class Searched:
    """The vectors of a kind and the serving model."""

    kind: Kind
    model_id: int
    dim: int
    vectors: int
    """How many there are."""
    expansion: int
    """Vectors that a search of their graph visits; 0 without a graph."""
    easier: int
    """So many are enough for a query that lies as the vectors do."""
    likeness: float
    """The cosine of its tenth result from which on a query counts as one."""

    @property
    def condition(self) -> str:
        """SQL that they alone pass, spelt out, so that their graph is used."""
        return f"vectors.model_id = {int(self.model_id)} AND vectors.kind = '{self.kind}'"

    @property
    def typed(self) -> str:
        """SQL for a vector with its length, which the graph is over."""
        return f"(embedding::halfvec({int(self.dim)}))"


@dataclass(frozen=True)
class PassingItems:
    """The vectors whose items pass a filter."""

    where: Where
    owners: str
    """SQL: the tables of the items that have vectors, and the condition."""
    items: str
    """SQL: these tables with those of their vectors, and the condition."""
    values: Sequence[object]

    @property
    def ids(self) -> Condition:
        """SQL for the ids of the vectors."""
        return f"SELECT of_content.vector_id FROM {self.items}", list(self.values)


def passing(searched: Searched, where: Where, *, of_images: bool) -> PassingItems | None:
    """The vectors that pass; None if all do. of_images: the filter is for images, of which the
    vectors may be of captions."""
    if where == EVERYTHING:
        return None
    by_caption = of_images and searched.kind == "caption"
    owners = "captions" if by_caption else "items"
    join = " JOIN items AS captions ON captions.image_id = items.id" if by_caption else ""
    clause, values = clause_of("image" if of_images else searched.kind, where)
    vectors = (
        f"JOIN content_vectors AS of_content ON of_content.kind = {owners}.kind "
        f"AND of_content.sha256 = {owners}.sha256 AND of_content.model_id = {searched.model_id}"
    )
    tables = f"items{join}"
    return PassingItems(where, f"{tables} {clause}", f"{tables} {vectors} {clause}", values)
