"""`mmembed labels`, and `mmembed classify` with examples and sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.services import Ask
from tests.serving import write_pictures


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures", ["red", "blue"])


def test_a_set_is_added_listed_shown_used_and_removed(
    ask: Ask, folder: Path, pictures: Path
) -> None:
    data = ("--data", str(folder), "--model", "fake")
    red, blue = pictures / "red.png", pictures / "blue.png"
    added = ask("labels", "add", "s", "--example", f"A={red}", "--wordless", "A",
                "--example", f"B={blue}", "--wordless", "B", *data)  # fmt: skip
    assert added == (0, "s: 2 labels, 2 examples\n", "")
    assert ask("labels", "add", "s", "--labels", "C", *data)[1] == "s: 3 labels, 2 examples\n"
    code, listed, _ = ask("labels", "list", *data)
    assert (code, listed.splitlines()[1].split()) == (0, ["s", "3", "2", "A,", "B,", "C"])
    code, shown, _ = ask("labels", "show", "s", "--json", *data)
    assert [one["label"] for one in json.loads(shown)["labels"]] == ["A", "B", "C"]
    code, answer, said = ask("classify", str(red), "--set", "s", "--top", "1", "--json", *data)
    assert (code, said) == (0, "")
    assert json.loads(answer)["results"][0]["labels"][0]["label"] == "A"
    assert ask("labels", "remove", "s", *data) == (0, "s: removed\n", "")
    code, _, said = ask("labels", "show", "s", *data)
    assert code == 1
    assert "label set 's': there is none of this name" in said


def test_a_threshold_is_kept_and_shown(ask: Ask, folder: Path) -> None:
    data = ("--data", str(folder), "--model", "fake")
    ask("labels", "add", "t", "--labels", "a=b,c", "--threshold", "a=b=0.25", *data)
    _, shown, _ = ask("labels", "show", "t", *data)
    assert [line.split() for line in shown.splitlines()[1:]] == [
        ["a=b", "yes", "0.25", "0"], ["c", "yes", "0"],
    ]  # fmt: skip
    _, shown, _ = ask("labels", "show", "t", "--json", *data)
    assert [one["threshold"] for one in json.loads(shown)["labels"]] == [0.25, None]


def test_texts_and_trees(ask: Ask, folder: Path) -> None:
    data = ("--data", str(folder), "--model", "fake")
    code, answer, _ = ask("classify", "--text", "a red bus", "--labels", "warm > red,cold > blue",
                          *data)  # fmt: skip
    assert code == 0
    assert [line.split()[-1] for line in answer.splitlines()[1:3]] == ["warm", "red"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["classify", "x.png"], "no labels; give --labels"),
        (["classify", "--labels", "a"], "no picture was named"),
        (["classify", "x.png", "--example", "cat"], "--example cat: expected LABEL=FILE"),
        (["classify", "x.png", "--example", "a=item:x"], "expected the id of an item"),
        (["classify", "x.png", "--labels", "a", "--example", "a=item:9"], "item 9: there is no"),
        (["classify", "x.png", "--labels", "a", "--set", "s"], "give the set alone"),
        (["labels", "add", "a/b", "--labels", "a"], "a name has up to 100"),
        (["labels", "add", "s"], "labels: give at least one"),
        (["labels", "add", "s", "--labels", "a", "--threshold", "a"], "expected LABEL=NUMBER"),
        (["labels", "add", "s", "--labels", "a", "--threshold", "a=nan"], "threshold nan"),
        (["classify", "x.png", "--labels", "@/dev/zero"], "the limit of a list of labels"),
    ],
)
def test_slips_are_named(ask: Ask, folder: Path, arguments: list[str], message: str) -> None:
    code, _, said = ask(*arguments, "--data", str(folder), "--model", "fake")
    assert code in (1, 2)
    assert message in said
