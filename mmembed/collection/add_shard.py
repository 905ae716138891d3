"""Spreads a collection over one more database, while it is searched."""

from __future__ import annotations

from collections.abc import Callable

from mmembed.config.settings import Settings
from mmembed.config.store_address import address_of, addresses_of
from mmembed.errors import InputError
from mmembed.types import Progress


def add_shard(
    settings: Settings,
    address: str,
    *,
    progress: Progress,
    waiting: Callable[[str], None],
    wait_s: float,
) -> int:
    """Add a database to those of the settings, and move items to it; returns how many.

    waiting: called with the processes that do not know it yet. Raises InputError for a folder,
    StoreBusy after `wait_s` seconds of waiting for them, or beside an indexing. Raises StoreError
    for databases that do not belong together.
    """
    if not settings.store:
        raise InputError(
            f"{settings.data}: a folder is not spread; name the database of the collection with "
            "--store"
        )
    # Their library takes a while, and most people do not have it.
    from mmembed.store.shards.add_shard import await_others, join_shard
    from mmembed.store.shards.move_items import GRACE_S
    from mmembed.store.shards.sharded_store import ShardedStore

    known, new = addresses_of(settings.store), address_of(address)
    addresses = known if new in known[-1:] else (*known, new)
    join_shard(addresses)
    store = ShardedStore(
        addresses, settings.files, exact_limit=settings.exact_limit, recall=settings.recall
    )
    try:
        with store.exclusive("indexing"):
            model = store.model()
            if model is not None:
                store.claim(model)
            for field in store.fields():
                if field.indexed:
                    store.index_field(field.name.partition(".")[2])
            await_others(store, waiting, wait_s)
            moved = store.move_to_last(progress, GRACE_S)
        store.publish()
        return moved
    finally:
        store.close()
