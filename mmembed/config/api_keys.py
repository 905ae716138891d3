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
    if any(len(key) < MIN_KEY_CHARS for key in keys):
        raise InputError(
            f"{_VARIABLE}: a key of fewer than {MIN_KEY_CHARS} characters can be guessed; "
            "`openssl rand -hex 32` makes a better one"
        )
