"""Labels and templates in every form that a file of them may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmembed.errors import InputError, QueryError
from mmembed.eval import read_labels, read_templates
from tests.eval.encoders import LIMIT, write


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "n00000001 red, scarlet\nn00000002 green\nn00000003 blue\n"),
        ("a.txt", "n00000001\tred, scarlet\nn00000002\tgreen\nn00000003\tblue\n"),
        ("a.json", {"n00000001": ["red", "scarlet"], "n00000002": "green", "n00000003": "blue"}),
        ("a.json", [["red", "scarlet"], "green", "blue"]),
        ("a.txt", "red, scarlet\ngreen\nblue\n"),
    ],
)
def test_every_form_of_labels(tmp_path: Path, name: str, content: object) -> None:
    present = ["n00000002", "n00000001", "n00000003", "n00000001"]
    found = read_labels(present, write(tmp_path / name, content), limit=LIMIT)
    assert [found.names[found.of_class[f"n0000000{i}"]] for i in (1, 2, 3)] == [
        ("red", "scarlet"), ("green",), ("blue",),
    ]  # fmt: skip


def test_a_list_of_names_knows_folders_by_name_and_by_number(tmp_path: Path) -> None:
    listed = write(tmp_path / "names.json", [f"number {i}" for i in range(12)] + ["tree frog"])
    found = read_labels(["tree_frog", "number_3"], listed, limit=LIMIT)
    assert found.shown(found.of_class["tree_frog"]) == "tree frog"
    assert found.shown(found.of_class["number_3"]) == "number 3"
    assert len(found.names) == 13
    found = read_labels(["2", "10"], listed, limit=LIMIT)
    assert found.shown(found.of_class["10"]) == "number 10", "not the second in the order of text"
    assert found.shown(found.of_class["2"]) == "number 2"


def test_classes_of_the_same_name_are_one_label(tmp_path: Path) -> None:
    labels = write(tmp_path / "a.json", {"a": "missile", "b": "missile", "c": "crane"})
    found = read_labels(["a", "b", "c"], labels, limit=LIMIT)
    assert found.of_class["a"] == found.of_class["b"]
    assert len(found.names) == 2


def test_without_a_file_folders_are_the_labels() -> None:
    found = read_labels(["tree_frog", "toad"], None, limit=LIMIT)
    assert found.shown(found.of_class["tree_frog"]) == "tree frog"


@pytest.mark.parametrize(
    ("present", "content", "complaint"),
    [
        (["a"], None, "only one label, 'a': there is nothing to choose between"),
        (["a", "b"], {"a": "x"}, r"a\.json: has no label for 'b', of 2 classes"),
        (["a", "b"], {"a": "x", "b": ""}, "a label is blank"),
        (["a", "b"], {"a": "x", "b": 7}, "7 is no label"),
        (["a", "b"], 7, "expected a JSON object"),
        (["a", "b"], ["x", "y", "z"], "a list of 3 labels for 2 classes, such as 'a', 'b'"),
        (["a", "b"], [["a", "x"], ["a", "y"], "b"], "'a' is"),
        (["a", "b"], [f"{i}" for i in range(2001)] + ["a", "b"], "2003 labels, limit 2000"),
        (["a", "b"], "[1", "cannot be read as JSON"),
    ],
)
def test_labels_that_do_not_fit(
    tmp_path: Path, present: list[str], content: object, complaint: str
) -> None:
    path = None if content is None else write(tmp_path / "a.json", content)
    with pytest.raises(InputError, match=complaint):
        read_labels(present, path, limit=LIMIT)


def test_templates_need_a_place_for_the_label(tmp_path: Path) -> None:
    assert len(read_templates("full").prompts) == 80
    with pytest.raises(QueryError, match=r"has no \{\}"):
        read_templates(str(write(tmp_path / "t.txt", "a photo of {}\na photo\n")))
    with pytest.raises(InputError, match=r"none\.txt: cannot be read"):
        read_templates(str(tmp_path / "none.txt"))
