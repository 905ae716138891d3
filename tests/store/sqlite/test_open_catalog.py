"""Catalogs that are opened, and files that are none."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmembed.errors import StoreError
from mmembed.store import sqlite as catalog_module
from mmembed.store.entries import Model
from mmembed.store.sqlite import Catalog
from tests.store.sqlite.soundness import Entry


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite3").write_bytes(b"these are not the bytes you are looking for" * 99)
    with pytest.raises(StoreError, match=r"catalog\.sqlite3: cannot be opened as a catalog"):
        Catalog(tmp_path)
    assert (tmp_path / "catalog.sqlite3").read_bytes().startswith(b"these are not")


def test_a_newer_layout_is_refused(tmp_path: Path, catalog: Catalog) -> None:
    catalog.close()
    db = sqlite3.connect(catalog.folder / "catalog.sqlite3")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match=r"another version of mmembed \(layout 99.*--data"):
        Catalog(catalog.folder)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "catalog.sqlite3")
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = (tmp_path / "catalog.sqlite3").read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Catalog(tmp_path)
    assert (tmp_path / "catalog.sqlite3").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/data/catalog\.sqlite3"):
        Catalog(tmp_path / "file" / "data")


@pytest.mark.parametrize("name", ["a?mode=ro#b%20c", 'it\'s "mine"; é 🦄', " ", "two\nlines"])
def test_a_folder_may_have_any_name(tmp_path: Path, entry: Entry, name: str) -> None:
    catalog = Catalog(tmp_path / name)
    catalog.claim(Model("four", "f", 4))
    catalog.write([entry("/a.jpg")])
    catalog.close()
    assert (tmp_path / name / "catalog.sqlite3").exists()
    again = Catalog(tmp_path / name)
    assert again.count() == 1
    again.close()


def test_many_may_make_the_same_catalog_at_once(tmp_path: Path) -> None:
    def make(_: int) -> str:
        catalog = Catalog(tmp_path / "data")
        catalog.claim(Model("m", "f", 4))
        identity = catalog.identity
        catalog.close()
        return identity

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(16)))) == 1


def test_a_backup_made_with_vacuum_into_opens(
    tmp_path: Path, catalog: Catalog, entry: Entry
) -> None:
    catalog.write([entry("/a.jpg")])
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "catalog.sqlite3"
    catalog._connection.execute("VACUUM INTO ?", (str(copy),))
    restored = Catalog(copy.parent)
    assert restored.count() == 1
    assert restored._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    restored.write([entry("/b.jpg")])
    restored.close()


@pytest.fixture
def as_nobody() -> Iterator[Callable[[], None]]:
    """Makes this process one that may not write what others own, until the test ends."""
    if not hasattr(os, "seteuid"):
        pytest.skip("no users here")
    mine = os.geteuid()

    def become() -> None:
        if mine == 0:
            os.seteuid(65534)

    yield become
    os.seteuid(mine)


def test_a_folder_that_may_not_be_written_can_be_read(
    entry: Entry, as_nobody: Callable[[], None]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalog = Catalog(folder)
        catalog.claim(Model("four", "f", 4))
        catalog.write([entry("/a.jpg")])
        catalog.close()
        (folder / "catalog.sqlite3").chmod(0o444)
        folder.chmod(0o555)
        as_nobody()
        try:
            reader = Catalog(folder)
            assert reader.count() == 1
            with pytest.raises(StoreError, match=r"catalog\.lock: cannot be locked"):
                reader.write([entry("/b.jpg")])
            reader.close()
        finally:
            if os.getuid() == 0:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_folder_that_may_not_be_written_says_so_at_once(as_nobody: Callable[[], None]) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        as_nobody()
        try:
            with pytest.raises(StoreError, match=name):
                Catalog(Path(name) / "data")
        finally:
            if os.getuid() == 0:
                os.seteuid(0)
            Path(name).chmod(0o755)


def test_the_package_exports_what_others_need() -> None:
    assert set(catalog_module.__all__) == {"Catalog", "refuse_what_is_lost", "restore"}
