"""Builds HNSW graphs, and measures how far a search of one must look."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import StoreFull
from mmembed.store.postgres.nearest import NearestVectors
from mmembed.store.postgres.rows import EMBEDDING, halves
from mmembed.store.postgres.searched import Searched
from mmembed.store.vectors.rescoring import Rows, unit
from mmembed.types import KINDS, Embeddings, Kind

log = logging.getLogger(__name__)

EXPANSIONS = (64, 96, 128, 192, 256, 384, 512, 768, 1_000, 1_500, 2_000, 3_000)
NEIGHBOURS, BUILD_EXPANSION = 16, 128
"""Of each vector in a graph, and how many are visited to find them: pgvector's m and
ef_construction."""
K = 10
"""Results of a query of which the share that is found is measured."""
QUERIES = 96
"""Queries of each sort: vectors of the collection, and random directions."""
SAMPLE = 1_024
"""Vectors whose spread the random directions have."""
SEED = 11
SPARED = 0.5
"""Share of the permitted misses that is not used up, since other queries may miss more."""
TIE = 1e-6
"""Cosines that differ by less are equal."""
NEVER, NEAR_NOTHING = 2.0, -2.0
"""Cosines above and below all others."""
PORTION = 20_000
"""Vectors that are read at a time."""
OUTGROWN = 2.0
"""Factor by which a collection may grow before its graph is measured again."""
LARGEST_MEMORY_KB = 4 * 2**20
DROP_S = 60
"""Seconds that a build waits for an earlier one of the same graph to end."""
UNLIKE = 0.05
"""Share of the collection's own vectors that count as other queries."""
GRAPH_SQL = """
SELECT promise, vectors FROM graphs WHERE model_id = %s AND kind = %s AND easier IS NOT NULL
"""
NOTE_SQL = """
INSERT INTO graphs (model_id, kind, expansion, recall, promise, vectors, easier, likeness)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (model_id, kind) DO UPDATE
SET expansion = excluded.expansion, recall = excluded.recall, promise = excluded.promise,
    vectors = excluded.vectors, easier = excluded.easier, likeness = excluded.likeness
"""


class Graphs(NearestVectors):
    """The HNSW graphs of a store."""

    recall: float
    """The share of the nearest ten vectors that a graph must find."""

    def build_graphs(self, *, anew: bool = False) -> None:
        """Build the graphs of kinds with more vectors than are scanned, where they are missing.
        anew: also where they are there."""
        for kind in KINDS:
            searched = self.searched(kind)
            if searched is not None and searched.vectors > self.exact_limit:
                self.build_graph(searched, anew=anew)

    def build_graph(self, searched: Searched, *, anew: bool = False) -> None:
        """Build the graph of a kind, unless it is there and keeps its promise; searches and changes
        go on meanwhile. Raises StoreBusy beside another process that builds."""
        if not anew and self._is_current(searched):
            return
        with self.exclusive("publishing"):
            if anew or not (searched.expansion or self._is_built(searched)):
                self._create(searched)
            self._measure(searched)

    def _is_current(self, searched: Searched) -> bool:
        rows = self._rows(GRAPH_SQL, (searched.model_id, searched.kind))
        return bool(rows) and bool(
            abs(rows[0][0] - self.recall) < TIE and searched.vectors <= OUTGROWN * rows[0][1]
        )

    def _is_built(self, searched: Searched) -> bool:
        """Whether there is a graph that was not measured: its process ended too early."""
        sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
        return self._rows(sql, (_name_of(searched),)) == [(True,)]

    def _create(self, searched: Searched) -> None:
        with self._changing() as session:
            sql = "DELETE FROM graphs WHERE model_id = %s AND kind = %s"
            session.run(sql, (searched.model_id, searched.kind))
        try:
            self._build(searched)
        except StoreFull:  # most likely the shared memory of its parallel workers
            self._build(searched, alone=True)

    def _build(self, searched: Searched, *, alone: bool = False) -> None:
        per_vector = 2 * searched.dim + 16 * NEIGHBOURS + 256
        wanted = min(LARGEST_MEMORY_KB, searched.vectors * per_vector // 800 + 65_536)
        name = _name_of(searched)
        with (
            self._connections.alone("building a graph") as session,
            self._connections.translating("did not build the graph"),
        ):
            session.run(f"SET maintenance_work_mem = '{wanted}kB'")
            if alone:
                session.run("SET max_parallel_maintenance_workers = 0")
            # Concurrently: searches and changes must not wait for a lock on the table, which a
            # build may still have whose process was killed.
            session.run(f"SET lock_timeout = '{DROP_S}s'")
            session.script(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            session.run("SET lock_timeout = 0")
            session.script(
                f"CREATE INDEX CONCURRENTLY {name} ON vectors USING hnsw "
                f"({searched.typed} halfvec_cosine_ops) "
                f"WITH (m = {NEIGHBOURS}, ef_construction = {BUILD_EXPANSION}) "
                f"WHERE {searched.condition.replace('vectors.', '')}"
            )

    def _measure(self, searched: Searched) -> None:
        """Note the least expansion with which the graph finds the promised share, in both halves of
        the queries; and the one that is enough for queries like those of the first half."""
        halves_of_queries = self._queries(searched)
        least = [self._tenth(searched, queries) for queries in halves_of_queries]
        enough = self.recall + (1 - self.recall) * SPARED
        recall, expansion = 0.0, EXPANSIONS[0]
        easier: tuple[int, float] | None = None
        for expansion in EXPANSIONS:
            tenths = [self._found(searched, queries, expansion) for queries in halves_of_queries]
            shares = [
                float((found >= limits[:, None] - TIE).mean())
                for found, limits in zip(tenths, least, strict=True)
            ]
            if easier is None and shares[0] >= enough:
                easier = expansion, _likeness(*(found[:, -1] for found in tenths))
            recall = min(shares)
            if recall >= enough:
                break
        if recall < self.recall:
            log.warning("the graph of %ss finds %.3f of the nearest ten, less than %.3f",
                        searched.kind, recall, self.recall)  # fmt: skip
        facts = (expansion, recall, self.recall, searched.vectors)
        with self._changing() as session:
            row = (searched.model_id, searched.kind, *facts, *(easier or (expansion, NEVER)))
            session.run(NOTE_SQL, row)

    def _queries(self, searched: Searched) -> tuple[Rows, Rows]:
        """Vectors from all over the collection, and random directions as wide as these are spread:
        queries in words lie beside all images, where a graph finds less."""
        sample = self.sample(searched.kind, SAMPLE)
        weights = np.random.default_rng(SEED).normal(size=(QUERIES, len(sample)))
        directions = weights.astype(np.float32) @ (sample - sample.mean(axis=0)) + TIE
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return sample[:: max(1, -(-len(sample) // QUERIES))], directions

    def _tenth(self, searched: Searched, queries: Rows) -> NDArray[np.float32]:
        """The cosine of the tenth nearest vector to each query, by a look at all of them."""
        best = np.full((len(queries), K), -2, dtype=np.float32)
        after = 0
        sql = (
            f"SELECT id, {EMBEDDING.format('embedding')} FROM vectors "
            f"WHERE {searched.condition} AND id > %s ORDER BY id LIMIT {PORTION}"
        )
        while rows := self._rows(sql, (after,)):
            units = unit(halves([row[1] for row in rows]))
            cosines = np.hstack([best, queries @ units.T])
            best = np.partition(cosines, -K, axis=1)[:, -K:]
            after = int(rows[-1][0])
        least: NDArray[np.float32] = best.min(axis=1)
        return least

    def _found(self, searched: Searched, queries: Rows, expansion: int) -> Rows:
        """The cosines of the first K results of each query, falling; NEAR_NOTHING where there are
        fewer."""
        found = np.full((len(queries), K), NEAR_NOTHING, dtype=np.float32)
        for row, query in zip(found, queries, strict=True):
            head = self.head(searched, query, expansion)
            if head is not None:
                scores = head.scores[:K]
                row[: len(scores)] = scores
        return found

    def sample(self, kind: Kind, count: int) -> Embeddings:
        """See Search.sample."""
        raise NotImplementedError


def _likeness(own: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """The cosine of the tenth result that most of the collection's own vectors reach, and no other
    query."""
    return float(max(np.quantile(own, UNLIKE), others.max() + TIE))


def _name_of(searched: Searched) -> str:
    return f"vectors_hnsw_{searched.model_id}_{searched.kind}"
