"""`mmembed search`, `classify` and `embed`, in processes of their own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.processes import fake
from tests.cli.services import Ask
from tests.serving import FAKE, PATIENCE_S, environment, picture

pytestmark = pytest.mark.slow


def test_search_prints_json(data: Path) -> None:
    finished = fake(
        "search", "red", "--json", "-k", "2", "--kind", "caption", MMEMBED_DATA=str(data)
    )
    answer = json.loads(finished.stdout)
    assert len(answer["hits"]) == 2
    assert {hit["kind"] for hit in answer["hits"]} == {"caption"}
    assert answer["model"] == "fake"
    more = fake(
        "search", "red", "--json", "--kind", "caption", "--cursor", answer["next_cursor"],
        "--data", data,
    )  # fmt: skip
    ids = [hit["id"] for hit in answer["hits"] + json.loads(more.stdout)["hits"]]
    assert len(set(ids)) == 3


def test_words_of_file_names_are_found_and_are_evidence(data: Path) -> None:
    finished = fake("search", "GREEN", "--mode", "words", "--json", "--data", data)
    answer = json.loads(finished.stdout)
    assert answer["mode"] == "words"
    assert any(hit["path"].endswith("green.png") for hit in answer["hits"])
    for hit in answer["hits"]:
        [evidence] = hit["evidence"]
        assert (evidence["by"], evidence["words"]) == ("words", ["green"])
    finished = fake("search", "--item", "1", "--mode", "words", "--data", data)
    assert finished.returncode == 2
    assert "mode: words needs words to look for" in finished.stderr


def test_search_by_a_picture_and_by_an_item(data: Path, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture("green"))
    finished = fake("search", "--image", tmp_path / "x.png", "--json", "--data", data)
    best = json.loads(finished.stdout)["hits"][0]
    assert best["path"].endswith("green.png")
    assert best["score"] == pytest.approx(1, abs=1e-3)
    finished = fake("search", "--item", str(best["id"]), "--json", "--data", data)
    assert json.loads(finished.stdout)["hits"][0]["id"] == best["id"]


def test_indexing_embeds_the_bank_and_a_search_is_corrected_by_it(
    photos: Path, tmp_path: Path
) -> None:
    bank, cache = tmp_path / "bank.txt", tmp_path / "cache"
    bank.write_text("".join(f"green {number}\n" for number in range(120)))
    with_bank = {"MMEMBED_BANK": str(bank), "MMEMBED_CACHE": str(cache)}
    data = ("--data", tmp_path / "data", "--model", "fake")
    assert fake("index", photos, *data, **with_bank).returncode == 0
    [kept] = (cache / "banks").iterdir()
    kept.write_bytes(b"damaged")
    words = ("search", "green green red", "--json", "--mode", "picture", *data)
    orders = []
    for environ in ({}, with_bank, with_bank):
        finished = fake(*words, **environ)
        assert finished.returncode == 0
        answer = json.loads(finished.stdout)
        assert answer["notes"] == []
        orders.append([hit["path"].rpartition("/")[2] for hit in answer["hits"]])
    assert orders[0][0] == "green.png"
    assert orders[1][0] == "red.png"
    assert orders[2] == orders[1]
    assert kept.stat().st_size > 100


def test_a_bank_that_cannot_be_used_is_named(data: Path, tmp_path: Path) -> None:
    bank = tmp_path / "bank.txt"
    bank.write_text("a dog\na cat\n")
    finished = fake("search", "red", "--data", data, MMEMBED_BANK=str(bank))
    assert finished.returncode == 2
    assert f"MMEMBED_BANK: {bank} holds 2 different texts" in finished.stderr


def test_negative_terms_lead_away(data: Path, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture("green"))

    def found(*arguments: str | Path) -> list[str]:
        finished = fake("search", *arguments, "--json", "--data", data)
        return [Path(hit["path"]).stem for hit in json.loads(finished.stdout)["hits"]]

    plain = found("a field")
    assert found("a field", "--without", "green")[-1] == "green"
    assert found("a field", "--without-like", tmp_path / "x.png")[-1] == "green"
    kept = found("a field", "--without", "green", "--strategy", "exclude")
    assert 0 < len(kept) < len(plain)
    assert "green" not in kept
    assert found("red", "--with", "blue", "--strategy", "best")[:2] in (
        ["red", "blue"], ["blue", "red"],
    )  # fmt: skip


@pytest.mark.parametrize("option", ["--with", "--without"])
def test_empty_words_are_named_by_their_option(data: Path, option: str) -> None:
    finished = fake("search", "red", option, " ", "--data", data)
    assert finished.returncode == 2
    assert finished.stderr == f"mmembed: {option}: the text is empty\n"


def test_words_are_never_operators(data: Path) -> None:
    finished = fake("search", "red -green without blue", "--data", data)
    assert finished.stdout
    assert "--without on the command line" in finished.stderr


def test_searching_in_vain_says_why(data: Path) -> None:
    finished = fake("search", "red", "--tag", "holiday", "--data", data)
    assert (finished.returncode, finished.stdout) == (0, "")
    assert finished.stderr == f"nothing found: {data} holds no images with the tag holiday\n"


def test_classify_prints_json(data: Path, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(odd)).write_bytes(picture("red"))
    finished = fake(
        "classify", odd, "--item", "1", "--item", "999", "--labels", "red,blue",
        "--template", "a {} thing", "--mode", "softmax", "--json", "--data", data,
    )  # fmt: skip
    assert finished.returncode == 1
    results = json.loads(finished.stdout)["results"]
    assert [result["index"] for result in results] == [0, 1, 2]
    assert sum(label["probability"] for label in results[0]["labels"]) == pytest.approx(1)
    assert results[2]["error"]["type"] == "NotFound"


def test_classifying_leaves_an_empty_folder_to_any_model(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture("red"))
    arguments = ("--data", tmp_path / "data", "--model", "fake")
    finished = fake("classify", tmp_path / "x.png", "--labels", "a,b", *arguments)
    assert finished.returncode == 0
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("arguments", [["search", "red"], ["duplicates"], ["embed", "red"]])
def test_a_lost_catalog_is_no_empty_folder(ask: Ask, folder: Path, arguments: list[str]) -> None:
    (folder / "thumbnails").mkdir(exist_ok=True)
    for file in folder.glob("catalog.sqlite3*"):
        file.unlink()
    before = sorted(folder.iterdir())
    code, out, err = ask(*arguments, "--data", str(folder), "--model", "fake")
    assert (code, out) == (1, "")
    assert "catalog.sqlite3: is missing" in err
    assert "mmembed restore" in err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    "arguments", [["search", "red"], ["search", "--item", "1"], ["eval", "index"]]
)
def test_reading_makes_no_folder(tmp_path: Path, arguments: list[str]) -> None:
    typo = tmp_path / "typo's"
    finished = fake(*arguments, "--data", typo, "--model", "fake")
    assert (finished.returncode, finished.stdout) == (2, "")
    [line] = finished.stderr.splitlines()
    assert line.startswith(f"mmembed: {typo}: holds no collection; fill it with ")
    assert shlex.split(line.partition("fill it with ")[2])[-3:] == [
        "~/Pictures",
        "--data",
        str(typo),
    ]
    assert not typo.exists()


def test_a_mistyped_path_makes_no_folder(tmp_path: Path) -> None:
    finished = fake("index", tmp_path / "typo", "--data", tmp_path / "data", "--model", "fake")
    assert finished.returncode == 2
    assert "no such file or folder" in finished.stderr
    assert not (tmp_path / "data").exists()


def test_embedding_makes_no_folder(tmp_path: Path) -> None:
    finished = fake("embed", "--text", "red", "--data", tmp_path / "data", "--model", "fake")
    assert finished.returncode == 0
    assert not (tmp_path / "data").exists()


# -- exit codes and errors -----------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the query is empty"),
        (["--image", "/no/such.jpg"], "/no/such.jpg: cannot be read"),
    ],
)
def test_a_search_for_nothing_is_one_line(data: Path, arguments: list[str], said: str) -> None:
    finished = fake("search", *arguments, "--data", data)
    assert (finished.returncode, finished.stdout) == (2, "")
    [line] = finished.stderr.splitlines()
    assert said in line


def test_another_model_than_the_folders(data: Path) -> None:
    finished = fake("search", "red", "--data", data, "--model", "other")
    assert finished.returncode == 2
    [line] = finished.stderr.splitlines()
    assert "cannot be compared" in line


@pytest.mark.parametrize(
    "arguments", [["--help"], ["search", "red", "--tag", "none"], ["embed", "--text", "a"]]
)
def test_a_reader_that_leaves_early(data: Path, arguments: list[str]) -> None:
    """As `| head` does."""
    read, write = os.pipe()
    os.close(read)
    try:
        finished = subprocess.run(
            [*FAKE, *arguments],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(MMEMBED_DATA=str(data)),
            timeout=PATIENCE_S,
        )
    finally:
        os.close(write)
    assert finished.returncode == 0
    assert "rror" not in finished.stderr
