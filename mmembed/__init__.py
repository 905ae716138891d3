"""Search pictures by words, by example and by label.

    file | bytes → decode → encoder (through batcher) → catalog → index → search / zero_shot
                                                                        → server | cli → web

`Collection` is the entry point; the other names are its inputs and outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmembed.config.library_privacy import keep_libraries_silent

if TYPE_CHECKING:
    from mmembed.collection.collection import Classified, Collection, ImageInput
    from mmembed.config.settings import Settings
    from mmembed.errors import MmembedError
    from mmembed.filters.parse import parse_where
    from mmembed.filters.tree import Where
    from mmembed.models.encoder import Encoder
    from mmembed.models.open_clip import load_encoder
    from mmembed.types import Hit, Item, Label, SearchPage, Term

__all__ = [
    "Classified",
    "Collection",
    "Encoder",
    "Hit",
    "ImageInput",
    "Item",
    "Label",
    "MmembedError",
    "SearchPage",
    "Settings",
    "Term",
    "Where",
    "load_encoder",
    "parse_where",
]

_HOMES = {
    "collection.collection": ("Classified", "Collection", "ImageInput"),
    "config.settings": ("Settings",),
    "models.open_clip": ("load_encoder",),
    "errors": ("MmembedError",),
    "models.encoder": ("Encoder",),
    "filters.parse": ("parse_where",),
    "filters.tree": ("Where",),
    "types": ("Hit", "Item", "Label", "SearchPage", "Term"),
}

keep_libraries_silent()


def __getattr__(name: str) -> Any:
    """Public names are imported at first use, so that `mmembed --help` needs none of them."""
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"mmembed.{home}"), name)
    raise AttributeError(f"module 'mmembed' has no attribute {name!r}")
