"""`mmembed map`, `clusters` and `outliers`"""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.services import Ask
from tests.serving import open_collection, write_pictures

COLOURS = ["red", "orange", "blue", "cyan", "green", "black", "white", "grey", "pink", "purple"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    photos = write_pictures(tmp_path / "photos", COLOURS)
    with open_collection(tmp_path / "data") as collection:
        collection.index([photos], progress=lambda *_: None)
    return tmp_path / "data"


def options(data: Path) -> tuple[str, ...]:
    return ("--data", str(data), "--model", "fake")


def test_a_map_is_made_once_and_then_brought_up_to_date(ask: Ask, data: Path) -> None:
    code, out, err = ask("map", "--method", "pca", *options(data))
    assert code == 0, err
    assert out.startswith("10 pictures by PCA, fitted to 10; made ")
    first = json.loads(ask("map", "--json", *options(data))[1])
    write_pictures(data.parent / "photos", ["yellow"])
    (data.parent / "photos" / "red.png").unlink()
    with open_collection(data) as collection:
        collection.index([data.parent / "photos"], progress=lambda *_: None)
    code, out, _ = ask("map", *options(data))
    assert "1 new or changed were placed, 1 have left" in out
    second = json.loads(ask("map", "--json", *options(data))[1])
    assert (second["version"], second["new"], second["gone"]) == (first["version"], 0, 0)
    assert (
        json.loads(ask("map", "--anew", "--json", *options(data))[1])["version"] != first["version"]
    )


@pytest.mark.slow
def test_a_map_is_written_for_eyes_and_for_programs(ask: Ask, data: Path, tmp_path: Path) -> None:
    for ending in ("svg", "png", "csv", "json"):
        code, out, err = ask("map", "--out", str(tmp_path / f"m.{ending}"), *options(data))
        assert code == 0, err
        assert f"m.{ending}: " in out
    root = ET.parse(tmp_path / "m.svg").getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) >= 1
    with Image.open(tmp_path / "m.png") as image:
        assert max(image.size) == 2000
    with open(tmp_path / "m.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert {Path(row["path"]).stem for row in rows} == set(COLOURS)
    assert json.loads((tmp_path / "m.json").read_text())["placed"] == 10


def test_clusters_are_a_table_of_two_levels(ask: Ask, data: Path) -> None:
    code, out, err = ask("clusters", *options(data))
    assert code == 0, err
    assert out.splitlines()[0].split() == ["size", "sure", "name", "also", "picture"]
    assert "MMEMBED_BANK" in err
    answer = json.loads(ask("clusters", "--count", "3", "--json", *options(data))[1])
    [level] = answer["levels"]
    assert sum(one["size"] for one in level) == 10
    answer = json.loads(
        ask("clusters", "--query", "red", "--among", "4", "--json", *options(data))[1]
    )
    assert answer["pictures"] == 4
    code, out, err = ask("clusters", "--where", "path~nowhere", *options(data))
    assert (code, out) == (0, "")
    assert "no picture passes" in err


def test_outliers_are_a_table(ask: Ask, data: Path) -> None:
    code, out, err = ask("outliers", "-k", "2", *options(data))
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()][:1] == ["distance"]
    assert len(out.splitlines()) == 3
    code, out, err = ask("outliers", "--where", "path~red", *options(data))
    assert (code, out) == (0, "")
    assert "at least 2" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["map", "--out", "m.txt"], ".svg, .png, .csv, .json"),
        (["map", "--out", "/nowhere/m.svg"], "expected a file in a folder that is there"),
        (["clusters", "--count", "0"], "expected 1 to 200"),
        (["outliers", "-k", "0"], "at least 1"),
        (["outliers", "-k", "1001"], "limit 1000"),
    ],
)
def test_what_makes_no_sense_is_named(
    ask: Ask, data: Path, arguments: list[str], said: str
) -> None:
    code, _, err = ask(*arguments, *options(data))
    assert code == 2
    assert said in err


def test_a_collection_must_be_there(ask: Ask, folder: Path, tmp_path: Path) -> None:
    code, _, err = ask("map", *options(tmp_path / "none"))
    assert code == 2
    assert "holds no collection" in err
    code, _, err = ask("map", *options(folder))
    assert code == 1
    assert "index some first" in err
