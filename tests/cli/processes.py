"""Commands in processes of their own: the real one with a tiny model where the model
matters, else over the fake encoder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.forked_commands import finished
from tests.serving import PATIENCE_S, environment

REAL = [sys.executable, "-m", "mmembed"]
HEEDFUL = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])",
]
"""Runs a command that heeds Ctrl-C, also where these tests were begun in the background: a shell
has SIGINT ignored there, and whatever is run from it inherits that."""
PROGRESS = re.compile(r"^mmembed: .* \((\d+ (s|min|h) ?)+\)\n", re.MULTILINE)
COLOURS = ["red", "green", "blue"]
HOSTILE = "esc\x1b[31m\nline\u202e.png"
Finished = subprocess.CompletedProcess[str]


def real(*arguments: str | bytes | Path, **variables: str) -> Finished:
    """A command in a process of its own, which imports what it needs."""
    return checked(
        subprocess.run(
            [*REAL, *arguments],
            capture_output=True,
            text=True,
            env=environment(**variables),
            timeout=5 * PATIENCE_S,
        )
    )


def fake(*arguments: str | bytes | Path, **variables: str) -> Finished:
    """A command over the fake encoder, in a fork of a process that has all imported."""
    return checked(finished(*arguments, **variables))


def checked(ended: Finished) -> Finished:
    """Whatever a command does, no traceback. Lines of progress, which a slow machine has more of,
    are left out."""
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    ended.stderr = PROGRESS.sub("", ended.stderr)
    return ended
