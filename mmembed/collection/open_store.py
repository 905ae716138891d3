"""Opens the store that the settings name."""

from __future__ import annotations

import os

from mmembed.config.settings import Settings
from mmembed.config.store_address import addresses_of
from mmembed.errors import InputError
from mmembed.places import is_address
from mmembed.store.folder_store import FolderStore
from mmembed.store.protocol import Store

AT_ONCE_IN_DATABASE = 16
"""Searches that wait for a database side by side; as many as it gives connections to a process."""


def searches_at_once(settings: Settings) -> int:
    """How many searches of one process are worth running side by side. In a data folder they
    compute in this process: as many as there are cores."""
    return AT_ONCE_IN_DATABASE if settings.store else max(2, os.cpu_count() or 1)


def open_store(settings: Settings) -> Store:
    """The store in the database that the settings name, or in the data folder, which is made if
    there is none. Raises StoreError if it cannot be used, InputError where a library is missing."""
    if settings.store:
        addresses = addresses_of(settings.store)
        try:  # most people do not have the library
            from mmembed.store.postgres.postgres_store import PostgresStore
            from mmembed.store.shards.sharded_store import ShardedStore
        except ImportError as error:
            raise InputError(
                f"{settings.place}: the library psycopg is needed ({error}); install it with "
                "pip install 'mmembed[postgres]'"
            ) from error
        objects = settings.blobs if is_address(settings.blobs) else ""
        if objects:
            from mmembed.store.object_store import check_library  # takes time to load

            check_library(objects)
        limit, recall = settings.exact_limit, settings.recall
        if len(addresses) > 1:
            return ShardedStore(
                addresses, settings.files, exact_limit=limit, recall=recall, objects=objects
            )
        return PostgresStore(
            settings.store, settings.files, exact_limit=limit, recall=recall, objects=objects
        )
    return FolderStore(settings.data, exact_limit=settings.exact_limit, recall=settings.recall)
