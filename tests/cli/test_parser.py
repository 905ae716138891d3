"""Help, wrong use and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.processes import fake, real
from tests.serving import PATIENCE_S, complaints, environment

pytestmark = pytest.mark.slow

COMMANDS = ("index", "work", "remove", "search", "classify", "embed", "eval", "models", "serve")


# -- help ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str) -> None:
    finished = real(command, "--help")
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert "--data DIR" in finished.stdout
    assert "--model ID" in finished.stdout
    assert f"  mmembed {command} " in finished.stdout, "has no example"


def test_help_of_all() -> None:
    finished = real("--help")
    assert finished.returncode == 0
    for command in COMMANDS:
        assert command in finished.stdout
    assert 'mmembed search "a dog in the snow"' in finished.stdout


def test_help_loads_no_code_of_collections() -> None:
    script = """
import sys
from mmembed.cli import main
for command in sys.argv[1:]:
    try:
        main([command, "--help"])
    except SystemExit as end:
        assert end.code == 0
heavy = {"torch", "open_clip", "numpy", "PIL", "sqlite3", "fastapi", "uvicorn", "huggingface_hub",
         "tqdm", "mmembed.collection.collection"}
print("loaded:", sorted(heavy & set(sys.modules)))
"""
    finished = subprocess.run(
        [sys.executable, "-c", script, *COMMANDS],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE_S,
    )
    assert finished.stdout.splitlines()[-1] == "loaded: []", finished.stderr


# -- exit codes and errors -----------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["index", "/no/such/folder"], 2, "/no/such/folder: no such file or folder"),
        (["index", ".", "--plan-only"], 2, "--plan-only needs a database"),
        (["work"], 2, "`mmembed work` needs a database"),
        (["search", "red", "-k", "0"], 2, "-k 0: expected 1 to 1000"),
        (["classify", "--labels", "a,b"], 2, "no picture was named"),
        (["classify", "x.jpg", "--labels", "@/no/labels"], 2, "/no/labels: the labels cannot"),
        (["classify", "x.jpg", "--labels", " , "], 2, "labels: give at least one"),
        (["classify", "x.jpg", "--labels", "a", "--top", "0"], 2, "top 0"),
        (["embed"], 2, "nothing to embed"),
        (["serve", "--host", "no.such.host.invalid"], 2, "choose another --port or --host"),
        (["serve", "--port", "99999"], 2, "choose another --port or --host"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    finished = fake(
        *arguments, MMEMBED_DATA=str(tmp_path / "data"), MMEMBED_MODEL="local-dir:/none"
    )
    assert (finished.returncode, finished.stdout) == (code, "")
    [line] = finished.stderr.splitlines()
    assert line.startswith("mmembed: ")
    assert said in line


def test_the_name_alone_shows_the_help() -> None:
    finished = fake()
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert finished.stdout == fake("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["search", "dog", "cat"], "search 'dog cat'"),
        (["search", "dog", "cat", "-k", "5"], "search 'dog cat' -k 5"),
        (["search", "-cat"], "search -- -cat"),
        (["search", "-kitten", "-k", "5"], "search -k 5 -- -kitten"),
        (["search", "dog", "-cat"], "search 'dog -cat'"),
        (["embed", "--text", "-cat"], '--text="-…"'),
        (["classify", "a.jpg", "--labels", "-a,b"], '--labels="-…"'),
        (["classify", "-a.jpg", "--labels", "a,b"], "-- -a.jpg"),
    ],
)
def test_words_that_look_like_options_have_a_remedy(arguments: list[str], remedy: str) -> None:
    finished = fake(*arguments)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.splitlines()[-1].endswith(remedy)


def test_words_after_two_dashes_are_words(data: Path) -> None:
    finished = fake("search", "--data", data, "--json", "--", "-red")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["hits"]


@pytest.mark.parametrize("arguments", [["find"], ["search", "--what"], ["search", "-k", "x"]])
def test_usage_errors(arguments: list[str]) -> None:
    finished = fake(*arguments)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.startswith("usage: mmembed")


@pytest.mark.parametrize(
    ("variable", "value"), [("MMEMBED_PORT", "http"), ("MMEMBED_MAX_MEGAPIXELS", "many")]
)
def test_a_bad_variable_is_named(variable: str, value: str) -> None:
    finished = fake("search", "red", **{variable: value})
    assert finished.returncode == 2
    assert finished.stderr == f"mmembed: {variable}={value}: expected a number\n"


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finished = fake("search", "red", "--data", tmp_path / "file")
    assert finished.returncode == 1
    assert len(finished.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["index", "."], ["search", "a"], ["remove", "x"], ["eval", "index"], ["embed", "--text", "a"]],
)
def test_a_data_folder_that_cannot_be_looked_at_is_one_sentence(
    tmp_path: Path, arguments: list[str]
) -> None:
    folder = tmp_path / ("a" * 300)
    finished = fake(*arguments, "--data", folder)
    assert finished.returncode in (1, 2)
    assert finished.stdout == ""
    [line] = finished.stderr.splitlines()
    assert line.startswith("mmembed: ")
    assert "File name too long" in line
