"""Shows what a collection holds: its clusters, its outliers and its map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmembed.collection.exploration import MOST_OUTLIERS, Clusters, Exploration, Outliers
from mmembed.collection.map_work import MapState
from mmembed.collection.search_requests import SearchRequests
from mmembed.errors import LimitError, QueryError
from mmembed.explore.clusters.clusters import FINEST, Cluster
from mmembed.explore.map.keeper import CurrentMap
from mmembed.explore.map.make import METHODS, Method, reducer_note
from mmembed.explore.outliers import Outlier
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.types import Phase, Progress, Term

__all__ = [
    "METHODS",
    "Cluster",
    "Clusters",
    "CurrentMap",
    "Exploring",
    "MapState",
    "Method",
    "Outlier",
    "Outliers",
    "reducer_note",
]

FIRST_RESULTS = 300
"""Results of a search that are grouped."""


class Exploring(SearchRequests):
    """The part of a Collection that shows what it holds."""

    _exploration: Exploration

    def clusters(
        self,
        terms: Sequence[Term] = (),
        *,
        like: Sequence[int] = (),
        unlike: Sequence[int] = (),
        where: Where = EVERYTHING,
        count: int | None = None,
        among: int = FIRST_RESULTS,
    ) -> Clusters:
        """Groups of the pictures that pass a filter; with a query, of its first `among` results,
        see Collection.search. count: of one level of groups, up to FINEST. By default there are up
        to three levels. Raises QueryError, LimitError, NotFound, Abandoned."""
        if count is not None and not 1 <= count <= FINEST:
            raise QueryError(f"count: {count} clusters; expected 1 to {FINEST}", param="count")
        if not (terms or like or unlike):
            return self._exploration.clusters(where, count)
        page = self.search(terms, k=among, where=where, like=like, unlike=unlike)
        found = np.array([hit.item.id for hit in page.hits], np.int64)
        return self._exploration.clusters(where, count, found)

    def outliers(self, *, where: Where = EVERYTHING, count: int = 20) -> Outliers:
        """The `count` pictures that pass and are farthest from the others that pass: by the mean
        distance to the five nearest. Raises QueryError, LimitError, Abandoned."""
        if count < 1:
            raise QueryError(f"k: {count} outliers; ask for at least 1", param="k")
        if count > MOST_OUTLIERS:
            raise LimitError(f"k: {count} outliers, limit {MOST_OUTLIERS}", param="k")
        return self._exploration.outliers(where, count)

    def make_map(
        self,
        *,
        method: Method = "auto",
        anew: bool = False,
        progress: Progress = lambda done, total, failed: None,
        phase: Phase = lambda what, count: None,
    ) -> CurrentMap:
        """Make the map of all pictures, and keep it. If there is one, new pictures are placed on
        it, and no other picture moves. anew: make another one. method: `tsne`, `pca`, or `auto` for
        t-SNE where its library is installed. Raises InputError, NotFound without pictures."""
        return self._exploration.map.bring_up(method, anew=anew, progress=progress, phase=phase)

    def begin_map(self, *, method: Method = "auto", anew: bool = False) -> MapState:
        """The same as a job beside other work, unless that goes on already. Raises Overloaded,
        StoreError."""
        return self._exploration.map.begin(method, anew=anew)

    def map(self) -> CurrentMap:
        """The map with the present pictures. Of new ones the first 5,000 are placed, and nothing is
        written. Raises NotFound, with the remedy, if there is no map."""
        return self._exploration.map.current()

    def map_tag(self) -> str:
        """A text that changes whenever the map does. Raises NotFound."""
        return self._exploration.map.tag()

    def map_state(self) -> MapState:
        """Whether there is a map, and how far the making of one is."""
        return self._exploration.map.state()
