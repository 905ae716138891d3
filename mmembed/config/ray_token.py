"""The secret that a Ray cluster and its callers share, in the environment of Ray's processes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TOKEN = "RAY_AUTH_TOKEN"
"""Without a token, ray.init makes one and writes it into `~/.ray/auth_token`."""
_FILE = "RAY_AUTH_TOKEN_PATH"


@contextmanager
def token_set() -> Iterator[None]:
    """Within this block, Ray has a token: that of the user, or a new one that is in no file."""
    if _TOKEN in os.environ or _FILE in os.environ or _file_in_home().is_file():
        yield
        return
    os.environ[_TOKEN] = secrets.token_hex(32)
    try:
        yield
    finally:
        os.environ.pop(_TOKEN, None)


def with_home(folder: str) -> dict[str, str]:
    """The variables of a process that has this folder as its home, and still the user's token."""
    token = _file_in_home()
    is_read = _FILE not in os.environ and token.is_file()
    return {"HOME": folder, **({_FILE: str(token)} if is_read else {})}


def _file_in_home() -> Path:
    return Path(os.path.expanduser("~"), ".ray", "auth_token")
