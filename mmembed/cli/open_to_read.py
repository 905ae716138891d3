"""Opens collections for commands that only read: they never make a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmembed.cli.upgrade import upgraded
from mmembed.config.commands import PICTURES, command
from mmembed.config.settings import Settings
from mmembed.errors import InputError

if TYPE_CHECKING:
    from mmembed.collection.collection import Collection


def check_exists(settings: Settings) -> None:
    """Raises InputError, with the remedy, if the data folder holds no collection; StoreError if it
    lost its catalog."""
    if not settings.is_made and (settings.data.is_dir() or not settings.data.exists()):
        _check_remains(settings)
        fill = command("index", PICTURES, folder=settings.data)
        raise InputError(f"{settings.data}: holds no collection; fill it with {fill}")


def _check_remains(settings: Settings) -> None:
    from mmembed.collection.collection import refuse_what_is_lost  # takes a while

    refuse_what_is_lost(settings.data)


@contextmanager
def model_alone(settings: Settings) -> Iterator[Collection]:
    """The collection of the data folder if there is one. Otherwise an empty collection for the
    duration of the block, whose model answers all the same."""
    from mmembed.collection.collection import Collection  # takes a while

    if settings.is_made:
        upgraded(settings)
        with Collection(settings) as collection:
            yield collection
        return
    _check_remains(settings)
    with (
        tempfile.TemporaryDirectory(prefix="mmembed-") as folder,
        Collection(replace(settings, data=Path(folder))) as collection,
    ):
        yield collection
