"""`mmembed tag` as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmembed.cli.tag_report import tagged_lines
from mmembed.collection.tagging import Tagged, TaggedLabel
from mmembed.explore.tagging.thresholds import LabelThreshold
from tests.cli.services import Ask
from tests.serving import open_collection, write_pictures


@pytest.fixture
def filled(tmp_path: Path) -> tuple[str, ...]:
    """Options for a collection of three pictures."""
    photos = tmp_path / "photos"
    photos.mkdir()
    write_pictures(photos, ["red", "green", "blue"])
    with open_collection(tmp_path / "data") as collection:
        collection.index([photos], progress=lambda *_: None)
    return "--data", str(tmp_path / "data"), "--model", "fake"


def test_tag_show_and_clear(ask: Ask, filled: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "colours.txt").write_text("red\nblue\n\ngreen\n")
    labels = ("tag", "--labels", f"@{tmp_path / 'colours.txt'}", "--compete")
    code, printed, _ = ask(*labels, "--dry-run", *filled)
    assert code == 0
    assert printed.startswith("colours: 3 tags on 3 of 3 pictures would be given in")
    assert "red.png" in printed
    assert "assumed" in printed
    code, printed, _ = ask(*labels, "--json", *filled)
    answer = json.loads(printed)
    assert (code, answer["written"], answer["tags"], answer["before"]) == (0, True, 3, 0)
    code, printed, _ = ask("search", "red", "--where", "tag:red", "--json", *filled)
    assert [hit["tags"] for hit in json.loads(printed)["hits"]] == [["red"]]
    code, printed, _ = ask("tag", "--clear", "--set", "colours", *filled)
    assert (code, printed) == (0, "colours: 3 tags taken back\n")


@pytest.mark.slow
def test_rejected_tags_and_sets_are_listed(ask: Ask, filled: tuple[str, ...]) -> None:
    assert ask("tag", "--list", *filled) == (0, "", "")
    assert ask("tag", "--rejected", *filled)[1] == "no automatic tag was taken off\n"
    ask("tag", "--labels", "red,blue,green", "--compete", *filled)
    assert ask("tag", "--list", *filled)[1].split() == ["tags", "set", "3", "labels"]
    with open_collection(Path(filled[1])) as collection:
        for item in collection.items(limit=9, kind="image"):
            collection.update(item.id, tags=[])
    _, printed, _ = ask("tag", "--rejected", "--most", "2", *filled)
    assert printed.splitlines()[1].split()[1] == "blue"
    assert printed.splitlines()[-1] == "… and 1 more; --most N shows more"
    assert ask("tag", "--allow-again", "red", *filled)[1] == "1 rejection forgotten\n"
    assert ask("tag", "--allow-again", *filled)[1] == "2 rejections forgotten\n"


def test_a_file_names_its_set_as_well_as_it_can(
    ask: Ask, filled: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "my (1) file!.txt").write_text("red\nblue\n")
    labels = f"@{tmp_path / 'my (1) file!.txt'}"
    _, printed, _ = ask("tag", "--labels", labels, "--compete", "--json", *filled)
    assert json.loads(printed)["label_set"] == "my -1- file-"


def test_a_check_without_tags(ask: Ask, filled: tuple[str, ...]) -> None:
    code, printed, _ = ask("tag", "--check", *filled)
    assert (code, printed) == (
        0,
        "nothing to check: no tag was given to ten pictures by a person or a file\n",
    )
    code, printed, _ = ask("tag", "--check", "--json", *filled)
    assert (code, json.loads(printed)["doubts"]) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --labels"),
        (("--clear",), "name the label set with --set"),
        (("--check", "--labels", "a"), "goes without --labels"),
        (("--list", "--set", "a"), "goes without --labels"),
        (("--rejected", "--check"), "--rejected and --check: give one of them"),
        (("--labels", "@/dev/zero"), "the limit of a list of labels"),
        (("--labels", "a", "--set", "a/b"), "a name has up to 100"),
        (("--labels", "a", "--threshold", "2"), "between 0 and 1"),
        (("--labels", "a", "--where", "colour:red"), "colour"),
        (("--set", "none"), "there is none of this name"),
        (("--check", "purple"), "a check needs 10"),
        (("--check", "--most", "0"), "expected 1 or more"),
    ],
)
def test_wrong_use(
    ask: Ask, filled: tuple[str, ...], arguments: tuple[str, ...], message: str
) -> None:
    code, _, errors = ask("tag", *arguments, *filled)
    assert (code != 0, message in errors) == (True, True), errors


def test_where_no_label_is_sure_enough_the_remedy_is_said() -> None:
    threshold = LabelThreshold(None, "assumed")
    labels = (TaggedLabel("dog", 0, threshold, ()),)
    *_, last = tagged_lines(Tagged("pets", 9, 0, 0, 0, labels, competing=False, written=False))
    assert last.startswith("No label is sure enough. A lower --precision")
