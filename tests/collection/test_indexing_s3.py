"""Indexing from S3, by one process and by several: whatever ends them, every picture is there."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mmembed.store.folder_store import FolderStore
from tests.forked_commands import Forks, forks_in, until
from tests.postgres_server import address
from tests.s3_server import s3_address
from tests.small_pictures import many
from tests.tars import tar_at

pytestmark = pytest.mark.scale
PICTURES, IN_TAR = 200, 60
KILLS = 5


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures in folders, and as many again in a tar."""
    photos = many(tmp_path / "photos", PICTURES)
    inner = many(tmp_path / "inner", PICTURES + IN_TAR)
    files = {path.name: path.read_bytes() for path in sorted(inner.rglob("0[2]*.png"))}
    texts = {path.name: path.read_text() for path in inner.rglob("02*.txt")}
    tar_at(photos / "shard.tar", {**files, **texts})
    return photos


@pytest.fixture
def bucket(photos: Path) -> str:
    """The address of those pictures in S3."""
    import s3fs

    at = s3_address()
    s3fs.S3FileSystem().put(f"{photos}/", at, recursive=True)
    return at


@pytest.fixture
def forks(bucket: str, tmp_path: Path) -> Iterator[Forks]:
    with forks_in(tmp_path) as forks:
        yield forks


def folder(data: Path) -> Any:
    return closing(FolderStore(data, exact_limit=9_999))


def vectors(store: Any) -> dict[str, list[float]]:
    contents = [item.sha256 for item in store.page(after=0, limit=9_999, kind="image")]
    rows = store.embeddings_of("image", contents)
    return {sha256: row.tolist() for sha256, row in rows.items()}


def captions(store: Any) -> list[tuple[str, str]]:
    """Each caption with the name of its picture."""
    items = store.page(after=0, limit=9_999, kind="caption")
    return sorted((os.path.basename(item.path), item.caption) for item in items)


def count_in(data: Path) -> int:
    if not (data / "catalog.sqlite3").exists():
        return 0
    with folder(data) as store:
        return int(store.count("image"))


def test_a_killed_indexing_from_s3_goes_on(
    forks: Forks, bucket: str, photos: Path, tmp_path: Path
) -> None:
    data, chance = tmp_path / "data", random.Random(5)
    ours = ["--data", data, "--model", "fake"]
    for _ in range(KILLS):
        target = count_in(data) + chance.randint(5, 40)
        index = forks.start("index", bucket, *ours, seconds=0.01, commit=4)
        until(lambda target=target: count_in(data) >= target)  # type: ignore[misc]
        index.kill()
        assert index.wait() == -signal.SIGKILL
    assert count_in(data) < PICTURES + IN_TAR
    last = forks.start("index", bucket, *ours)
    assert last.wait() == 0, last.said
    again = forks.start("index", bucket, *ours)
    assert again.wait() == 0
    assert f"{PICTURES + IN_TAR} unchanged" in again.said
    local = forks.start("index", photos, "--data", tmp_path / "local", "--model", "fake")
    assert local.wait() == 0, local.said
    with folder(data) as one, folder(tmp_path / "local") as other:
        assert len(vectors(one)) == PICTURES + IN_TAR
        assert vectors(one) == vectors(other)
        assert captions(one) == captions(other)
        assert all(item.path.startswith(bucket) for item in one.page(after=0, limit=9, kind=None))


def test_a_bucket_that_vanishes_in_the_middle_loses_nothing(
    forks: Forks, bucket: str, photos: Path, tmp_path: Path
) -> None:
    import s3fs

    data = tmp_path / "data"
    ours = ["--data", data, "--model", "fake"]
    index = forks.start("index", bucket, *ours, seconds=0.02, commit=4)
    until(lambda: count_in(data) >= 20)
    system = s3fs.S3FileSystem(use_listings_cache=False)
    system.rm(bucket, recursive=True)
    assert index.wait() == 1
    assert "no longer there" in index.said
    done = count_in(data)
    assert 20 <= done < PICTURES + IN_TAR
    refused = forks.start("index", bucket, *ours)
    assert refused.wait() == 2
    assert "nothing was indexed" in refused.said
    assert count_in(data) == done
    system.put(f"{photos}/", bucket, recursive=True)
    assert forks.start("index", bucket, *ours).wait() == 0
    assert count_in(data) == PICTURES + IN_TAR


def test_workers_share_the_pictures_of_a_bucket(
    forks: Forks, bucket: str, photos: Path, tmp_path: Path
) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    from mmembed.store.postgres.postgres_store import PostgresStore

    at = address()
    ours = ["--store", at, "--data", tmp_path / "data", "--model", "fake"]
    with closing(PostgresStore(at, tmp_path / "data", exact_limit=9_999)) as store:

        def has(count: int) -> bool:
            return bool(store.count("image") >= count)

        slow = {"seconds": 0.01, "lease": 0.5, "commit": 4, "pieces": 40}
        assert forks.start("index", bucket, "--plan-only", *ours, pieces=40).wait() == 0
        worker = forks.start("work", *ours, **slow)
        until(partial(has, 20))
        worker.kill()
        assert worker.wait() == -signal.SIGKILL
        workers = [forks.start("work", *ours, lease=0.5) for _ in range(2)]
        assert [one.wait() for one in workers] == [0, 0]
        again = forks.start("index", bucket, *ours)
        assert again.wait() == 0, again.said
        assert f"{PICTURES + IN_TAR} unchanged" in again.said
        local = forks.start("index", photos, "--data", tmp_path / "local", "--model", "fake")
        assert local.wait() == 0, local.said
        with folder(tmp_path / "local") as other:
            assert vectors(store) == vectors(other)
            assert captions(store) == captions(other)
        with store._connections.transaction() as session:
            session.run("SET LOCAL client_min_messages = error")
            session.run(f'DROP SCHEMA "{store._connections.address.schema}" CASCADE')
