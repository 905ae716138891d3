"""A damaged catalog is refused, or says so, and never answers wrongly."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.errors import StoreError
from mmembed.store.entries import CaptionEntry, ImageEntry
from mmembed.store.sqlite import Catalog, background_check
from tests.folder_store import folder_store
from tests.serving import add, eventually, open_collection, serving

pytestmark = pytest.mark.slow

Entry = Callable[..., ImageEntry]
CATALOG = "catalog.sqlite3"
FLIPS = 100


@pytest.fixture
def filled(catalog: Catalog, entry: Entry) -> Path:
    """The folder of a closed catalog of 60 images with captions and tags."""
    chance = np.random.default_rng(3)
    for number in range(60):
        words = CaptionEntry(f"the caption of {number}", chance.normal(size=4).astype(np.float32))
        path = f"/photos/{number}.jpg"
        vector = chance.normal(size=4)
        catalog.write([entry(path, vector, captions=(words,), tags=("all", f"tag {number}"))])
    catalog.remove([3, 9, 15])
    catalog.close()
    return catalog.folder


def answers(catalog: Catalog) -> list[object]:
    """Everything that is asked of a catalog, besides the numbers that are there but once."""
    once: dict[str, Any] = {
        "width": None,
        "height": None,
        "bytes": None,
        "mtime_ns": None,
        "format": None,
        "added": None,
    }
    items = [replace(item, **once) for item in catalog.page(after=0, limit=1000, kind=None)]
    return [
        items,
        [replace(catalog.item(item.id), **once) for item in items],
        [catalog.vector_of(item.id).tolist() for item in items],
        catalog.tags(),
        {path: (known.id, known.sha256) for path, known in catalog.known_files().items()},
        catalog.model(),
        [catalog.extent(kind) for kind in ("image", "caption")],
    ]


def harm(content: bytes, chance: random.Random) -> bytes:
    """A flipped bit, a block of nothing or of noise, or a lost end."""
    harmed = bytearray(content)
    place = chance.randrange(len(harmed))
    match chance.choice(["bit", "bit", "bit", "nothing", "noise", "end"]):
        case "bit":
            harmed[place] ^= 1 << chance.randrange(8)
        case "nothing":
            harmed[place : place + 512] = bytes(len(harmed[place : place + 512]))
        case "noise":
            harmed[place : place + 64] = chance.randbytes(len(harmed[place : place + 64]))
        case _:
            del harmed[place:]
    return bytes(harmed)


def test_a_damaged_catalog_is_refused_or_right(filled: Path) -> None:
    catalog = Catalog(filled)
    right = answers(catalog)
    catalog.close()
    content = (filled / CATALOG).read_bytes()
    chance, said, wrong = random.Random(7), [], []
    for number in range(FLIPS):
        (filled / CATALOG).write_bytes(harm(content, chance))
        try:
            catalog = Catalog(filled)
        except StoreError as error:
            said.append(str(error))
            continue
        try:
            if answers(catalog) != right:
                wrong.append(number)
        finally:
            catalog.close()
    assert len(said) > FLIPS / 4
    for message in said:
        assert "mmembed restore" in message or "another version" in message
    assert wrong == []


def test_a_large_catalog_is_checked_beside_its_use(
    filled: Path, monkeypatch: pytest.MonkeyPatch, entry: Entry
) -> None:
    monkeypatch.setattr(background_check, "AT_ONCE_BYTES", 0)
    catalog = Catalog(filled)
    catalog._checking._thread.join()
    assert catalog.troubles() == []
    catalog.close()
    content = (filled / CATALOG).read_bytes()
    assert content.count(b"the caption of 20") == 3  # of both rows, and among the words
    (filled / CATALOG).write_bytes(content.replace(b"the caption of 20", b"the caption of 21"))
    catalog = Catalog(filled)
    eventually(lambda: catalog.troubles())
    [trouble] = catalog.troubles()
    assert trouble.code == "damaged"
    assert "mmembed restore" in trouble.message
    assert catalog.count("image") == 57
    with pytest.raises(StoreError, match="damaged"):
        catalog.write([entry("/new.jpg")])
    catalog.close()


def waited(let_go: threading.Event) -> list[str]:
    """The faults of a check that takes as long as a catalog of many gigabytes."""
    let_go.wait(30)
    return []


def test_closing_does_not_wait_for_a_check_that_hears_no_stop(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(background_check, "AT_ONCE_BYTES", 0)
    monkeypatch.setattr(background_check, "STOP_S", 0.1)
    monkeypatch.setattr(background_check, "faults", lambda *_, **__: waited(let_go))
    catalog = Catalog(filled)
    begun = time.monotonic()
    catalog.close()
    assert time.monotonic() - begun < 10
    assert catalog._checking._thread.is_alive()
    let_go.set()
    catalog._checking._thread.join(10)
    again = Catalog(filled)
    assert again.count("image") == 57
    again.close()


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        ("DROP TRIGGER vector_added", "lacks trigger vector_added"),
        ("DROP INDEX items_path", "lacks index items_path"),
        ("DROP TABLE failures", "lacks table failures"),
        ("ALTER TABLE items DROP COLUMN format", "another table items"),
        ("DELETE FROM meta WHERE key = 'collection'", "its id"),
        ("DELETE FROM meta WHERE key = 'serving_model'", "no model serves"),
        ("UPDATE meta SET value = '7' WHERE key = 'serving_model'", "none that it knows"),
        ("UPDATE models SET dim = 5", "another length"),
        ("DELETE FROM content_vectors WHERE kind = 'image'", "without a vector"),
        ("UPDATE vectors SET embedding = zeroblob(8) WHERE id = 1", "vector 1 fails"),
        ("UPDATE items SET caption = x'6162' WHERE kind = 'caption'", "fails its checksum"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM items WHERE id = 1", "point to others"),
        ("DELETE FROM changes WHERE seq = 1", "no change tells of"),
    ],
)
def test_rows_that_cannot_be_are_refused(filled: Path, harm: str, found: str) -> None:
    with closing(sqlite3.connect(filled / CATALOG)) as db:
        db.executescript(harm)
    with pytest.raises(StoreError, match=rf"{found}.*mmembed restore"):
        Catalog(filled)


@pytest.mark.parametrize(
    "left",
    ["originals", "thumbnails", "images.usearch", "catalog.history", "catalog.layout-1.sqlite3"],
)
@pytest.mark.parametrize("empty", [True, False])
def test_what_is_left_of_a_collection_gets_no_new_catalog(
    tmp_path: Path, left: str, empty: bool
) -> None:
    (tmp_path / left).mkdir()
    if empty:
        (tmp_path / CATALOG).touch()
    with pytest.raises(StoreError, match=rf"{left}; put a backup.*mmembed restore"):
        Catalog(tmp_path)
    assert (tmp_path / CATALOG).exists() == empty
    (tmp_path / left).rmdir()
    Catalog(tmp_path).close()


def test_damage_that_a_question_meets_is_told(
    filled: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(filled / CATALOG)) as db:
        [root] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'tags'").fetchone()
    with (filled / CATALOG).open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    monkeypatch.setattr(background_check.Checking, "begin", lambda *_: None)
    catalog = Catalog(filled)
    with pytest.raises(StoreError, match="cannot be read"):
        catalog.words_of([1])
    assert [one.code for one in catalog.troubles()] == ["damaged"]
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        catalog.write([entry("/new.jpg")])
    catalog.close()


def test_a_server_with_a_damaged_catalog_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as (client, _):
        add(client, "red", caption="a red field")
        add(client, "blue", caption="a blue field")
    content = (tmp_path / CATALOG).read_bytes()
    (tmp_path / CATALOG).write_bytes(content.replace(b"a red field", b"a bed field"))
    with pytest.raises(StoreError, match="damaged"):
        open_collection(tmp_path)
    monkeypatch.setattr(background_check, "AT_ONCE_BYTES", 0)
    with serving(tmp_path) as (client, collection):
        eventually(lambda: folder_store(collection).condition.known("damaged"))
        for path in ("/health", "/ready"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert [one["code"] for one in answer.json()["reasons"]] == ["damaged"]
            assert str(tmp_path) not in answer.text
        found = client.get("/v1/search?q=blue").json()
        assert found["hits"]
        assert any("damaged" in note for note in found["notes"])
        assert client.delete("/v1/items/1").status_code == 507
