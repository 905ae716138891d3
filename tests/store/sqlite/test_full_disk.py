"""A full disk: nothing is lost, removing works, and what is wrong is said."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.errors import StoreError, StoreFull
from mmembed.store.entries import ImageEntry, Model
from mmembed.store.sqlite import Catalog, disk_reserve, open_catalog, restore
from tests.folder_store import folder_store
from tests.serving import add, data_uri, error_of, picture, serving
from tests.store.sqlite.old_layouts import LAYOUT_1

pytestmark = pytest.mark.slow

Entry = Callable[..., ImageEntry]
DISK_BYTES = 6 * 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """A file that takes up the rest of the disk but for some bytes."""
    path = folder / "others"
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(path, max(0, path.stat().st_size - leave))
    return path


def test_items_are_removed_on_a_full_disk(small_disk: Path, entry: Entry) -> None:
    catalog = Catalog(small_disk / "data")
    catalog.claim(Model("four", "f", 4))
    ids = catalog.write([entry(f"/{n}.jpg", (1, n, n % 7, 0)) for n in range(200)])
    others = fill(small_disk)

    def write_on() -> None:
        for number in range(500):
            catalog.write([entry(f"/{'x' * 500}{number}.jpg", (number, 1, 0, 0))])

    with pytest.raises(StoreFull, match="remove items, or free some space"):
        write_on()
    fill(small_disk)
    codes = [one.code for one in catalog.troubles()]
    assert "full" in codes
    written = catalog.count()
    for number, item_id in enumerate(ids[:100]):
        assert catalog.remove([item_id]) == 1
        assert catalog.count() == written - number - 1
    fill(small_disk)
    assert catalog.remove(ids[100:150]) == 50
    assert catalog.count() == written - 150
    with pytest.raises(StoreFull):
        catalog.write([entry("/too much.jpg")])
    assert catalog.check() == []
    others.unlink()
    catalog._reserve._tried = catalog.condition._probed = -1e9
    assert catalog.write([entry("/again.jpg")])
    assert catalog.troubles() == []
    catalog.close()
    again = Catalog(small_disk / "data")
    assert again.count() == written - 149  # with the one after it
    again.close()


def test_uploads_are_removed_on_a_full_disk(small_disk: Path) -> None:
    data = small_disk / "data"
    with serving(data) as (client, collection):
        items = [add(client, colour, tags=["x"]) for colour in ("red", "green", "blue")]
        assert client.get("/ready").json()["status"] == "ok"
        others = fill(small_disk)
        folder_store(collection).condition._probed = None
        for path in ("/health", "/ready"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert [one["code"] for one in answer.json()["reasons"]] == ["full"]
        body = {"image": data_uri(picture("yellow", (640, 480), "BMP"))}
        error_of(client.post("/v1/items", json=body), 507)
        assert client.get("/v1/search?q=red").json()["hits"][0]["id"] == items[0]["id"]
        shutil.rmtree(data / "locks")  # as in a folder of a version that had none
        fill(small_disk)
        for item in items:
            assert client.delete(f"/v1/items/{item['id']}").status_code == 204
        assert client.get("/v1/items").json()["total"] == 0
        assert not [path for path in (data / "originals").rglob("*") if path.is_file()]
        others.unlink()
        folder_store(collection)._reserve._tried = -1e9
        folder_store(collection).condition._probed = None
        assert client.post("/v1/items", json=body).status_code == 201
        assert client.get("/ready").status_code == 200


def test_a_full_disk_keeps_no_catalog_from_being_opened(small_disk: Path, entry: Entry) -> None:
    data = small_disk / "data"
    catalog = Catalog(data)
    catalog.claim(Model("four", "f", 4))
    ids = catalog.write([entry(f"/{n}.jpg", (1, n, n % 7, 0)) for n in range(20)])
    catalog.close()
    fill(small_disk)
    again = Catalog(data)
    assert again.count() == 20
    assert again.remove(ids[:10]) == 10
    with pytest.raises(StoreFull):
        again.write([entry("/too much.jpg")])
    again.close()
    (data / "reserve").unlink(missing_ok=True)
    fill(small_disk)
    with pytest.raises(StoreFull, match=r"disk is full.*free some space") as raised:
        Catalog(data)
    assert "backup" not in str(raised.value)


def test_an_earlier_layout_on_a_full_disk_says_what_has_to_be_free(small_disk: Path) -> None:
    data = small_disk / "data"
    shutil.copytree(LAYOUT_1 / "last", data)
    (data / "reserve").write_bytes(bytes(2 * 2**20))
    fill(small_disk)
    with pytest.raises(StoreFull, match="17 MB have to be free"):
        Catalog(data)


def test_a_backup_without_room_is_not_called_unsound(
    small_disk: Path, tmp_path: Path, entry: Entry
) -> None:
    catalog = Catalog(tmp_path / "data")
    catalog.claim(Model("four", "f", 4))
    catalog.write([entry(f"/{'x' * 500}{n}.jpg", (n + 1, 1, 0, 0)) for n in range(2000)])
    catalog.close()
    fill(small_disk, leave=2**19)
    with pytest.raises(StoreFull, match="no room for a copy of"):
        restore(tmp_path / "data" / "catalog.sqlite3", small_disk / "data")
    assert not list((small_disk / "data").glob("*.sqlite3"))


@pytest.mark.parametrize("reserved", [True, False])
def test_sqlites_io_error_on_a_full_disk_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reserved: bool
) -> None:
    Catalog(tmp_path).close()
    reserve = tmp_path / "reserve"
    if reserved:
        reserve.write_bytes(b"room")
    real = open_catalog.raw_connection

    def connection(path: Path, options: str) -> sqlite3.Connection:
        if reserved and not reserve.exists():
            return real(path, options)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(open_catalog, "raw_connection", connection)
    free = os.statvfs_result((4096, 4096, 9, 0, 0, 9, 9, 9, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: free)
    if reserved:
        Catalog(tmp_path).close()
        assert not reserve.exists()
    else:
        with pytest.raises(StoreFull, match="free some space"):
            Catalog(tmp_path)


def test_a_disk_that_fails_is_not_called_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Catalog(tmp_path).close()

    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(open_catalog, "raw_connection", fail)
    with pytest.raises(StoreError, match="put a backup in its place") as raised:
        Catalog(tmp_path)
    assert not isinstance(raised.value, StoreFull)


def test_a_lock_file_that_finds_no_room_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreFull, match="cannot be locked"):
        Catalog(tmp_path)


def test_room_is_taken_and_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = disk_reserve.Reserve(tmp_path)
    room.check()
    assert (tmp_path / "reserve").stat().st_size == disk_reserve.BYTES
    assert not room.is_short()
    room.give_up()
    with pytest.raises(StoreFull, match=r"fewer than 2 MB are free.*remove items"):
        room.check()  # not at once: those who remove need it
    monkeypatch.setattr(disk_reserve, "RETRY_S", 0)
    room.check()
    room.give_up()
    monkeypatch.setattr(
        os, "statvfs", lambda _: os.statvfs_result((4096, 4096, 9, 9, 9) + (9,) * 5)
    )
    assert room.is_short()
    with pytest.raises(StoreFull):
        room.check()
    assert not (tmp_path / "reserve").exists()


def test_what_may_not_be_written_is_not_called_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = disk_reserve.Reserve(tmp_path)

    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "open", refuse)
    room.check()
    assert not room.is_short()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_trial_that_fails_is_told(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    catalog._reserve.check()
    real = Path.open

    def opened(path: Path, *arguments: Any, **more: Any) -> Any:
        if path.name == "probe":
            raise OSError(number, os.strerror(number))
        return real(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", opened)
    [trouble] = catalog.troubles()
    assert trouble.code == "unwritable"
    monkeypatch.undo()
    assert [one.code for one in catalog.troubles()] == ["unwritable"]  # it is not tried each time
    catalog.condition._probed = None
    assert catalog.troubles() == []


def test_a_write_that_fails_is_told_until_one_succeeds(catalog: Catalog, entry: Entry) -> None:
    catalog.write([entry("/kept.jpg")])
    pages = catalog._connection.execute("PRAGMA page_count").fetchone()[0]
    catalog._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [entry(f"/{'x' * 200}{i}.jpg", (1, i, 0, 0)) for i in range(500)]
    with pytest.raises(StoreFull, match="full"):
        catalog.write(many)
    assert [one.code for one in catalog.troubles()] == ["write_failed"]
    catalog._connection.execute("PRAGMA max_page_count = 100000")
    catalog.write(many)
    assert catalog.troubles() == []


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.ENOENT])
def test_a_full_folder_for_temporary_files_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(error, os.strerror(error))

    noise = np.random.default_rng(1).integers(0, 255, 2_000_000, np.uint8).tobytes()
    with serving(tmp_path / "data") as (client, _):
        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
        answer = client.post("/v1/items", files={"image": ("noise.png", noise)})
        assert "TMPDIR" in error_of(answer, 507)
        assert client.post("/v1/items", files={"image": ("a.png", picture("red"))}).is_success


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_elsewhere_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with serving(tmp_path) as (client, collection):

        def refuse(*_: Any, **__: Any) -> Any:
            raise OSError(number, os.strerror(number), "/secret/place")

        monkeypatch.setattr(collection, "search", refuse)
        answer = client.get("/v1/search?q=red")
        assert "disk" in error_of(answer, 507)
        assert "secret" not in answer.text


def test_a_checkpoint_frees_what_the_log_takes(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = catalog.write([entry(f"/{n}.jpg", (1, n, 0, 0)) for n in range(50)])
    real, tries = catalog._remove, []

    def remove(some: Any) -> int:
        tries.append(list(some))
        if len(tries) == 1:
            raise StoreFull("full")
        return real(some)

    monkeypatch.setattr(catalog, "_remove", remove)
    assert (catalog.folder / "reserve").exists()
    assert catalog.remove(ids[:3]) == 3
    assert tries == [ids[:3], [ids[0]], [ids[1]], [ids[2]]]
    assert not (catalog.folder / "reserve").exists()
    with pytest.raises(StoreError):
        catalog.write([entry("/new.jpg")])
