"""Opens the store that the settings name."""

from __future__ import annotations

from mmembed.config.blob_place import is_address
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.store.folder_store import FolderStore
from mmembed.store.protocol import Store


def open_store(settings: Settings) -> Store:
    """The store in the database that the settings name, or in the data folder, which is made if
    there is none. Raises StoreError if it cannot be used, InputError where a library is missing."""
    if settings.store:
        try:
            from mmembed.store.postgres.postgres_store import (
                PostgresStore,  # most people do not have its library
            )
        except ImportError as error:
            raise InputError(
                f"{settings.place}: the library psycopg is needed ({error}); install it with "
                "pip install 'mmembed[postgres]'"
            ) from error
        objects = settings.blobs if is_address(settings.blobs) else ""
        if objects:
            from mmembed.store.object_store import check_library  # takes time to load

            check_library(objects)
        return PostgresStore(
            settings.store,
            settings.files,
            exact_limit=settings.exact_limit,
            recall=settings.recall,
            objects=objects,
        )
    return FolderStore(settings.data, exact_limit=settings.exact_limit, recall=settings.recall)
