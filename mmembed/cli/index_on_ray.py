"""`mmembed index --engine ray`: the workers are placed on a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mmembed.cli.needs_database import check_database
from mmembed.config.settings import Settings
from mmembed.errors import InputError

if TYPE_CHECKING:
    from mmembed.collection.shared_indexing import Helpers

NAME = "ray"


def helpers_of(settings: Settings, address: str | None) -> tuple[Settings, Helpers | None]:
    """The settings of the workers, and what places these; None where this process works itself.
    Raises InputError for a collection in a folder, and where Ray is missing."""
    if settings.engine != NAME:
        if address is not None:
            raise InputError(f"--address {address}: is for --engine ray")
        return settings, None
    check_database(settings, "--engine ray")
    # The engine of the model is another matter: each worker measures what is fastest there.
    chosen = Settings.from_env().engine
    settings = replace(settings, engine="auto" if chosen == NAME else chosen)
    try:
        from mmembed.cluster.ray_workers import RayWorkers  # most people do not have its library
    except ImportError as error:
        raise InputError(
            f"--engine ray needs the library ray ({error}); pip install 'mmembed[ray]'"
        ) from error
    return settings, RayWorkers(settings, address)
