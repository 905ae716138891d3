"""Commands of several processes need a database."""

from __future__ import annotations

from mmembed.config.settings import Settings
from mmembed.errors import InputError


def check_database(settings: Settings, what: str) -> None:
    """Raises InputError for a collection in a folder, before one is made."""
    if not settings.store:
        raise InputError(
            f"{what} needs a database, which several processes can fill; name it with "
            "--store postgresql://user@host:5432/database or MMEMBED_STORE (docs/postgres.md)"
        )
