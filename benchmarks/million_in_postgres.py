"""A large collection in PostgreSQL: loaded by COPY, its graph built, searched and filtered.

    python -m benchmarks.million_in_postgres --store postgresql://… --images 1000000

The vectors, the queries and the filters are those of `benchmarks.million`, so that both tables may
be read side by side. The address needs a schema that is empty (?schema=NAME) and a role that may
set session_replication_role. The words of the images are left out. A million images take some 6 GB
of the server's disk. NumPy, which says what is right, takes 2 GB of memory.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.million import DIM, MODEL, THEMES, World, say
from benchmarks.million_table import Judge, K, Vectors, filters, table
from benchmarks.postgres_clock import ServerClock
from mmembed.config.store_address import Address, address_of
from mmembed.filters.tree import EVERYTHING, Test, Where
from mmembed.store.postgres.postgres_store import PostgresStore
from mmembed.store.postgres.searched import passing
from mmembed.store.postgres.write_vectors import DIGEST_BYTES

BATCH = 20_000
FEW_THEMES = tuple(f"/pictures/{theme:03}" for theme in range(THEMES // 100))
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
HEADS = ("queries", "share", "recall@10", "p50, ms", "p99, ms", "server's CPU, ms")
SIZES_SQL = """
SELECT relname, pg_size_pretty(pg_table_size(oid)), pg_size_pretty(pg_indexes_size(oid))
FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
AND pg_total_relation_size(oid) > 10000000 ORDER BY pg_total_relation_size(oid) DESC
"""
GRAPHS_SQL = """
SELECT expansion, recall, pg_size_pretty(pg_relation_size('vectors_hnsw_' || model_id || '_image'))
FROM graphs WHERE kind = 'image'
"""
TOTALS_SQL = """
INSERT INTO vector_totals SELECT model_id, kind, count(*) FROM vectors GROUP BY 1, 2
"""
CHANGES_SQL = """
INSERT INTO changes (model_id, kind, vector_id, op)
SELECT model_id, kind, id, 1 FROM vectors ORDER BY id
"""


def copied(columns: Sequence[NDArray[Any]]) -> bytes:
    """Rows in the binary form of COPY. columns: of bytes, each of one length, (n,)."""
    layout: list[tuple[str, str]] = [("count", ">i2")]
    for number, column in enumerate(columns):
        layout += [(f"length{number}", ">i4"), (f"value{number}", f"V{column.dtype.itemsize}")]
    rows = np.empty(len(columns[0]), dtype=layout)
    rows["count"] = len(columns)
    for number, column in enumerate(columns):
        rows[f"length{number}"] = column.dtype.itemsize
        rows[f"value{number}"] = np.ascontiguousarray(column).view(f"V{column.dtype.itemsize}")
    return HEADER + rows.tobytes() + TRAILER


def texts(values: Sequence[str]) -> NDArray[np.bytes_]:
    """Texts of one length."""
    return np.array([value.encode() for value in values])


def halves(rows: Vectors) -> NDArray[np.void]:
    """The values of a column of halfvec, (n,)."""
    content = np.zeros(len(rows), [("dim", ">i2"), ("unused", ">i2"), ("row", ">f2", (DIM,))])
    content["dim"] = DIM
    content["row"] = rows
    return content.view(f"V{content.dtype.itemsize}")


@dataclass(frozen=True)
class Batch:
    """Images under their numbers, from 1."""

    numbers: NDArray[np.int64]
    rows: Vectors
    themes: NDArray[np.int64]
    widths: NDArray[np.int64]

    def tables(self, model_id: int) -> dict[str, list[NDArray[Any]]]:
        """The columns of each table, by what is copied into."""
        ids = self.numbers.astype(">i8")
        images = np.full(len(ids), b"image")
        contents = texts([f"{number:064x}" for number in self.numbers.tolist()])
        paths = [
            f"/pictures/{theme:03}/{number:09}.jpg"
            for theme, number in zip(self.themes.tolist(), self.numbers.tolist(), strict=True)
        ]
        widths = self.widths.astype(">i8")
        models = np.full(len(ids), model_id, ">i4")
        stored = self.rows.astype("<f2")
        digests = [
            hashlib.blake2b(row.tobytes(), digest_size=DIGEST_BYTES).digest() for row in stored
        ]
        columns = "(id, kind, path, sha256, width, height, bytes, format)"
        same = np.full(len(ids), 1000, ">i8")
        return {
            f"items {columns}": [
                *(ids, images, texts(paths), contents, widths, same, same),
                np.full(len(ids), b"JPEG"),
            ],
            "vectors (id, model_id, kind, digest, embedding)": [
                *(ids, models, images, np.array(digests, f"V{DIGEST_BYTES}")),
                halves(self.rows),
            ],
            "content_vectors (sha256, kind, model_id, vector_id)": [contents, images, models, ids],
        }


def batches(images: int, world: World) -> Sequence[Callable[[], Batch]]:
    """Makes the images of `benchmarks.million`."""
    picks = np.random.default_rng(1).permutation(images)

    def made(start: int) -> Batch:
        rows, themes = world.draw(min(BATCH, images - start), seed=1000 + start)
        widths = 1 + picks[start : start + len(rows)] * 1000 // images
        return Batch(np.arange(start, start + len(rows)) + 1, rows, themes, widths)

    return [lambda start=start: made(start) for start in range(0, images, BATCH)]  # type: ignore[misc]


def load(address: Address, images: int, world: World) -> float:
    """Copy the images into the tables of an empty store; returns the seconds of the server's and
    this program's work."""
    with psycopg.connect(address.connect, autocommit=True) as connection:
        connection.execute(f'SET search_path = "{address.schema}", public')
        connection.execute("SET session_replication_role = replica")
        [(model_id,)] = connection.execute("SELECT id FROM models").fetchall()
        started = time.perf_counter()
        for batch in batches(images, world):
            for into, columns in batch().tables(model_id).items():
                with connection.cursor().copy(f"COPY {into} FROM STDIN (FORMAT BINARY)") as copy:
                    copy.write(copied(columns))
        connection.execute(TOTALS_SQL)
        connection.execute(CHANGES_SQL)
        for name in ("items", "vectors"):
            connection.execute(f"ALTER TABLE {name} ALTER COLUMN id RESTART WITH {images + 1}")
            connection.execute(f"ANALYZE {name}")
        connection.execute("ANALYZE content_vectors")
        return time.perf_counter() - started


def stored(images: int, world: World) -> Judge:
    """Says what is right, by the vectors as they are stored."""
    rows = np.concatenate([batch().rows.astype("f2") for batch in batches(images, world)])
    exact = rows.astype("f4")
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    return Judge(np.arange(1, images + 1), exact)


@dataclass(frozen=True)
class Asking:
    """Asks the store, and compares its answers."""

    store: PostgresStore
    judge: Judge
    clock: ServerClock

    def row(
        self, name: str, queries: Vectors, where: Where, passing: NDArray[np.bool_] | None
    ) -> list[str]:
        """One line of the table."""
        self.ask(queries[0], where)
        times, recalls, before = [], [], self.clock.seconds()
        answers = []
        for query in queries:
            started = time.perf_counter()
            answers.append(self.ask(query, where))
            times.append(1000 * (time.perf_counter() - started))
        spent = self.clock.seconds() - before
        for query, answer in zip(queries, answers, strict=True):
            right = self.judge.search(query, passing)
            recalls.append(self.judge.recall(query, answer, right))
        p50, p99 = np.percentile(times, (50, 99))
        share = 1.0 if passing is None else float(passing.mean())
        figures = [f"{100 * share:.2f} %", f"{np.mean(recalls):.4f}", f"{p50:.1f}", f"{p99:.1f}"]
        figures.append(f"{1000 * spent / len(queries):.1f}")
        say(f"{name}: {figures}")
        return [name, *figures]

    def ask(self, query: Vectors, where: Where) -> list[int]:
        """Ids of the nearest vectors, which are those of the images here."""
        rank = self.store.ranking(query, where, kind="image", of_images=False)
        return [int(vector_id) for vector_id in rank(K).ids]

    def filtered(self, world: World, count: int) -> list[list[str]]:
        """Lines of filtered searches: of queries anywhere, and beside the images that pass."""
        anywhere = world.draw(count, seed=4)[0]
        rows, themes = world.draw(200 * count, seed=5)
        beside = rows[themes < len(FEW_THEMES)][:count]
        lines = [
            self.row(name, anywhere, where, self.passing(where))
            for name, where in filters(THEMES).items()
        ]
        where = Test("folder", "in", FEW_THEMES)
        name = f"folders of {len(FEW_THEMES)} themes, which the queries are of"
        return [*lines, self.row(name, beside, where, self.passing(where))]

    def passing(self, where: Where) -> NDArray[np.bool_]:
        """Which images pass a filter, (n,)."""
        searched = self.store.searched("image")
        assert searched is not None
        among = passing(searched, where, of_images=False)
        assert among is not None
        matching = self.store._rows(*among.ids)
        return np.isin(self.judge.ids, [vector_id for (vector_id,) in matching])


def main() -> None:
    """As the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--store", required=True, help="address with a schema that is empty")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/million_in_postgres"))
    options = parser.parse_args()
    world, address = World(), address_of(options.store)
    with (
        closing(PostgresStore(options.store, options.folder, exact_limit=20_000)) as store,
        ServerClock(address.connect) as clock,
    ):
        if store.model() is None:
            store.claim(MODEL)
            print(f"loaded in {load(address, options.images, world):.0f} s", flush=True)
        before, started = clock.seconds(), time.perf_counter()
        store.publish()
        wall = time.perf_counter() - started
        print(f"graph built and measured in {wall:.0f} s, {clock.seconds() - before:.0f} s of CPU")
        with psycopg.connect(address.connect) as connection:
            connection.execute(f'SET search_path = "{address.schema}", public')
            for sql in (GRAPHS_SQL, SIZES_SQL):
                for facts in connection.execute(sql).fetchall():
                    print(*facts)
        ask(store, clock, options.images, options.queries, world)


def ask(store: PostgresStore, clock: ServerClock, images: int, count: int, world: World) -> None:
    """Print the tables."""
    asking = Asking(store, stored(images, world), clock)
    lines = [
        asking.row("as the vectors lie", world.draw(count // 2, seed=2)[0], EVERYTHING, None),
        asking.row("beside them, as words", world.beside(count // 2, seed=3), EVERYTHING, None),
    ]
    print(f"\n{table(HEADS, lines)}", flush=True)
    print(f"\n{table(HEADS, asking.filtered(world, count // 2))}")


if __name__ == "__main__":
    main()
