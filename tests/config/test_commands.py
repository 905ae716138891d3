"""Commands are printed as they work, whichever way mmembed was started."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mmembed.config.commands import command, own_version
from tests.serving import environment

PROBE = (
    "import sys; from mmembed.config.commands import command; print(command('index', '~/Pictures'))"
)


def printed(started_as: Path | str, path: str, cwd: Path) -> str:
    """The command that a program prints which was started as `started_as`."""
    script = f"import sys; sys.argv[0] = {str(started_as)!r}; {PROBE}"
    finished = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=True, cwd=cwd, env=environment(PATH=path),
    )  # fmt: skip
    return finished.stdout.strip()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "an environment" / "bin" / "mmembed"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_program_that_the_shell_finds_has_its_name_alone(program: Path, tmp_path: Path) -> None:
    assert printed(program, f"{program.parent}", tmp_path) == "mmembed index ~/Pictures"


@pytest.mark.slow
def test_another_is_called_by_its_path(program: Path, tmp_path: Path) -> None:
    below = shlex.quote(str(program.relative_to(tmp_path)))
    assert printed(program, "/nowhere", tmp_path) == f"{below} index ~/Pictures"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    whole = shlex.quote(str(program))
    assert printed(program, "/nowhere", elsewhere) == f"{whole} index ~/Pictures"


def test_another_of_the_same_name_does_not_count(program: Path, tmp_path: Path) -> None:
    other = tmp_path / "bin"
    other.mkdir()
    (other / "mmembed").write_text("#!/bin/sh\n")
    (other / "mmembed").chmod(0o755)
    assert printed(program, str(other), other).startswith(shlex.quote(str(program)))


def test_a_module_is_called_with_its_python(tmp_path: Path) -> None:
    said = printed("/x/mmembed/__main__.py", os.environ["PATH"], tmp_path)
    assert said == f"{shlex.quote(sys.executable)} -m mmembed index ~/Pictures"


def test_words_and_folders_are_quoted() -> None:
    said = command("search", "a dog's", folder=Path("/my photos"))
    assert shlex.split(said)[-4:] == ["search", "a dog's", "--data", "/my photos"]


def test_the_default_folder_is_not_named() -> None:
    assert "--data" not in command("index", folder=Path("~/.local/share/mmembed").expanduser())


@pytest.mark.slow
def test_the_version_is_said() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "mmembed", "--version"], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == f"mmembed {own_version()}"
