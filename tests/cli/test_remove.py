"""`mmembed remove` by filters, and contents that stay out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.processes import Finished, fake
from tests.serving import write_pictures


@pytest.mark.slow
def test_contents_are_ignored_listed_and_let_in(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", ["red", "blue", "green"])
    red, copy = photos / "red.png", photos / "copy.png"
    shutil.copy(red, copy)

    def run(*arguments: str | Path) -> Finished:
        return fake(*arguments, "--model", "fake", "--data", tmp_path / "data")

    assert run("index", photos).returncode == 0
    done = run("remove", red, "--ignore")
    said = "2 pictures and 0 captions (1 of them copies elsewhere) removed, and ignored"
    assert (done.returncode, done.stdout) == (0, f"{red}: {said}\n")
    assert "passed over: 2 taken out for good" in run("index", photos).stdout
    listed = run("remove", "--list-ignored").stdout.splitlines()
    assert (listed[1].split()[-1], listed[-1]) == (str(copy), "1 ignored content")
    dry = run("remove", "--where", "path:blue", "--dry-run")
    assert dry.stdout == "path:blue: 1 picture and 0 captions would be removed\n"
    assert run("remove", "--where", "path:blue", photos).returncode == 0
    let_in = run("remove", "--stop-ignoring", red, photos / "green.png")
    assert let_in.returncode == 1
    assert let_in.stdout == f"{red}: 1 content may come in again\n"
    assert let_in.stderr == f"{photos / 'green.png'}: is not ignored\n"
    assert "2 embedded" in run("index", photos).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "nothing to remove was named"),
        (("--list-ignored", "--where", "tag:a"), "each stand alone"),
        (("--where", "tag is"), "tag is"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = fake("remove", *options, "--data", tmp_path / "data")
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.slow
def test_a_folder_that_is_gone_is_taken_out_by_an_indexing(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", ["red", "blue"])
    common = ("--model", "fake", "--data", tmp_path / "data")
    fake("index", photos, *common)
    shutil.rmtree(photos)
    assert fake("index", photos, *common).returncode == 2
    done = fake("index", photos, "--remove-missing", *common)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 gone or passed over, and removed" in done.stdout
    assert fake("index", photos, "--remove-missing", *common).returncode == 2
