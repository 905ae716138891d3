"""Finding items by a query vector."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.entries import Found, Place, RankedImages
from mmembed.store.postgres.graphs import Graphs
from mmembed.store.postgres.nearest import NearestVectors
from mmembed.store.postgres.rows import EMBEDDING, halves
from mmembed.store.postgres.searched import Searched, passing
from mmembed.store.postgres.vector_queries import StoredVectors
from mmembed.store.protocol import SearchedBy
from mmembed.store.rank_items import nearest_images, rank_items
from mmembed.store.vectors.rescoring import unit
from mmembed.types import KINDS, Embeddings, Kind, Ranked

SAMPLE_SQL = f"""
SELECT {EMBEDDING.format("embedding")} FROM vectors JOIN (
  SELECT id, row_number() OVER (ORDER BY id) AS place FROM vectors WHERE {{condition}}
) AS places USING (id) WHERE (place - 1) %% %s = 0 ORDER BY id
"""
PROBE_SQL = f"""
WITH ends AS (SELECT min(id) AS first, max(id) AS last FROM vectors WHERE {{condition}})
SELECT {EMBEDDING.format("embedding")} FROM (
  SELECT DISTINCT ON (found.id) found.id, found.embedding
  FROM ends, generate_series(first, last, 1 + (last - first) / %s) AS start
  CROSS JOIN LATERAL (
    SELECT id, embedding FROM vectors WHERE {{condition}} AND id >= start ORDER BY id LIMIT 1
  ) AS found ORDER BY found.id
) AS probes ORDER BY id
"""
"""The vectors next to ids at equal distances: where ids are missing, there are fewer of them."""
KEPT_CHANGES = 100_000
"""Of the newest changes none is forgotten."""
FORGET_SQL = """
WITH gone AS (
  SELECT vector_id FROM changes
  WHERE op = -1 AND seq <= (SELECT max(seq) FROM changes) - %s
) DELETE FROM changes USING gone WHERE changes.vector_id = gone.vector_id
"""
MANY_SQL = """
SELECT reltuples > %s + 2 * (SELECT coalesce(sum(vectors), 0) FROM vector_totals)
FROM pg_class WHERE oid = 'changes'::regclass
"""
"""Whether most changes tell of vectors that are gone, as far as the server has counted them."""
SAMPLE_S = 5.0
"""Seconds that the sample of a large collection stays, though vectors change meanwhile."""
SMALL = 20_000
"""Vectors of a collection whose sample follows every change."""
SPARSE = 4
"""Of a large collection with so many vectors for each of the sample, not all ids are looked at:
that would take minutes for a hundred million."""

NOTHING = Ranked(np.empty(0, np.int64), np.empty(0), complete=True)


class VectorSearch(Graphs, StoredVectors):
    """See Search."""

    def __init__(self) -> None:
        NearestVectors.__init__(self)
        self._samples: dict[tuple[Kind, int], tuple[tuple[int, int], float, Embeddings]] = {}
        self._sampling = threading.Lock()

    def search(
        self,
        query: NDArray[np.float32],
        count: int,
        where: Where = EVERYTHING,
        *,
        kind: Kind,
        after: Place | None = None,
    ) -> Found:
        """See Search.search. Raises QueryError."""
        ranking = self.ranking(query, where, kind=kind, of_images=False)
        return rank_items(
            ranking,
            lambda vector_ids: self.items_of_vectors(vector_ids, where),
            self.chunks_of,
            count=count,
            after=after,
        )

    def nearest_images(
        self, query: NDArray[np.float32], count: int, where: Where = EVERYTHING, *, by: Kind
    ) -> RankedImages:
        """See Search.nearest_images."""
        return nearest_images(
            self.ranking(query, where, kind=by, of_images=True),
            lambda vector_ids: self.images_of_vectors(vector_ids, by, where),
            count,
        )

    def ranking(
        self, query: NDArray[np.float32], where: Where, *, kind: Kind, of_images: bool
    ) -> Callable[[int], Ranked]:
        """Gives the nearest vectors of a kind that pass, so many as are wanted. of_images: the
        filter is for images, of which the vectors may be of captions."""
        searched = self.searched(kind)
        if searched is None:
            return lambda most: NOTHING
        among = passing(searched, where, of_images=of_images)
        return lambda most: self.nearest(searched, query, most, among)

    def sample(self, kind: Kind, count: int) -> Embeddings:
        """See Search.sample."""
        searched = self.searched(kind)
        if searched is None:
            return np.empty((0, 0), dtype=np.float32)
        state = searched.model_id, self.last_change()
        with self._sampling:
            known = self._samples.get((kind, count))
            if known is not None and _is_current(known[0], known[1], state, searched):
                return known[2]
            sample = unit(halves(self._sampled(searched, count)))
            self._samples = {**self._samples, (kind, count): (state, time.monotonic(), sample)}
        return sample

    def _sampled(self, searched: Searched, count: int) -> list[bytes]:
        if searched.vectors > max(SMALL, SPARSE * count):
            rows = self._rows(PROBE_SQL.format(condition=searched.condition), (count,))
        else:
            step = max(1, -(-searched.vectors // count))
            rows = self._rows(SAMPLE_SQL.format(condition=searched.condition), (step,))
        return [row[0] for row in rows]

    def index(self, kind: Kind) -> PostgresIndex | None:
        """See Search.index. A missing graph is built, and stays."""
        searched = self.searched(kind)
        return None if searched is None else PostgresIndex(self, searched)

    def index_sizes(self) -> dict[Kind, int]:
        """See Search.index_sizes: of all kinds."""
        found = {kind: self.searched(kind) for kind in KINDS}
        return {kind: searched.vectors for kind, searched in found.items() if searched}

    def vector_ids(self, searched: Searched) -> NDArray[np.int64]:
        """Ids of all vectors of a kind, rising."""
        rows = self._rows(f"SELECT id FROM vectors WHERE {searched.condition} ORDER BY id")
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def publish(self, *, build: bool = True) -> None:
        """See Search.publish. Graphs are part of the database: there is nothing to save."""
        if build:
            self.build_graphs()
        self._forget_changes()

    def _forget_changes(self) -> None:
        """Forget of vectors that came and went long ago: two rows for each would stay for ever."""
        if self._rows(MANY_SQL, (KEPT_CHANGES,)) == [(True,)]:
            # Without the lock of changes: nobody else touches these rows.
            with (
                self._connections.translating("did not forget old changes"),
                self._connections.transaction() as session,
            ):
                session.run(FORGET_SQL, (KEPT_CHANGES,))


def _is_current(
    made_of: tuple[int, int], made_at: float, state: tuple[int, int], searched: Searched
) -> bool:
    if made_of == state:
        return True
    large = searched.vectors > SMALL
    return large and made_of[0] == state[0] and time.monotonic() < made_at + SAMPLE_S


class PostgresIndex:
    """The vectors of a kind, searched in each of both ways; see Index."""

    def __init__(self, finder: VectorSearch, searched: Searched) -> None:
        large = searched.expansion > 0 and searched.vectors > finder.exact_limit
        self.in_use: SearchedBy = "hnsw" if large else "exact"
        if not searched.expansion:
            finder.build_graph(searched)
            searched = finder.searched(searched.kind) or searched
        self._finder = finder
        self._searched = searched
        self.kind: Kind = searched.kind

    def __len__(self) -> int:
        return self._searched.vectors

    def ids(self) -> NDArray[np.int64]:
        """See Index.ids."""
        return self._finder.vector_ids(self._searched)

    def exact(self, query: NDArray[np.float32], count: int) -> Ranked:
        """See Index.exact."""
        return self._finder.scanned(self._searched, query, count)

    def approximate(self, query: NDArray[np.float32], count: int) -> Ranked:
        """See Index.approximate: by the HNSW graph."""
        head = self._finder.by_graph(self._searched, query, count, None)
        if head is None or count > len(head.ids):
            return self.exact(query, count)
        return Ranked(head.ids[:count], head.scores[:count], complete=False)
