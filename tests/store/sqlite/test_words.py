"""The words of images in SQLite: no change of the rows is missed, and old folders get them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from mmembed.store.folder_store import FolderStore
from mmembed.store.sqlite import Catalog
from mmembed.store.words import bm25, ranking
from mmembed.store.words.stems import Stemmer
from tests.store.sqlite.old_layouts import EXPECTED, NAME, MakeFolder

CAPTION = CaptionEntry("old", np.ones(4, np.float32))
Entry = Callable[..., ImageEntry]


def ids(catalog: Catalog, text: str) -> list[int]:
    return [int(item_id) for item_id in catalog.match_words(text, 99).item_ids]


# -- old folders ---------------------------------------------------------------------


def test_an_old_folder_gets_its_words_with_progress(
    old: MakeFolder, opened: Callable[[Path], Catalog]
) -> None:
    reports: list[tuple[int, int]] = []
    folder = old()
    Catalog(folder, lambda done, total: reports.append((done, total))).close()
    assert reports[-1][0] == reports[-1][1]
    catalog = opened(folder)
    assert catalog.check() == []
    tagged = {item["id"] for item in EXPECTED["items"] if item["tags"] and item["kind"] == "image"}
    assert tagged
    for item in EXPECTED["items"]:
        if item["id"] in tagged:
            assert item["id"] in ids(catalog, item["tags"][0])


# -- changes by other statements -----------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE items SET path = '/renamed/a.jpg' WHERE id = 1", "renamed"),
        ("INSERT INTO tags VALUES (1, 'renamed')", "renamed"),
        ("UPDATE items SET caption = 'renamed' WHERE id = 2", "renamed"),
        ("DELETE FROM tag_sources; UPDATE tags SET tag = 'renamed' WHERE item_id = 1", "renamed"),
    ],
)
def test_a_change_by_another_program_counts_from_the_next_change_on(
    catalog: Catalog, entry: Entry, statement: str, text: str
) -> None:
    catalog.write([entry("/a.jpg", tags=("old",), captions=(CAPTION,)), entry("/b.jpg")])
    with closing(sqlite3.connect(catalog.folder / NAME)) as db, db:
        db.executescript(statement)
    assert "1 images whose words are out of date" in catalog.check()
    catalog.update(3, tags=["new"])
    assert ids(catalog, text) == [1]
    assert "1 images whose words are out of date" not in catalog.check()


def test_a_broken_index_is_built_anew(tmp_path: Path, entry: Entry) -> None:
    with closing(FolderStore(tmp_path, exact_limit=50)) as store:
        store.claim(Model("four", "fingerprint-of-four", 4))
        store.write([entry("/a.jpg", tags=("dog",))])
        with closing(sqlite3.connect(tmp_path / NAME)) as db, db:
            db.execute("DELETE FROM word_index_data WHERE id > 10")
            db.execute("INSERT INTO word_index (word_index) VALUES ('delete-all')")
        assert ids(store, "dog") == []
        store.rebuild()
        assert ids(store, "dog") == [1]


# -- limits --------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a few images reach."""
    monkeypatch.setattr(ranking, "looked_at", lambda words: 10)
    monkeypatch.setattr(ranking, "LEAST_RANKED", 5)
    monkeypatch.setattr(ranking, "FEW", 2)


@pytest.mark.usefixtures("small")
def test_common_words_are_looked_at_in_part(catalog: Catalog, entry: Entry) -> None:
    tags = [("common", "rare") if n in (3, 35) else ("common",) for n in range(40)]
    written = catalog.write([entry(f"/{n}", tags=some) for n, some in enumerate(tags)])
    found = catalog.match_words("common rare", 5)
    assert found.item_ids[:2].tolist() == [written[3], written[35]]
    assert found.words[:2] == (("common", "rare"),) * 2
    assert len(found.item_ids) == 5
    assert not found.complete
    # The weight of a word that too many images have is estimated.
    assert found.attainable == pytest.approx(bm25.idf(40, 40) + bm25.idf(2, 40), rel=0.2)


def test_stems_are_those_of_the_index() -> None:
    stemmer = Stemmer()
    stems = stemmer.stems(["running", "runs", "run", "beaches", "犬", "4x4", "hauser"])
    assert stems["running"] == stems["runs"] == stems["run"] == "run"
    assert (stems["犬"], stems["4x4"]) == ("犬", "4x4")
    assert stemmer.stems(["runs", "new"]) == {"runs": "run", "new": "new"}
