"""A collection works on any store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmembed.classify.calibration import Calibration
from mmembed.collection.calibrations import Calibrations
from mmembed.collection.collection import Collection, ImageInput
from mmembed.errors import NotFound, StoreBusy
from mmembed.ingest import Report
from mmembed.store.protocol import Store
from mmembed.types import Term
from tests.photographs import jpeg, photograph

MakePicture = Callable[..., Path]


def index(collection: Collection, folder: Path, **options: Any) -> Report:
    return collection.index([folder], progress=lambda *_: None, **options)


def names(collection: Collection, text: str) -> list[str]:
    page = collection.search([Term(text)])
    return [Path(hit.item.path or "").name for hit in page.hits]


def test_a_folder_is_indexed_searched_and_removed(
    collection: Collection, picture: MakePicture, photos: Path
) -> None:
    for colour in ("red", "blue", "green"):
        picture(f"{colour}.png", colour)
    (photos / "red.txt").write_text("a red square")
    report = index(collection, photos)
    assert (report.embedded, report.failures) == (3, [])
    assert names(collection, "red")[0] == "red.png"
    assert index(collection, photos).unchanged == 3
    (photos / "red.png").rename(photos / "moved.png")
    assert index(collection, photos).moved == 1
    assert names(collection, "red")[0] == "moved.png"
    assert collection.remove_path(photos / "moved.png", keep_out=True).images == 1
    assert index(collection, photos).embedded == 0
    assert "moved.png" not in names(collection, "red")


def test_pages_follow_on_each_other(
    collection: Collection, picture: MakePicture, photos: Path
) -> None:
    for seed in range(5):
        picture(f"{seed}.png", "red", seed=seed)
    index(collection, photos)
    first = collection.search([Term("red")], k=3)
    rest = collection.search([Term("red")], k=3, cursor=first.next_cursor)
    assert len({hit.item.id for hit in (*first.hits, *rest.hits)}) == 5
    assert rest.next_cursor is None
    assert all(0 <= hit.relevance <= 1 for hit in first.hits)


def test_an_upload_comes_and_goes(collection: Collection, picture: MakePicture) -> None:
    data = picture("a.png", "blue").read_bytes()
    item = collection.add_image(data, name="a", captions=["sky"], tags=["t"])
    assert collection.add_image(data, name="again").id == item.id
    with collection.original(item.id).file as file:
        assert file.read() == data
    assert collection.thumbnail(item.id, 320)[0][:4] == b"RIFF"
    assert names(collection, "blue") == [Path(item.path or "").name]
    assert collection.update(item.id, captions=["sea"], tags=[]).captions == ("sea",)
    collection.collect_leftovers()
    collection.remove(item.id)
    with pytest.raises(NotFound):
        collection.original(item.id)
    assert collection.describe()["items"] == 0


def test_one_indexing_at_a_time(collection: Collection, empty: Store, photos: Path) -> None:
    with empty.exclusive("indexing"), pytest.raises(StoreBusy):
        index(collection, photos)


def test_label_sets_and_calibrations_are_kept(collection: Collection, picture: MakePicture) -> None:
    images = {
        colour: collection.add_image(picture(f"{colour}.png", colour).read_bytes(), name=colour)
        for colour in ("red", "blue")
    }
    items = {colour: ImageInput(colour, item=item.id) for colour, item in images.items()}
    examples = {"A": [items["red"]], "B": [items["blue"]]}
    collection.add_label_set("s", ["A", "B"], examples=examples, wordless=["A", "B"])
    answer = collection.classify(list(items.values()), label_set="s")
    assert [one.labels[0].label for one in answer] == ["A", "B"]
    [flat] = collection.classify([items["red"]], ["red", "blue"])
    facts = collection.embedder.facts
    Calibrations(collection.store).keep(facts, Calibration(temperature=4.0))
    [flatter] = collection.classify([items["red"]], ["red", "blue"])
    assert flatter.labels[0].probability < flat.labels[0].probability
    collection.remove_label_set("s")
    with pytest.raises(NotFound, match="label set 's'"):
        collection.classify([items["red"]], label_set="s")


def test_duplicates_are_found_moved_and_brought_back(
    collection: Collection, photos: Path, tmp_path: Path
) -> None:
    shot = photograph(0)
    for name, data in (("a", jpeg(shot)), ("b", jpeg(shot)), ("c", jpeg(shot, 40))):
        (photos / f"{name}.jpg").write_bytes(data)
    index(collection, photos)
    found = collection.duplicates()
    assert [(group.kind, len(group.item_ids)) for group in found.groups] == [
        ("identical", 2),
        ("same_shot", 2),
    ]
    moved = collection.move_duplicates(tmp_path / "spare")
    assert (moved.pictures, moved.failures) == (2, [])
    assert collection.duplicates().groups == ()
    assert moved.log is not None
    assert collection.undo_moves(moved.log, lambda *_: None).pictures == 2
    collection.say_not_duplicates(found.groups[1].item_ids)
    assert [group.kind for group in collection.duplicates().groups] == ["identical"]
