"""The words of images in SQLite: no change of the rows is missed, and old folders get them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import numpy as np
import pytest

from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from mmembed.store.folder_store import FolderStore
from mmembed.store.sqlite import Catalog, transactions, word_rows, write_records
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


# -- very many tags at once ----------------------------------------------------------

Tags = list[tuple[int, str, float]]


@pytest.fixture
def many(catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> Tags:
    """Tags of more images than have their words written in one transaction."""
    monkeypatch.setattr(write_records, "WORDS_AT_ONCE", 1)
    written = catalog.write([entry("/a.jpg"), entry("/b.jpg", (0, 1, 0, 0))])
    return [(item_id, "beach", 0.5) for item_id in written]


def test_the_words_of_very_many_tags_come_in_several_transactions(
    catalog: Catalog, many: Tags, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = 0
    begin = catalog._transaction

    def counted(**options: bool) -> AbstractContextManager[sqlite3.Connection]:
        nonlocal begun
        begun += 1
        return begin(**options)

    monkeypatch.setattr(catalog, "_transaction", counted)
    monkeypatch.setattr(transactions, "write_words_left", lambda db: False)
    assert catalog.replace_automatic_tags("s", many) == 2
    assert ids(catalog, "beach") == [item_id for item_id, _, _ in many]
    assert begun >= 3
    assert catalog.replace_automatic_tags("s", []) == 0
    assert ids(catalog, "beach") == []
    assert catalog.check() == []


def test_words_that_a_killed_process_left_are_written_by_the_next_change(
    catalog: Catalog, many: Tags, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "_write_words_left", lambda: None)
    monkeypatch.setattr(transactions, "write_words_left", lambda db: False)
    assert catalog.replace_automatic_tags("s", many) == 2
    assert catalog.tags() == {"beach": 2}, "the tags are there as a whole"
    assert (ids(catalog, "beach"), catalog.check()) == ([], [])
    monkeypatch.setattr(transactions, "write_words_left", word_rows.write_words_left)
    catalog.write_caption(CaptionEntry("any change", np.ones(4, np.float32)))
    assert ids(catalog, "beach") == [item_id for item_id, _, _ in many]
