"""Several processes index together: whatever ends them, every picture is there once."""

from __future__ import annotations

import json
import os
import random
import re
import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mmembed.filters.parse import parse_where
from mmembed.types import Failure
from tests.forked_commands import Fork, Forks, forks_in, until
from tests.postgres_server import address
from tests.small_pictures import many
from tests.tars import tar_at

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")

from mmembed.store.postgres.postgres_store import PostgresStore

pytestmark = pytest.mark.scale
KILLS = 10


@pytest.fixture
def at() -> str:
    """The address of an empty collection."""
    return address()


@pytest.fixture
def store(at: str, tmp_path: Path) -> Iterator[Any]:
    with closing(PostgresStore(at, tmp_path / "data", exact_limit=9_999)) as store:
        yield store
        with store._connections.transaction() as session:
            session.run("SET LOCAL client_min_messages = error")
            session.run(f'DROP SCHEMA "{store._connections.address.schema}" CASCADE')


@pytest.fixture
def forks(tmp_path: Path) -> Iterator[Forks]:
    with forks_in(tmp_path) as forks:
        yield forks


@pytest.fixture
def ours(at: str, tmp_path: Path) -> list[str]:
    """The options of each command."""
    return ["--store", at, "--data", str(tmp_path / "data"), "--model", "fake"]


def check_whole(store: Any, photos: Path, *, without: int = 0) -> None:
    """Each picture is there once, with its caption, and nothing is left to do."""
    expected = sorted(map(str, photos.rglob("*.png")))
    paths = [item.path for item in store.page(after=0, limit=9_999, kind="image")]
    assert len(paths) == len(expected) - without
    assert set(paths) <= set(expected)
    assert store._number("SELECT count(*) FROM vectors WHERE kind = 'image'") == len(paths)
    assert store._number("SELECT count(*) FROM items WHERE image_id IS NOT NULL") == len(
        list(photos.rglob("*.txt"))
    )
    assert store._number("SELECT count(*) FROM piece_files") == 0
    assert store.pieces.progress().is_all_done
    assert store.check() == []


def has(store: Any, count: int) -> bool:
    return bool(store.count("image") >= count)


def says(fork: Fork, word: str, times: int = 1) -> bool:
    with suppress(FileNotFoundError):  # it starts only now
        return fork.said.count(word) >= times
    return False


def embedded(said: str) -> int:
    found = re.search(r"(\d+) embedded", said)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_share_an_indexing(
    workers: int, forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 2_000)
    assert forks.start("index", photos, "--plan-only", *ours).wait() == 0
    started = [forks.start("work", *ours) for _ in range(workers)]
    assert [one.wait() for one in started] == [0] * workers
    assert sum(embedded(one.said) for one in started) == 2_000
    assert all(embedded(one.said) for one in started)
    check_whole(store, photos)


def test_a_worker_that_is_killed_at_random_moments_loses_nothing(
    forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 300)
    chance = random.Random(4)
    assert forks.start("index", photos, "--plan-only", *ours).wait() == 0
    slow = {"seconds": 0.004, "lease": 0.5, "commit": 4}
    for _ in range(KILLS):
        target = store.count("image") + chance.randint(1, 9)
        worker = forks.start("work", *ours, **slow)
        until(partial(has, store, target))
        worker.kill()
        assert worker.wait() == -signal.SIGKILL
    assert store.count("image") < 300
    last = forks.start("work", *ours, lease=0.5)
    assert last.wait() == 0, last.said
    assert "failed" not in last.said
    check_whole(store, photos)
    left = Failure(str(next(photos.rglob("*.png"))), "ImageError", "of a commit that was lost")
    store.write([], [left])
    again = forks.start("index", photos, *ours)
    assert again.wait() == 0
    assert "300 unchanged" in again.said
    assert store.failures() == []


def test_index_works_beside_others_and_sums_up(
    forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 300)
    helper = forks.start("work", "--wait", *ours, seconds=0.002)
    (photos / "0" / "broken.png").write_bytes(b"no picture")
    index = forks.start("index", photos, *ours, seconds=0.002)
    assert index.wait() == 1
    assert "301 pictures in" in index.said
    assert embedded(index.said) == 300
    assert "broken.png" in index.said
    helper.kill(signal.SIGTERM)
    assert helper.wait() == 130
    assert embedded(helper.said)
    assert store.count("image") == 300
    assert [Path(failure.name).name for failure in store.failures()] == ["broken.png"]


def test_a_worker_that_is_told_to_end_gives_its_piece_back(
    forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 300)
    assert forks.start("index", photos, "--plan-only", *ours, pieces=300).wait() == 0
    worker = forks.start("work", *ours, seconds=0.005, commit=8)
    until(lambda: store.count("image") > 20)
    worker.kill(signal.SIGTERM)
    assert worker.wait() == 130
    done = store.count("image")
    assert 20 < done < 300
    assert embedded(worker.said) == done
    assert "interrupted" in worker.said
    piece = store.pieces.claim("next")
    assert piece is not None
    assert piece.deaths == 0
    store.pieces.give_back(piece)
    assert forks.start("work", *ours).wait() == 0
    check_whole(store, photos)


def test_a_picture_that_kills_workers_becomes_a_failure(
    forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 120)
    Image.new("RGB", (8, 8)).save(photos / "3" / "poison.png")
    assert forks.start("index", photos, "--plan-only", *ours).wait() == 0
    codes: list[int] = []
    while not codes or codes[-1] == -signal.SIGKILL:
        codes.append(forks.start("work", *ours, poison=1, lease=0.3).wait())
    assert codes[-1] == 1
    assert 5 <= len(codes) <= 12
    check_whole(store, photos, without=1)
    [failure] = store.failures()
    assert Path(failure.name).name == "poison.png"
    assert "workers ended without a word" in failure.message


def test_a_planner_that_is_killed_leaves_work_that_the_next_one_completes(
    forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 200)
    planner = forks.start("index", photos, "--plan-only", *ours, pieces=20, planning=0.1)
    until(lambda: store.pieces.progress().files >= 60)
    planner.kill()
    assert planner.wait() == -signal.SIGKILL
    assert store.pieces.progress().files < 200
    index = forks.start("index", photos, *ours)
    assert index.wait() == 0, index.said
    assert store.count("image") == 200
    assert embedded(index.said) == 200


def test_moved_and_missing_pictures_are_settled_by_workers(
    forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 60)
    assert forks.start("index", photos, *ours).wait() == 0
    [item] = [i for i in store.page(after=0, limit=99, kind="image") if "0001.png" in i.path]
    store.update(item.id, tags=["mine"])
    (photos / "new").mkdir()
    os.rename(photos / "1" / "0001.png", photos / "new" / "moved.png")
    (photos / "2" / "0002.png").unlink()
    (photos / "0" / "0000.txt").write_text("another caption")
    assert forks.start("index", photos, "--plan-only", *ours).wait() == 0
    worker = forks.start("work", *ours)
    assert worker.wait() == 0
    assert store.item(item.id).path == str(photos / "new" / "moved.png")
    assert store.item(item.id).tags == ("mine",)
    captions = {one.caption for one in store.page(after=0, limit=99, kind="caption")}
    assert "another caption" in captions
    assert "picture 0" not in captions
    check_whole(store, photos)


def test_an_indexing_that_is_interrupted_goes_on(
    forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 300)
    index = forks.start("index", photos, *ours, seconds=0.005, commit=8)
    until(lambda: store.count("image") > 20)
    index.kill(signal.SIGTERM)
    assert index.wait() == 130
    assert "run the same command again" in index.said
    assert 20 < store.count("image") < 300
    assert store.pieces.progress().workers == 0
    before = store.count("image")
    index = forks.start("index", photos, *ours)
    assert index.wait() == 0, index.said
    assert "300 pictures in" in index.said
    assert embedded(index.said) == 300 - before
    assert f"{before} unchanged" in index.said
    check_whole(store, photos)


def test_tars_and_lists_are_shared(
    forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 60)
    inner = many(tmp_path / "inner", 120)
    members = sorted(inner.rglob("00[6-9]*.*")) + sorted(inner.rglob("01*.*"))
    shard = tar_at(tmp_path / "s.tar", {path.name: path.read_bytes() for path in members})
    rows = [{"path": str(path), "year": 2024} for path in sorted(photos.rglob("*.png"))]
    names = tmp_path / "names.jsonl"
    names.write_text("\n".join(map(json.dumps, [*rows, {"path": "gone.png"}])))
    assert forks.start("index", names, shard, "--plan-only", *ours, pieces=25).wait() == 1
    workers = [forks.start("work", *ours) for _ in range(2)]
    assert [one.wait() for one in workers] == [0, 0]
    assert store.count("image") == 120
    assert store.count("image", parse_where(f"folder:{shard}")) == 60
    assert store.count("image", parse_where("meta.year=2024")) == 60
    captions = {one.caption for one in store.page(after=0, limit=99, kind="caption")}
    assert captions == {f"picture {number}" for number in range(60, 120, 10)}
    again = forks.start("index", names, shard, *ours)
    assert again.wait() == 1
    assert "120 unchanged" in again.said
    assert "gone.png" in again.said
    tar_at(shard, {"0060.png": members[0].read_bytes()})
    changed = forks.start("index", shard, *ours)
    assert changed.wait() == 0, changed.said
    assert store.count("image", parse_where(f"folder:{shard}")) == 1


def test_a_watch_that_is_killed_goes_on_and_workers_help(
    forks: Forks, ours: list[str], store: Any, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    watch = forks.start("index", photos, "--watch", "--poll", 1, *ours)
    until(partial(says, watch, "polling"))
    helper = forks.start("work", "--wait", *ours, seconds=0.01)
    many(photos / "new", 200)
    until(partial(has, store, 40))
    watch.kill()
    watch.wait()
    ids = {item.path: item.id for item in store.page(after=0, limit=9_999, kind="image")}
    again = forks.start("index", photos, "--watch", "--poll", 1, *ours)
    until(partial(has, store, 200))
    (photos / "new").rename(photos / "other")
    until(partial(says, again, "moved", 200))
    for one in (again, helper):
        one.kill(signal.SIGTERM)
        assert one.wait() == 130, one.said
    check_whole(store, photos)
    after = {item.path: item.id for item in store.page(after=0, limit=9_999, kind="image")}
    assert all(after[path.replace("/new/", "/other/")] == ids[path] for path in ids)
