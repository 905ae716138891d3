"""Catalogs of earlier layouts open, and keep everything; whatever interrupts leaves the old one."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, astuple
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.errors import InputError, StoreError
from mmembed.filters.tree import EVERYTHING, All, Where
from mmembed.filters.tree import Test as Condition
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from mmembed.store.sqlite import Catalog, migrations, restore, schema
from mmembed.types import Term
from tests.fake_encoder import FakeEncoder
from tests.store.sqlite.old_layouts import (
    EXPECTED,
    KEPT,
    NAME,
    MakeFolder,
    digest,
    items_of,
    layout_of,
    rows,
)

FORMS = ("last", "first")
LATER = schema.LATER
NEWEST = schema.newest()
Entry = Callable[..., ImageEntry]


# -- everything is kept ----------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_catalog_of_layout_1_keeps_its_rows(
    old: MakeFolder, opened: Callable[[Path], Catalog], form: str
) -> None:
    folder = old(form)
    catalog = opened(folder)
    assert layout_of(folder) == schema.newest()
    assert catalog.check() == []
    assert items_of(catalog) == EXPECTED["items"]
    assert catalog.identity == EXPECTED["collection"]
    model = catalog.model()
    assert model is not None
    assert asdict(model) == EXPECTED["model"]
    assert catalog.models() == [model]
    assert catalog.tags() == EXPECTED["tags"]
    failures = [tuple(failure.values()) for failure in EXPECTED["failures"]]
    assert list(map(astuple, catalog.failures())) == failures
    assert catalog.last_change() == EXPECTED["last_change"]


@pytest.mark.parametrize("form", FORMS)
def test_ids_of_vectors_and_changes_stay_what_they_were(old: MakeFolder, form: str) -> None:
    folder = old(form)
    Catalog(folder).close()
    assert rows(folder, "SELECT id, kind FROM vectors ORDER BY id") == EXPECTED["vectors"]
    changes = "SELECT seq, kind, vector_id, op, hex(mark) FROM changes ORDER BY seq"
    assert rows(folder, changes) == EXPECTED["changes"]
    of_items = (
        "SELECT id, vector_id FROM items JOIN content_vectors USING (kind, sha256) ORDER BY 1"
    )
    assert rows(folder, of_items) == EXPECTED["vector_of_item"]


def test_words_marks_and_what_is_kept_out_stay(
    old: MakeFolder, opened: Callable[[Path], Catalog]
) -> None:
    catalog = opened(old())
    images = [item["id"] for item in EXPECTED["items"] if item["kind"] == "image"]
    words = {
        str(image_id): {
            "captions": {text: sorted(sources) for text, sources in said.captions.items()},
            "tags": {text: sorted(sources) for text, sources in said.tags.items()},
        }
        for image_id, said in catalog.words_of(images).items()
    }
    assert words == EXPECTED["words"]
    assert {
        path: list(known.mark) if known.mark else None
        for path, known in catalog.known_files().items()
    } == EXPECTED["marks"]
    kept_out = {path: kept.sha256 for path, kept in catalog.kept_out().items()}
    assert kept_out == EXPECTED["kept_out"]


def test_devices_of_what_is_kept_out_stay(
    old: MakeFolder, opened: Callable[[Path], Catalog]
) -> None:
    """The last version before layout 2 kept them in a table of their own."""
    folder = old()
    with closing(sqlite3.connect(folder / NAME)) as db, db:
        db.execute("CREATE TABLE kept_out_devices (path TEXT PRIMARY KEY, device INTEGER NOT NULL)")
        db.execute("INSERT INTO kept_out_devices VALUES ('/mnt/photos/things/out.png', 77)")
    kept = opened(folder).kept_out()
    assert kept["/mnt/photos/things/out.png"].device == 77
    assert kept["/mnt/photos/private"].device is None


def test_an_image_gets_the_date_of_its_file(
    old: MakeFolder, opened: Callable[[Path], Catalog]
) -> None:
    folder = old()
    opened(folder)
    for mtime_ns, date, kind in rows(folder, "SELECT mtime_ns, date, kind FROM items"):
        if kind == "caption":
            assert date is None
        else:
            assert date == datetime.fromtimestamp(mtime_ns // 10**9).isoformat()
    assert rows(folder, "SELECT DISTINCT added, taken, header_read FROM items") == [[None, None, 0]]


def test_a_folder_that_knows_no_model_yet_can_be_claimed(
    old: MakeFolder, opened: Callable[[Path], Catalog]
) -> None:
    folder = old()
    with closing(sqlite3.connect(folder / NAME)) as db, db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("DELETE FROM meta WHERE key LIKE 'model_%'")
        of_items = ("tags", "tag_sources", "caption_sources", "file_marks")
        for table in (*of_items, "items", "vectors", "changes"):
            db.execute(f"DELETE FROM {table}")
    catalog = opened(folder)
    assert (catalog.model(), catalog.models()) == (None, [])
    catalog.claim(Model("two", "fingerprint-of-two", 2))
    assert catalog.models() == [Model("two", "fingerprint-of-two", 2)]


def test_ids_that_were_given_are_never_given_again(
    old: MakeFolder, opened: Callable[[Path], Catalog], entry: Entry
) -> None:
    folder = old()
    catalog = opened(folder)
    [item_id] = catalog.write([entry("/new.jpg", [*range(1, 17)])])
    assert item_id == EXPECTED["last_ids"]["items"] + 1
    [[vector_id]] = rows(folder, "SELECT max(id) FROM vectors")
    assert vector_id == EXPECTED["last_ids"]["vectors"] + 1
    assert catalog.last_change() == EXPECTED["last_ids"]["changes"] + 1


@pytest.mark.parametrize("form", FORMS)
def test_searches_answer_what_they_answered(old: MakeFolder, form: str) -> None:
    settings = Settings.from_env({}, data=old(form), model="fake", thumbnails=False, bank="off")
    with Collection(settings, load=lambda name: FakeEncoder()) as collection:
        for answer in EXPECTED["answers"]:
            page = collection.search(
                [Term(text=answer.get("text"), item=answer.get("item"))],
                k=answer.get("k", 100),
                kind=answer["kind"],
                where=where_of(answer),
                mode="picture",
            )
            hits = [[hit.item.id, hit.score] for hit in page.hits]
            assert hits == [[item_id, score] for item_id, score, _ in answer["hits"]], answer


def where_of(answer: dict[str, Any]) -> Where:
    tests = [Condition("tag", "=", tag) for tag in answer.get("tags", [])]
    if "folder" in answer:
        tests.append(Condition("folder", "=", answer["folder"]))
    return All(tuple(tests)) if tests else EVERYTHING


def test_uploads_are_found_where_the_folder_lies_now(old: MakeFolder) -> None:
    settings = Settings.from_env({}, data=old(), model="fake", thumbnails=False)
    uploads = [item for item in EXPECTED["items"] if "/originals/" in (item["path"] or "")]
    images = [item for item in uploads if item["kind"] == "image"]
    with Collection(settings, load=lambda name: FakeEncoder()) as collection:
        for item in images:
            with collection.original(item["id"]).file as file:
                assert hashlib.sha256(file.read()).hexdigest() == item["sha256"]
    assert len(images) == 2


# -- the old one stays -----------------------------------------------------------------


def test_the_old_catalog_stays_beside_byte_for_byte(old: MakeFolder) -> None:
    folder = old()
    with closing(sqlite3.connect(folder / NAME)) as db:
        db.execute("PRAGMA journal_mode = DELETE")  # as it is folded then
    before = digest(folder / NAME)
    reports: list[tuple[int, int]] = []
    Catalog(folder, lambda done, total: reports.append((done, total))).close()
    assert digest(folder / KEPT) == before
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert all(done <= total for done, total in reports)
    assert reports[-1][0] > 0.8 * reports[-1][1]


def test_opening_again_changes_nothing(old: MakeFolder) -> None:
    folder = old()
    Catalog(folder).close()
    kept = os.stat(folder / KEPT)
    identity = os.stat(folder / NAME).st_ino
    Catalog(folder, lambda done, total: pytest.fail("migrated again")).close()
    assert os.stat(folder / KEPT) == kept
    assert os.stat(folder / NAME).st_ino == identity
    assert migrations.pending(folder) is None


def test_what_is_in_the_log_is_kept(old: MakeFolder, opened: Callable[[Path], Catalog]) -> None:
    """As after a crash: the last changes lie in the log alone."""
    folder, crashed = old(), old(name="crashed")
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("INSERT INTO tags VALUES (1, 'in the log')")
        for path in folder.glob(f"{NAME}*"):
            shutil.copy(path, crashed / path.name)
    assert (crashed / f"{NAME}-wal").stat().st_size > 0
    catalog = opened(crashed)
    assert "in the log" in catalog.item(1).tags
    assert catalog.check() == []


def test_a_backup_of_layout_1_is_restored(
    tmp_path: Path, old: MakeFolder, opened: Callable[[Path], Catalog]
) -> None:
    folder = old()
    Catalog(folder).close()
    backup = folder / KEPT
    before = digest(backup)
    restore(backup, folder)
    assert items_of(opened(folder)) == EXPECTED["items"]
    restore(backup, tmp_path / "elsewhere")
    assert items_of(opened(tmp_path / "elsewhere")) == EXPECTED["items"]
    assert digest(backup) == before
    assert not list(folder.glob("restoring*"))


def test_a_damaged_backup_of_layout_1_is_refused(tmp_path: Path, old: MakeFolder) -> None:
    backup = old() / NAME
    content = backup.read_bytes()
    backup.write_bytes(content.replace(b"red roses", b"red rises"))
    with pytest.raises(InputError, match=r"is damaged.*fails its checksum"):
        restore(backup, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere" / NAME).exists()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """`later(sql)`: as in a version with one more layout."""

    def add(sql: str) -> None:
        monkeypatch.setattr(schema, "LATER", (*LATER, sql))
        schema._ours.cache_clear()

    yield add
    monkeypatch.undo()
    schema._ours.cache_clear()


# -- layouts after the second ----------------------------------------------------------


@pytest.mark.parametrize("layout", [1, NEWEST])
def test_a_later_step_gives_what_a_new_catalog_has(
    tmp_path: Path, old: MakeFolder, later: Callable[[str], None], layout: int
) -> None:
    folder = old()
    if layout == NEWEST:
        Catalog(folder).close()
    later("ALTER TABLE items ADD COLUMN flavour TEXT; CREATE INDEX items_f ON items (flavour);")
    for place in (folder, tmp_path / "new"):
        catalog = Catalog(place)
        assert catalog.check() == []
        catalog.close()
        assert layout_of(place) == NEWEST + 1
        assert rows(place, "SELECT flavour FROM items WHERE flavour IS NOT NULL") == []
    assert (folder / f"catalog.layout-{layout}.sqlite3").exists()
    assert len(rows(folder, "SELECT id FROM items")) == len(EXPECTED["items"])


@pytest.mark.parametrize("layout", [1, 2])
def test_the_statements_of_a_later_step_run_in_their_order(
    tmp_path: Path, old: MakeFolder, later: Callable[[str], None], layout: int
) -> None:
    folder = old()
    if layout == 2:
        Catalog(folder).close()
    later(
        "CREATE TABLE first (a TEXT); INSERT INTO first VALUES ('x');"
        "CREATE TABLE second (a TEXT); INSERT INTO second SELECT a FROM first;"
        "DROP TABLE first; ALTER TABLE second RENAME TO first; INSERT INTO first VALUES ('y');"
    )
    for place in (folder, tmp_path / "new"):
        Catalog(place).close()
        assert rows(place, "SELECT a FROM first") == [["x"], ["y"]]


def test_a_later_step_that_fails_leaves_the_layout_before(
    old: MakeFolder, later: Callable[[str], None], opened: Callable[[Path], Catalog]
) -> None:
    folder = old()
    Catalog(folder).close()
    later("ALTER TABLE items ADD COLUMN flavour TEXT; INSERT INTO nowhere VALUES (1);")
    with pytest.raises(
        StoreError, match=rf"from layout {NEWEST} to {NEWEST + 1}: no such table: nowhere"
    ):
        Catalog(folder)
    assert layout_of(folder) == NEWEST
    later("ALTER TABLE items ADD COLUMN flavour TEXT;")
    assert [astuple(item)[0] for item in opened(folder).page(after=0, limit=3, kind=None)]


# -- layout 4 ----------------------------------------------------------------------------


def test_captions_of_earlier_layouts_are_to_be_cut(
    old: MakeFolder, opened: Callable[[Path], Catalog]
) -> None:
    catalog = opened(old())
    captions = [item for item in EXPECTED["items"] if item["kind"] == "caption"]
    expected = [(item["id"], item["caption"]) for item in captions][::-1]
    assert catalog.uncut_captions(99) == expected
    assert catalog.uncut_captions(1) == expected[:1]
    catalog.cut_captions({}, expected[0][0])
    assert catalog.uncut_captions(99) == expected[1:]
    catalog.cut_captions({}, 1)
    assert catalog.uncut_captions(99) == []
    assert catalog.check() == []


def test_a_gap_between_chunks_is_a_fault(tmp_path: Path, opened: Callable[[Path], Catalog]) -> None:
    catalog = opened(tmp_path)
    catalog.claim(Model("two", "fingerprint-of-two", 2))
    rows = np.eye(2, dtype=np.float32)
    chunks = (Chunk(0, 4, rows[0]), Chunk(4, 9, rows[1]))
    catalog.write_caption(CaptionEntry("red green", None, chunks))
    assert catalog.check() == []
    with closing(sqlite3.connect(tmp_path / NAME)) as db, db:
        db.execute("UPDATE content_vectors SET stop = 3 WHERE start = 0")
    assert catalog.check() == ["1 chunks of captions with a gap before them"]
