"""`mmembed export` and `mmembed import` as people call them."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.cli.services import Ask
from tests.serving import open_collection, picture, write_pictures


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A data folder with three pictures, one of which has words, and an upload."""
    photos = tmp_path / "photos"
    photos.mkdir()
    write_pictures(photos, ["red", "green", "blue"])
    (photos / "captions.jsonl").write_text(
        json.dumps({"file_name": "red.png", "caption": "a red field", "tags": ["x", "a, b"],
                    "author": "ann"}) + "\n"
    )  # fmt: skip
    with open_collection(tmp_path / "data") as collection:
        collection.index([photos], progress=lambda *_: None)
        collection.add_image(picture("yellow"), name="yellow", captions=["a yellow field"])
    return tmp_path / "data"


@pytest.mark.slow
def test_a_folder_there_and_back(ask: Ask, filled: Path, tmp_path: Path) -> None:
    dump, other = str(tmp_path / "dump"), str(tmp_path / "other")
    code, printed, _ = ask("export", "--to", dump, "--data", str(filled))
    assert code == 0
    assert "4 images" in printed
    assert "1 uploads" in printed
    code, printed, errors = ask("import", dump, "--data", other)
    assert (code, errors) == (0, "")
    assert "4 added" in printed
    code, printed, _ = ask("import", dump, "--data", other, "--check")
    assert (code, printed.splitlines()[-1]) == (0, "equal")
    assert "4 searches: 16 of 16 first results are the same" in printed
    code, printed, _ = ask("search", "red", "--json", "--data", other, "--model", "fake")
    assert json.loads(printed)["hits"][0]["caption"] == "a red field"
    code, _, errors = ask("export", "--to", dump, "--data", other)
    assert (code, "holds an export already" in errors) == (2, True)
    (tmp_path / "dump" / "items-00001.parquet").unlink()
    code, _, errors = ask("import", dump, "--data", str(tmp_path / "third"))
    assert (code, "is missing" in errors) == (2, True)
    assert not (tmp_path / "third").exists()


def test_lists(ask: Ask, filled: Path, tmp_path: Path) -> None:
    at = ("--data", str(filled))
    for name in ("all.csv", "all.npy"):
        assert ask("export", "--to", str(tmp_path / name), *at)[0] == 0
    with open(tmp_path / "all.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    [row] = [row for row in rows if row["captions"] == "a red field"]
    assert (row["tags"], row["meta.author"], row["kind"]) == ('["a, b", "x"]', "ann", "image")
    lines = (tmp_path / "all.ids.jsonl").read_text().splitlines()
    matrix = np.load(tmp_path / "all.npy")
    assert (matrix.dtype, len(matrix)) == (np.float32, len(lines))
    assert np.allclose(np.linalg.norm(matrix, axis=1), 1)
    assert {json.loads(line)["id"] for line in lines} == {int(one["id"]) for one in rows}


def test_the_results_of_a_search_are_a_list(ask: Ask, filled: Path, tmp_path: Path) -> None:
    to = tmp_path / "hits.jsonl"
    code, _, _ = ask(
        "export", "--to", str(to), "--query", "red", "--k", "2", "--columns", "path,score",
        "--where", "format:png", "--data", str(filled), "--model", "fake",
    )  # fmt: skip
    rows = [json.loads(line) for line in to.read_text().splitlines()]
    assert (code, len(rows)) == (0, 2)
    assert Path(rows[0]["path"]).name == "red.png"
    assert list(rows[0]) == ["path", "score"]


def test_a_list_as_parquet(ask: Ask, filled: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    to, at = str(tmp_path / "some.parquet"), ("--data", str(filled), "--model", "fake")
    columns = "id,tags,meta.author,automatic_tags,embedding,added,score"
    code, _, _ = ask("export", "--to", to, "--query", "red", "--k", "3", "--columns", columns, *at)
    rows = parquet.read_table(to).to_pylist()
    assert (code, len(rows), list(rows[0])) == (0, 3, columns.split(","))
    assert (rows[0]["meta.author"], len(rows[0]["embedding"])) == ("ann", 16)


def test_pictures_and_sidecars(ask: Ask, filled: Path, tmp_path: Path) -> None:
    at = ("--data", str(filled), "--model", "fake")
    code, printed, _ = ask("export", "--to", str(tmp_path / "red.zip"), "--where", "tag:x", *at)
    assert (code, "1 pictures" in printed) == (0, True)
    with zipfile.ZipFile(tmp_path / "red.zip") as archive:
        assert archive.read("red.png") == (tmp_path / "photos" / "red.png").read_bytes()
    code, _, _ = ask("export", "--to", str(tmp_path / "2.zip"), "--query", "red", "--k", "2", *at)
    with zipfile.ZipFile(tmp_path / "2.zip") as archive:
        assert (code, len(archive.namelist())) == (0, 3)
    tree = tmp_path / "tree"
    code, printed, _ = ask("export", "--xmp", "--to", str(tree), *at)
    assert (code, "1 sidecars new" in printed) == (0, True)
    [sidecar] = tree.rglob("*.xmp")
    assert str(sidecar).endswith(f"{tmp_path}/photos/red.png.xmp")
    assert b"a, b" in sidecar.read_bytes()
    code, printed, _ = ask("export", "--xmp", "--beside", *at)
    assert (code, "1 sidecars new" in printed) == (0, True)
    beside = tmp_path / "photos" / "red.png.xmp"
    assert beside.read_bytes() == sidecar.read_bytes()
    beside.write_bytes(b"broken")
    code, printed, errors = ask("export", "--xmp", "--beside", *at)
    assert (code, "red.png.xmp: is no XML" in errors, beside.read_bytes()) == (1, True, b"broken")
    assert "nothing to export" not in printed
    untagged = ("--to", str(tmp_path / "none"), "--where=-has:tag")
    code, printed, _ = ask("export", "--xmp", *untagged, *at)
    assert (code, "there is no picture with tags" in printed) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "--to", "a.xlsx"), "ends with .parquet, .jsonl, .csv, .npy, .zip"),
        (("export", "--to", "a.zip", "--columns", "path"), "--columns makes a list"),
        (("export", "--to", "a", "--query", "dog"), "--query makes a list"),
        (("export",), "--to: name a new folder"),
        (("export", "--beside"), "--beside: goes with --xmp"),
        (("export", "--xmp"), "one of both"),
        (("export", "--xmp", "--beside", "--to", "a"), "one of both"),
        (("export", "--xmp", "--to", "a.csv"), "sidecars lie in a folder"),
        (("export", "--xmp", "--to", "a", "--columns", "path"), "a sidecar holds tags alone"),
        (("export", "--to", "a.csv", "--columns", "colour"), "--columns colour: no such one"),
        (("export", "--to", "a.csv", "--columns", "score"), "only the results of a --query"),
        (("export", "--to", "a.csv", "--k", "0"), "expected 1 or more"),
        (("import", "none.parquet"), "no such file"),
    ],
)
def test_wrong_use(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    code, _, errors = ask(*arguments, "--data", str(folder))
    assert (code, message in errors) == (2, True), errors
    assert not (folder / "a.csv").exists()
