"""What a server leaves in its folder, and commands that read it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmembed.cli import service
from mmembed.config.settings import Settings
from tests.serving import PATIENCE_S, environment

Ask = Callable[..., tuple[int, str, str]]
SECRET = "the-secret-of-a-server"


def settings_of(folder: Path, **more: Any) -> Settings:
    return Settings.from_env({}, data=folder, **more)


def run(*command: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=environment(**variables),
        timeout=PATIENCE_S,
    )


def leave(folder: Path, **changed: Any) -> None:
    """A file as a server leaves it, with some facts changed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        written = service.announce(settings_of(folder), listener, "abc", SECRET)
    assert written == folder / service.FILE
    facts = json.loads(written.read_text())
    written.write_text(json.dumps({**facts, **changed}))
