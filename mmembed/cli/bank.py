"""Has the bank of texts ready before a command goes on, with progress where it must be embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmembed.cli.bar import Bar

if TYPE_CHECKING:
    from mmembed.collection.collection import Collection


def embed_bank(collection: Collection) -> None:
    """See Collection.make_bank. Raises ModelError."""
    with Bar("texts of the bank, once for this model") as bar:
        collection.make_bank(bar.update)
