"""Several databases answer as one; wrong ones are refused, and one that is away is named."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.config.store_address import Address, address_of
from mmembed.errors import StoreAway, StoreError, Unstorable
from mmembed.filters.parse import parse_where
from mmembed.filters.tree import EVERYTHING
from mmembed.store.entries import CaptionEntry, ImageEntry, Model, Place
from mmembed.store.protocol import Store
from mmembed.types import KINDS
from tests.postgres_server import address
from tests.serving import eventually
from tests.temporary_postgres import drop_schema, postgres_store, sharded_store

pytestmark = pytest.mark.scale
DIM, COUNT = 16, 600
MODEL = Model("small", "fingerprint-of-small", DIM)
WORDS = ("dog", "cat", "harbour", "snow", "bicycle", "running", "sunset", "old", "town")
GONE = "postgresql://ann:s3cret@127.0.0.1:1/photos?connect_timeout=2"


def entries() -> list[ImageEntry]:
    """Pictures with captions and tags; some have equal vectors, and a few equal contents."""
    generator = np.random.default_rng(5)
    rows = generator.normal(size=(COUNT, DIM)).astype(np.float32)
    rows[1::7] = rows[0]
    made = []
    for number, row in enumerate(rows):
        words = generator.choice(WORDS, 4)
        text = f"a {words[0]} and a {words[1]}"
        caption = CaptionEntry(text, _text_vector(text)) if number % 3 == 0 else None
        content = hashlib.sha256(b"%d" % (number - number % 50 if number % 50 == 1 else number))
        made.append(
            ImageEntry(
                f"/{words[2]}/{number}.jpg", content.hexdigest(), row, 1, 1, 1, "PNG", 7,
                captions=() if caption is None else (caption,), tags=(str(words[3]),),
            )
        )  # fmt: skip
    return made


def _text_vector(text: str) -> Any:
    seed = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
    return np.random.default_rng(seed).normal(size=DIM).astype(np.float32)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """The same pictures in one database and in three."""
    folder = tmp_path_factory.mktemp("files")
    with (
        closing(postgres_store(folder)) as single,
        closing(sharded_store(folder, shards=3)) as several,
    ):
        for store in (single, several):
            store.claim(MODEL)
            made = entries()
            for start in range(0, COUNT, 100):
                store.write(made[start : start + 100])
        yield single, several


def query(seed: int) -> Any:
    row = np.random.default_rng(seed).normal(size=DIM).astype(np.float32)
    return row / np.linalg.norm(row)


def paths(store: Store, ids: Any) -> list[str | None]:
    return [item.path for item in store.items([int(one) for one in ids])]


@pytest.mark.parametrize("words", ["", "tag:dog", "path~1", "-tag:snow tag:old,town"])
def test_searches_answer_as_one_database(both: tuple[Store, Store], words: str) -> None:
    where = parse_where(words) if words else EVERYTHING
    for seed in range(5):
        for kind in KINDS:
            hits = [
                [(item.path, item.caption, score) for item, score in found.hits]
                for found in (store.search(query(seed), 40, where, kind=kind) for store in both)
            ]
            if kind == "image":
                assert hits[0] == hits[1]
            else:  # captions get their ids shard by shard: equal ones have another order
                assert [score for *_, score in hits[0]] == [score for *_, score in hits[1]]
                above = [{hit for hit in some if hit[2] > some[-1][2]} for some in hits if some]
                assert not above or above[0] == above[1]
        near = [store.nearest_images(query(seed), 30, where, by="image") for store in both]
        assert near[0].cosines.tolist() == near[1].cosines.tolist()
        assert paths(both[0], near[0].item_ids) == paths(both[1], near[1].item_ids)


@pytest.mark.parametrize("text", ["dog", "old town", "run", "a harb", "snow bicycles cat", "none"])
@pytest.mark.parametrize("words", ["", "tag:dog"])
def test_words_are_ranked_by_the_counts_of_all(
    both: tuple[Store, Store], text: str, words: str
) -> None:
    where = parse_where(words) if words else EVERYTHING
    one, other = (store.match_words(text, 50, where) for store in both)
    assert one.scores.tolist() == other.scores.tolist()
    assert paths(both[0], one.item_ids) == paths(both[1], other.item_ids)
    assert (one.words, one.attainable, one.complete) == (
        other.words,
        other.attainable,
        other.complete,
    )


def test_pages_are_the_whole_in_parts(both: tuple[Store, Store]) -> None:
    _, store = both
    whole = [item.id for item, _ in store.search(query(9), COUNT, kind="image").hits]
    assert len(set(whole)) == COUNT
    seen: list[int] = []
    place = None
    while len(seen) < COUNT:
        hits = store.search(query(9), 70, kind="image", after=place).hits
        seen += [item.id for item, _ in hits]
        place = Place(hits[-1][1], hits[-1][0].id, len(seen))
    assert seen == whole


def test_every_shard_has_its_part_and_copies_lie_together(both: tuple[Store, Store]) -> None:
    single, store = both
    parts = [door.ask(lambda shard: shard.count("image")) for door in _doors(store)]
    assert sum(parts) == COUNT
    assert min(parts) > COUNT / 5
    contents = [{item.sha256 for item in door.ask(_all_images)} for door in _doors(store)]
    assert sum(map(len, contents)) == len(set[str]().union(*contents))
    assert store.check() == single.check() == []
    assert store.tags() == single.tags()
    assert store.fields() == single.fields()


def _doors(store: Any) -> Any:
    return store._doors


def _all_images(shard: Any) -> Any:
    return shard.page(after=0, limit=COUNT, kind="image")


def entry(path: str, *vector: float, **more: Any) -> ImageEntry:
    row = np.array(vector or (1, *(0 for _ in range(DIM - 1))), dtype=np.float32)
    values = {"sha256": hashlib.sha256(path.encode()).hexdigest(), "format": "PNG", "mtime_ns": 7}
    return ImageEntry(path=path, embedding=row, width=1, height=1, bytes=1, **{**values, **more})


def test_a_changed_file_stays_where_it_is(tmp_path: Path) -> None:
    with closing(sharded_store(tmp_path)) as store:
        store.claim(MODEL)
        ids = store.write([entry(f"/{n}", tags=(f"t{n}",)) for n in range(8)])
        assert ids == sorted(ids)
        changed = [entry(f"/{n}", sha256=f"{n:064x}") for n in range(8)]
        assert store.write(changed) == ids
        assert [item.tags for item in store.items(ids)] == [(f"t{n}",) for n in range(8)]
        copies = [ImageEntry(f"/copy/{n}", f"{n:064x}", None, 1, 1, 1, "PNG", 7) for n in range(8)]
        assert len(store.write(copies)) == 8
        with pytest.raises(Unstorable):
            store.write([entry("/new"), entry("/9", *[np.nan] * DIM)])
        assert store.count() == 16
        assert store.check() == []


# -- a set of databases ----------------------------------------------------------------


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Address]]:
    """The addresses of a set of two, and of an empty database."""
    found = [address_of(address()) for _ in range(3)]
    opened(tmp_path, *found[:2]).close()
    yield found
    from mmembed.store.postgres.connections import DatabaseConnections

    for one in found:
        with closing(DatabaseConnections(one)) as connections:
            drop_schema(connections)


def opened(folder: Path, *addresses: Address) -> Any:
    from mmembed.store.shards.sharded_store import ShardedStore

    return ShardedStore(addresses, folder, exact_limit=9_000)


def alone(folder: Path, at: Address) -> Any:
    from mmembed.store.postgres.postgres_store import PostgresStore

    joint = "&" if "?" in at.connect else "?"
    return PostgresStore(f"{at.connect}{joint}schema={at.schema}", folder, exact_limit=9_000)


def test_a_set_opens_again_and_keeps_its_identity(three: list[Address], tmp_path: Path) -> None:
    first, second, _ = three
    with closing(opened(tmp_path, first, second)) as store:
        identity = store.identity
    with closing(opened(tmp_path, first, second)) as store:
        assert store.identity == identity
        assert store.name == f"{first.name},{second.name}"


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ((1, 0), "is shard 2; give the addresses in the order"),
        ((0, 2), "holds no part of this collection"),
        ((0, 1, 2), "is shard 1 of 2; give the addresses of all"),
        ((2, 1), "holds a part of another collection"),
        ((2, 2), "is named twice"),
        ((0, 0), "is shard 1; give the addresses in the order"),
    ],
)
def test_wrong_databases_are_refused(
    three: list[Address], tmp_path: Path, chosen: tuple[int, ...], said: str
) -> None:
    with pytest.raises(StoreError, match=said):
        opened(tmp_path, *(three[number] for number in chosen))


def test_a_shard_is_not_opened_alone(three: list[Address], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is database 2 of the 2 of one collection"):
        alone(tmp_path, three[1])
    with closing(alone(tmp_path, three[2])) as single:
        single.claim(MODEL)
        single.write([entry("/a")])
    for addresses in ((three[2], address_of(address())), (three[2], three[1])):
        with pytest.raises(StoreError, match="holds a collection by itself"):
            opened(tmp_path, *addresses)


def _down(door: Any) -> Callable[[], None]:
    """Have a shard be away; returns what brings it back."""
    door.close()
    open_, door._open, door._shard = door._open, _away, None

    def back() -> None:
        door._open, door._away_until = open_, 0.0

    return back


def _away() -> Any:
    raise StoreAway("postgresql://h/d: the database cannot be read")


def test_a_shard_that_is_away_is_named_or_left_out(three: list[Address], tmp_path: Path) -> None:
    with closing(opened(tmp_path, *three[:2])) as store:
        store.claim(MODEL)
        store.write([entry(f"/{n}", *np.eye(DIM)[n % DIM]) for n in range(12)])
        part = store._doors[0].ask(lambda shard: shard.count())
        back = _down(store._doors[1])
        for _ in range(2):
            with pytest.raises(StoreAway, match=r"shard 2 of 2, postgresql://.* cannot be"):
                store.search(query(1), 20, kind="image")
        assert [trouble.code for trouble in store.troubles()] == ["shard_away"]
        with pytest.raises(StoreAway):
            store.blobs.collect()
        with store.partially() as missing:
            hits = store.search(query(1), 20, kind="image").hits
            assert store.match_words("x", 9).complete
        assert len(hits) == part
        assert list(missing) == ["shard 2 of 2"]
        back()
        assert len(store.search(query(1), 20, kind="image").hits) == 12


def test_requests_do_not_queue_for_a_shard_that_is_slow_to_refuse(
    three: list[Address], tmp_path: Path
) -> None:
    with closing(opened(tmp_path, *three[:2])) as store:
        door = store._doors[1]
        back = _down(door)
        with pytest.raises(StoreAway):
            store.count()
        door._away_until, going = 0.0, threading.Event()

        def slow() -> Any:
            going.wait(30)
            _away()

        door._open = slow
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(store.count)
            eventually(door._probing.locked)
            with pytest.raises(StoreAway, match="a moment ago"):
                store.count()
            assert not first.done()
            going.set()
            assert isinstance(first.exception(), StoreAway)
        back()
        assert store.count() == 0


def test_a_set_opens_while_a_shard_is_away(three: list[Address], tmp_path: Path) -> None:
    with (
        closing(opened(tmp_path, three[0], address_of(GONE))) as store,
        store.partially() as missing,
    ):
        assert store.count() == 0
        assert list(missing) == ["shard 2 of 2"]
    with closing(opened(tmp_path, address_of(GONE), three[1])) as store:
        with pytest.raises(StoreAway, match="shard 1 of 2") as raised:
            store.count()
        assert "s3cret" not in str(raised.value)
        assert store.model() is None
    with pytest.raises(StoreAway):
        opened(tmp_path, three[2], address_of(GONE))
