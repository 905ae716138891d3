"""A user without a home folder, as in a container with a user id of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmembed.config.settings import Settings
from tests.serving import PATIENCE_S, complaints, environment, write_pictures

pytestmark = pytest.mark.slow

NOBODY = """
import pwd, sys
def unknown(name): raise KeyError(name)
pwd.getpwuid = pwd.getpwnam = unknown
"""
PROGRAM = f"{NOBODY}import runpy; runpy.run_module('tests.fake_mmembed', run_name='__main__')"
REAL = f"{NOBODY}from mmembed.cli import program; program()"


def run(program: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    variables = environment()
    for name in ("HOME", "MMEMBED_CACHE", "LOGNAME", "USER", "LNAME", "USERNAME"):
        variables.pop(name, None)
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE_S,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A current folder that stays empty."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_a_data_folder_is_enough(tmp_path: Path, here: Path) -> None:
    photos = write_pictures(tmp_path / "photos", ["red", "blue"])
    data = ("--data", tmp_path / "data", "--model", "fake")
    indexed = run(PROGRAM, here, "index", photos, *data)
    assert (indexed.returncode, complaints(indexed.stderr)) == (0, "")
    found = run(PROGRAM, here, "search", "red", *data)
    assert (found.returncode, complaints(found.stderr)) == (0, "")
    assert "red.png" in found.stdout
    assert os.listdir(here) == []


def test_the_real_model_is_kept_in_the_data_folder(tmp_path: Path, here: Path) -> None:
    arguments = ("--model", "bundled", "--engine", "openvino-float32", "--data", tmp_path / "data")
    done = run(REAL, here, "embed", "--text", "a cat", *arguments)
    assert (done.returncode, complaints(done.stderr)) == (0, "")
    assert list((tmp_path / "data" / "cache" / "models").iterdir())
    assert os.listdir(here) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "red"), "MMEMBED_DATA: ~/.local/share/mmembed leads nowhere"),
        (("search", "red", "--data", "~/x"), "MMEMBED_DATA: ~/x leads nowhere"),
        (("search", "red", "--data", "~nobody-here/x"), "~nobody-here/x leads nowhere"),
        (("index", "~/x", "--data", "DATA", "--model", "fake"), "PATH: ~/x leads nowhere"),
    ],
)
def test_else_it_is_said_in_one_line(
    tmp_path: Path, here: Path, arguments: tuple[str, ...], said: str
) -> None:
    known = {"DATA": str(tmp_path / "data")}
    done = run(PROGRAM, here, *(known.get(one, one) for one in arguments))
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert os.listdir(here) == []


def test_settings_know_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert Settings().data == Path("/somewhere/.local/share/mmembed")
    assert Settings(cache=Path("~/c")).cache == Path("/somewhere/c")
