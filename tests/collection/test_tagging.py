"""Labels become automatic tags, tags of people stay, and wrong tags are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmembed.cancellation import Caller, working_for
from mmembed.collection.collection import Collection
from mmembed.collection.tagging import TagWishes
from mmembed.errors import NotFound, Overloaded, QueryError
from mmembed.filters.parse import parse_where
from tests.conftest import Index, MakePicture, OpenCollection

COLOURS = ("red", "green", "blue")


def wishes(*labels: str, **more: Any) -> TagWishes:
    return TagWishes(**{"labels": labels, "label_set": "colours", "compete": True, **more})


def quietly(done: int, total: int, failed: int) -> None:
    pass


def tags(collection: Collection) -> dict[str, tuple[str, ...]]:
    items = collection.items(limit=999, kind="image")
    return {Path(item.path or "").name: item.tags for item in items}


@pytest.fixture
def filled(collection: Collection, picture: MakePicture, index: Index) -> Collection:
    """Two pictures of each colour, in one folder each; one has a tag of a person."""
    for colour in COLOURS:
        for number in (1, 2):
            picture(f"{colour}/{colour}-{number}.png", colour, seed=number)
    index()
    first = collection.items(limit=1, kind="image")[0]
    collection.update(first.id, tags=["mine"])
    return collection


def test_every_picture_gets_the_label_that_fits(filled: Collection) -> None:
    reports: list[tuple[int, int]] = []
    tagged = filled.tag(wishes(*COLOURS), lambda done, total, failed: reports.append((done, total)))
    assert (tagged.looked_at, tagged.pictures, tagged.tags, tagged.before) == (6, 6, 6, 0)
    assert all(name.split("-")[0] in given for name, given in tags(filled).items())
    assert tags(filled)["blue-1.png"] == ("blue", "mine")
    assert {one.label: one.pictures for one in tagged.labels} == dict.fromkeys(COLOURS, 2)
    assert all(one.threshold.basis == "assumed" for one in tagged.labels)
    assert reports[-1] == (6, 6)
    assert filled.count("image", parse_where("tag:red")) == 2
    [item] = filled.items(limit=1, kind="image")
    [automatic] = filled.store.automatic_tags_of([item.id])[item.id]
    assert automatic.label_set == "colours"
    assert 0.5 < automatic.score <= 1


def test_a_second_run_replaces_the_first_and_a_dry_run_nothing(filled: Collection) -> None:
    filled.tag(wishes(*COLOURS), quietly)
    before = tags(filled)
    dry = filled.tag(wishes("red", "purple", dry_run=True), quietly)
    assert (dry.written, dry.before, tags(filled)) == (False, 6, before)
    filled.tag(wishes("red", "grey"), quietly)
    assert tags(filled)["blue-1.png"] in (("mine",), ("grey", "mine"))
    assert filled.count("image", parse_where("tag:green,blue")) == 0
    filled.tag(wishes("red", "blue", label_set="other"), quietly)
    assert list(filled.automatic_label_sets()) == ["colours", "other"]
    filled.untag("colours")
    assert "red" in tags(filled)["red-1.png"]
    filled.untag("other")
    assert {name: some for name, some in tags(filled).items() if some} == {"blue-1.png": ("mine",)}
    with pytest.raises(NotFound, match="gave no tags here; others are: none"):
        filled.untag("other")


def test_a_filter_chooses_the_pictures(filled: Collection) -> None:
    where = parse_where("path~red-")
    tagged = filled.tag(wishes(*COLOURS, where=where), quietly)
    assert (tagged.looked_at, tagged.pictures) == (2, 2)
    assert tagged.labels[0].first[0].path is not None


def test_a_threshold_that_nothing_reaches(filled: Collection) -> None:
    tagged = filled.tag(wishes("purple", "pink", threshold=0.9999), quietly)
    assert (tagged.tags, tagged.labels[0].threshold.basis) == (0, "given")


def test_equal_pictures_are_tagged_alike(
    collection: Collection, picture: MakePicture, index: Index
) -> None:
    for name in ("a.png", "b.png"):
        picture(name, "red")
    index()
    assert collection.tag(wishes("red", "blue"), quietly).pictures == 2


def test_an_empty_collection(collection: Collection) -> None:
    tagged = collection.tag(wishes("red", "blue"), quietly)
    assert (tagged.looked_at, tagged.tags) == (0, 0)
    assert collection.check_tags().doubts == ()


def test_each_label_for_itself_needs_a_bank(
    filled: Collection, open_collection: OpenCollection, tmp_path: Path
) -> None:
    with pytest.raises(QueryError, match="MMEMBED_BANK"):
        filled.tag(wishes("red", compete=False), quietly)
    bank = tmp_path / "bank.txt"
    bank.write_text("\n".join(f"thing number {n} of many" for n in range(120)))
    with_bank = open_collection(bank=str(bank), cache=tmp_path / "cache")
    tagged = with_bank.tag(wishes("red", "blue", compete=None, threshold=0.5), quietly)
    assert (tagged.competing, tagged.pictures) == (False, 4)


def test_examples_set_the_threshold(
    collection: Collection, picture: MakePicture, index: Index
) -> None:
    for colour in ("red", "blue"):
        for number in range(14):
            picture(f"{colour}-{number}.png", colour, seed=number + 1)
    index()
    for item in collection.items(limit=99, kind="image"):
        colour = Path(item.path or "").name.split("-")[0]
        if int(Path(item.path or "").stem.split("-")[1]) < 12:
            collection.update(item.id, tags=[colour])
    tagged = collection.tag(wishes("red", "blue", precision=0.8), quietly)
    assert [(one.threshold.basis, one.threshold.examples) for one in tagged.labels] == [
        ("examples", 12), ("examples", 12),
    ]  # fmt: skip
    assert tagged.pictures == 28


def test_a_stored_set_with_examples(filled: Collection) -> None:
    items = filled.items(limit=9, kind="image")
    named = {Path(item.path or "").name: item.id for item in items}
    from mmembed.collection.collection import ImageInput

    def example(name: str) -> ImageInput:
        return ImageInput(name, item=named[name])

    filled.add_label_set(
        "moods", ["warm", "cold"], wordless=["warm", "cold"],
        examples={"warm": [example("red-1.png")], "cold": [example("blue-1.png")]},
    )  # fmt: skip
    tagged = filled.tag(TagWishes(label_set="moods", threshold=0.5), quietly)
    assert tagged.competing
    assert "warm" in tags(filled)["red-2.png"]
    assert "cold" in tags(filled)["blue-2.png"]
    with pytest.raises(NotFound, match="label set 'none'"):
        filled.tag(TagWishes(label_set="none"), quietly)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"threshold": 0.5, "precision": 0.9}, "give one of them"),
        ({"threshold": 1.5}, "threshold 1.5: expected a number between 0 and 1"),
        ({"precision": float("nan")}, "precision nan"),
        ({"label_set": ""}, "the name of a label set"),
        ({"label_set": "a/b"}, "a name has up to 100"),
    ],
)
def test_wishes_that_make_no_sense(more: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        wishes("red", **more)


def test_what_a_person_takes_off_stays_off(filled: Collection) -> None:
    filled.tag(wishes(*COLOURS), quietly)
    [red] = filled.items(limit=1, kind="image", where=parse_where("path~red-1"))
    filled.update(red.id, tags=[])
    assert filled.tag(wishes(*COLOURS, label_set="other"), quietly).tags == 5, "of any set"
    [(item, tag)] = filled.rejected_tags(9).first
    assert (item.id, tag) == (red.id, "red")
    filled.update(red.id, captions=["a red thing"])
    assert filled.rejected_tags(0).total == 1, "a caption says nothing about tags"
    filled.update(red.id, tags=["red"])
    assert filled.rejected_tags(9).total == 0, "who gives it again takes it back"
    filled.update(red.id, tags=[])
    assert filled.rejected_tags(9).total == 0, "it was a person's own tag by then"


def test_rejections_follow_the_content_and_can_be_forgotten(filled: Collection) -> None:
    filled.tag(wishes(*COLOURS), quietly)
    items = filled.items(limit=9, kind="image")
    for item in items[:3]:
        filled.update(item.id, tags=[])
    filled.store.put_records("rejected_tags", {"damaged": b"{"})
    assert filled.tag(wishes(*COLOURS), quietly).tags == 3
    path = Path(items[0].path or "")
    filled.remove_path(path)
    filled.index([path], progress=quietly)
    assert filled.tag(wishes(*COLOURS), quietly).tags == 3, "another item of the same content"
    assert filled.allow_tags(["blue", "none"]) == 2
    assert filled.tag(wishes(*COLOURS), quietly).tags == 5
    assert (filled.allow_tags(), filled.allow_tags()) == (1, 0)
    assert filled.tag(wishes(*COLOURS), quietly).tags == 6


def test_rejections_teach_the_threshold(
    collection: Collection, picture: MakePicture, index: Index
) -> None:
    for number in range(30):
        picture(f"red-{number}.png", "red", seed=number + 1)
    index()
    items = collection.items(limit=99, kind="image")
    collection.tag(wishes("red", "blue", threshold=0.2), quietly)
    for item in items:
        collection.update(item.id, tags=["red"] if item.id % 2 else [])
    [red, _] = collection.tag(wishes("red", "blue", precision=0.9), quietly).labels
    assert (red.threshold.basis, red.pictures) == ("examples", 0), "half of them are wrong"


def test_one_tagging_at_a_time(filled: Collection) -> None:
    def inner(done: int, total: int, failed: int) -> None:
        with working_for(Caller()), pytest.raises(Overloaded, match="being tagged already"):
            filled.check_tags()

    assert filled.tag(wishes("red", "blue"), inner).tags > 0


def test_a_label_with_a_control_character_is_no_tag(filled: Collection) -> None:
    with pytest.raises(QueryError, match="holds a control character"):
        filled.tag(wishes("red", "bl\x1fue"), quietly)


@pytest.mark.slow
def test_wrong_tags_are_found(collection: Collection, picture: MakePicture, index: Index) -> None:
    for colour in ("red", "blue"):
        for number in range(20):
            picture(f"{colour}-{number}.png", colour, seed=number + 1)
    index()
    items = {Path(item.path or "").name: item for item in collection.items(limit=99, kind="image")}
    for name, item in items.items():
        colour = name.split("-")[0]
        collection.update(item.id, tags=["blue" if name == "red-7.png" else colour])
    checked = collection.check_tags()
    assert (checked.pictures, checked.tags, checked.competing) == (40, ("blue", "red"), True)
    [doubt] = checked.doubts
    assert (Path(doubt.item.path or "").name, doubt.wrong, doubt.better) == (
        "red-7.png", "blue", "red",
    )  # fmt: skip
    with pytest.raises(QueryError, match="0 pictures with it from a person or a file"):
        collection.check_tags(["purple"])
    given = [(one.id, f"tag {n}", 0.5) for one in items.values() for n in range(110)]
    collection.store.replace_automatic_tags("gave more of them", given)
    again = collection.check_tags()
    assert (again.pictures, again.tags, len(again.doubts)) == (40, ("blue", "red"), 1)
