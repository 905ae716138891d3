"""Commands that a person can copy as they are printed, and the version that answers them."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

NAME = "mmembed"
PICTURES = "~/Pictures"
"""Stands for a person's own pictures."""


@cache
def own_version() -> str:
    """mmembed's version; a checkout that was never installed has none."""
    # Imported here, since it is the slowest import of a start, and few commands need it.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(NAME)
    except PackageNotFoundError:
        return "0"


def command(*words: str, folder: Path | None = None, anywhere: bool = False) -> str:
    """A command of ours as a shell takes it, for the program that runs now.

    folder: adds --data, unless it is the default folder. anywhere: the command works in every
    current folder, not only in that of this process.
    """
    added = () if folder is None or _is_default(folder) else ("--data", str(folder))
    # The shell expands ~ only outside of quotes.
    quoted = [word if word.startswith("~/") else shlex.quote(word) for word in (*words, *added)]
    return " ".join([_program(anywhere), *quoted])


def _program(anywhere: bool) -> str:
    """`mmembed` if the shell finds this very program by that name; else its path."""
    started = Path(sys.argv[0] or NAME)
    if started.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m {NAME}"
    program = shutil.which(NAME)
    if started.name != NAME or (program and _same(Path(program), started)):
        return NAME
    whole = os.path.abspath(started)
    return shlex.quote(whole if anywhere else whole.removeprefix(os.path.join(os.getcwd(), "")))


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _is_default(folder: Path) -> bool:
    from mmembed.config.settings import Settings  # takes longer than the rest of `mmembed --help`

    return folder == Path(os.path.expanduser(str(Settings.data)))
