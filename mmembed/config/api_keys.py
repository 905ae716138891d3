"""Keys of callers, as they stand in the settings."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmembed.errors import InputError

MIN_KEY_CHARS = 16
_VARIABLE = "MMEMBED_API_KEYS"
_KEY = re.compile(r"[!-~]+")
"""Characters that a header takes as they are: ASCII without spaces."""


def check_keys(keys: Sequence[str]) -> None:
    """Raises InputError, which shows no key, and no part of one."""
    if not all(map(_KEY.fullmatch, keys)):
        raise InputError(f"{_VARIABLE}: a key may hold ASCII without spaces alone")
    if short := [len(key) for key in keys if len(key) < MIN_KEY_CHARS]:
        raise InputError(
            f"{_VARIABLE}: a key of {min(short)} characters can be guessed, at least "
            f"{MIN_KEY_CHARS} are needed; `openssl rand -hex 32` makes one"
        )
