"""All of a collection comes out of an export as it went in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mmembed.exchange.compare import ExportComparison, compare
from mmembed.exchange.export_manifest import read_manifest
from mmembed.exchange.open_export import open_export
from mmembed.exchange.write_export import WantedItems
from mmembed.filters.tree import Test as Condition
from mmembed.store.entries import Reading, Words
from mmembed.store.protocol import Store
from mmembed.store.record_protocol import NEVER_EXPORTED
from tests.exchange.conftest import NewStore
from tests.exchange.contents import (
    LONG,
    caption,
    contents,
    dump,
    fill,
    first_id,
    image,
    load,
    quietly,
    vector,
)


def checked(store: Store, source: Path) -> ExportComparison:
    return compare(store, open_export(source), quietly, quietly)


def assert_moved(first: Store, second: Store, folder: Path, form: str) -> None:
    """Fill a store, move its contents to another one and on; all is as it was."""
    fill(first)
    dump(first, folder / "one", form)
    report = load(second, folder / "one")
    assert (report.added, report.uploads, report.failed) == (16, 1, 0)
    assert contents(second) == contents(first)
    again = load(second, folder / "one")
    assert (again.added, again.described, again.unchanged, again.failed) == (0, 0, 16, 0)
    dump(second, folder / "two", form)
    one, two = read_manifest(folder / "one"), read_manifest(folder / "two")
    assert (one.counts, one.rows("items")) == (two.counts, two.rows("items"))
    compared = checked(second, folder / "one")
    assert (compared.same, compared.missing, compared.differing) == (16, 0, 0)
    assert compared.alike == compared.results > 0


@pytest.mark.parametrize(
    ("first", "second", "form"),
    [
        ("folder", "memory", ".parquet"),
        pytest.param("memory", "folder", ".jsonl", marks=pytest.mark.slow),
        pytest.param("objects", "folder", ".jsonl", marks=pytest.mark.slow),
        pytest.param("folder", "objects", ".jsonl", marks=pytest.mark.slow),
    ],
)
def test_a_folder_holds_all(
    new_store: NewStore, tmp_path: Path, first: str, second: str, form: str
) -> None:
    assert_moved(new_store(first), new_store(second), tmp_path, form)


@pytest.mark.scale
@pytest.mark.parametrize(("first", "second"), [("folder", "postgresql"), ("postgresql", "folder")])
def test_a_database_holds_all(new_store: NewStore, tmp_path: Path, first: str, second: str) -> None:
    assert_moved(new_store(first), new_store(second), tmp_path, ".parquet")


@pytest.mark.parametrize("name", ["all.parquet", "all.jsonl"])
def test_a_file_holds_all_items(new_store: NewStore, tmp_path: Path, name: str) -> None:
    first, second = new_store("memory"), new_store("folder")
    fill(first, uploads=False)
    load(second, dump(first, tmp_path / name, ""))
    assert contents(second)["rows"] == contents(first)["rows"]
    assert list(tmp_path.glob("*.new")) == []


def test_a_filter_chooses_the_items(new_store: NewStore, tmp_path: Path) -> None:
    first, second = new_store("memory"), new_store("memory")
    fill(first)
    wanted = WantedItems(Condition("tag", "in", ("dog", "mine")), "tag:dog,mine")
    load(second, dump(first, tmp_path / "some", ".jsonl", wanted))
    assert (second.count("image"), second.count("caption")) == (2, 2)
    assert second.failures() == []
    assert read_manifest(tmp_path / "some").where == "tag:dog,mine"


def test_jobs_of_servers_stay(new_store: NewStore, tmp_path: Path) -> None:
    """They make no sense elsewhere; other records move."""
    first, second = new_store("memory"), new_store("memory")
    fill(first, uploads=False)
    for kind in NEVER_EXPORTED:
        first.put_records(kind, {"0" * 20: b"{}"})
    load(second, dump(first, tmp_path / "one", ".jsonl"))
    assert second.record_kinds() == sorted({*first.record_kinds()} - NEVER_EXPORTED) != []


def test_words_add_up_and_another_content_stays(new_store: NewStore, tmp_path: Path) -> None:
    first, second = new_store("memory"), new_store("folder")
    fill(first, uploads=False)
    second.claim(first.model() or pytest.fail("no model"))
    mine = Reading(Words({"mine": {""}}, {"own": {""}}), lambda source: True)
    second.write(
        [image(0, captions=(caption("mine", 77),), reading=mine), image(2, sha256="e" * 64)]
    )
    report = load(second, dump(first, tmp_path / "one", ".jsonl"))
    assert (report.described, report.other_content, report.added) == (1, 1, 13)
    item = second.item(first_id(second))
    assert set(item.captions) == {"mine", "a dog", LONG}
    assert item.tags == ("animal", "dog", "own", "snow")
    assert [one.tag for one in second.automatic_tags_of([item.id])[item.id]] == ["animal", "dog"]
    assert item.meta == {"author": "ann", "stars": 5}
    assert second.item(second.images_at(["/photos/000002.jpg"])["/photos/000002.jpg"].item_id
                       ).sha256 == "e" * 64  # fmt: skip
    compared = checked(second, tmp_path / "one")
    assert (compared.differing, compared.missing) == (2, 0)


def test_a_missing_item_and_another_vector_are_seen(new_store: NewStore, tmp_path: Path) -> None:
    first, second = new_store("memory"), new_store("memory")
    fill(first, uploads=False)
    load(second, dump(first, tmp_path / "one", ".jsonl"))
    paths = [f"/photos/{number:06}.jpg" for number in (5, 6)]
    second.remove([one.item_id for one in second.images_at(paths).values()])
    second.write([replace(image(6), embedding=vector(600))])
    compared = checked(second, tmp_path / "one")
    assert (compared.missing, compared.differing) == (1, 1)
    assert compared.named == [f"missing: {paths[0]}", f"differs: {paths[1]}"]
    assert compared.alike < compared.results
