"""Commands in processes of their own: the real one with a tiny model where the model
matters, else over the fake encoder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.serving import PATIENCE_S, environment

REAL = [sys.executable, "-m", "mmembed"]
FAKE = [sys.executable, "-m", "tests.fake_mmembed"]
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


def run(command: list[str], *arguments: str | bytes | Path, **variables: str) -> Finished:
    """Run a command; whatever it does, no traceback. Lines of progress, which a slow machine has
    more of, are left out."""
    finished = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        env=environment(**variables),
        timeout=2 * PATIENCE_S,
    )
    assert "Traceback" not in finished.stderr
    assert "Exception ignored" not in finished.stderr
    finished.stderr = PROGRESS.sub("", finished.stderr)
    return finished


def real(*arguments: str | bytes | Path, **variables: str) -> Finished:
    return run(REAL, *arguments, **variables)


def fake(*arguments: str | bytes | Path, **variables: str) -> Finished:
    return run(FAKE, *arguments, **variables)
