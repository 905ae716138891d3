"""`mmembed compare`, and `mmembed search` for more like some items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.services import Ask
from tests.serving import open_collection, picture, write_pictures


def test_a_row_for_each_pair(ask: Ask, folder: Path) -> None:
    (folder / "a.png").write_bytes(picture("red"))
    code, out, err = ask(
        "compare", "a red dog", "a red cat", str(folder / "a.png"),
        "--data", str(folder), "--model", "fake",
    )  # fmt: skip
    assert code == 0
    lines = out.splitlines()
    assert lines[:3] == ["A  a red dog", "B  a red cat", f"C  {folder / 'a.png'}"]
    assert lines[4].split() == ["pair", "cosine", "distance", "one-hot", "bag", "tf-idf"]
    rows = [line.split() for line in lines[5:]]
    assert [row[:2] for row in rows] == [["A", "B"], ["A", "C"], ["B", "C"]]
    assert [len(row) for row in rows] == [7, 4, 4]
    assert rows[0][4] == "0.667"
    assert "Texts and pictures lie in two parts" in err


def test_json_has_the_matrices(ask: Ask, folder: Path) -> None:
    code, out, _ = ask(
        "compare", "red", "--text", "blue", "--json", "--data", str(folder), "--model", "fake"
    )
    assert code == 0
    answer = json.loads(out)
    assert answer["one_hot"] == [[1, 0], [0, 1]]
    assert answer["model"] == "fake"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["red"], "give at least 2"),
        (["red", "gone.jpg"], "gone.jpg: there is no such file; give --text"),
        (["red"] * 51, "limit 50"),
    ],
)
def test_what_makes_no_sense_is_named(ask: Ask, folder: Path, inputs: list[str], said: str) -> None:
    code, _, err = ask("compare", *inputs, "--data", str(folder), "--model", "fake")
    assert code == 2
    assert said in err


def test_search_for_more_like_some_items(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = write_pictures(tmp_path / "photos", ["red", "orange", "blue", "cyan"])
    with open_collection(tmp_path / "data") as collection:
        collection.index([photos], progress=lambda *_: None)
        known = {Path(item.path or "").stem: item.id for item in collection.items(limit=9)}

    def shown(*arguments: str) -> list[str]:
        given = ("--data", str(tmp_path / "data"), "--model", "fake", "--json")
        code, out, err = ask("search", *arguments, *given)
        assert code == 0, err
        return [Path(hit["path"]).stem for hit in json.loads(out)["hits"]]

    like, unlike = str(known["red"]), str(known["blue"])
    found = shown("--like", like, "--unlike", unlike)
    assert sorted(found) == ["cyan", "orange"]
    assert shown("--like", str(photos / "red.png"))[0] == "red"
    monkeypatch.chdir(tmp_path)
    (tmp_path / like).write_bytes(picture("cyan"))  # a file of that name comes first
    assert shown("--like", like)[0] == "cyan"
