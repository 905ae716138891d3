"""Shows how far a catalog of an earlier version is brought to today's layout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmembed.config.settings import Settings


def upgraded(settings: Settings) -> None:
    """Bring the catalog of the data folder to today's layout, if it has an earlier one. A database
    is brought to its layout when it is opened. Raises StoreError, StoreBusy, StoreFull."""
    if settings.store:
        return
    from mmembed.collection.upgrade import kept_copy, upgrade  # takes a while

    copy = kept_copy(settings.data)
    if copy is None:
        return
    from mmembed.cli.bar import Bar

    with Bar("rows") as bar:
        upgrade(settings.data, lambda done, total: bar.update(done, total, 0))
    print(
        f"{settings.data}: the catalog was brought to the layout of this version; as it was, it "
        f"is in {copy.name}, which you may delete",
        file=sys.stderr,
    )
