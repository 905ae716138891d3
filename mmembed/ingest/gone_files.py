"""Finds the known images whose files are gone, at paths where that was noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmembed.ingest.piece_words import ended_sources
from mmembed.ingest.presence import is_gone, may_be_there
from mmembed.places import is_file
from mmembed.store.entries import Known, Reading, Words
from mmembed.store.pieces import Gone
from mmembed.store.protocol import Store

AT_ONCE = 1000
"""Paths in one query."""


def known_below(store: Store, paths: Sequence[str]) -> dict[str, Known]:
    """The indexed image files at these paths, and below those that have none, by path."""
    known: dict[str, Known] = {}
    for start in range(0, len(paths), AT_ONCE):
        some = paths[start : start + AT_ONCE]
        known |= store.known_among(some)
        for path in some:
            if path not in known:
                known |= store.known_among([image.path for image in store.images_below(path)])
    return known


def gone_below(store: Store, paths: Sequence[str]) -> dict[str, Known]:
    """The indexed image files at and below these paths that are gone, though their disk is
    there."""
    return {
        path: known
        for path, known in known_below(store, paths).items()
        if is_file(path) and not may_be_there(path, known.mark and known.mark[0])
    }


def as_gone(store: Store, images: Mapping[str, Known]) -> list[Gone]:
    """Missing images by path, for `Settling`."""
    nothing = Reading(Words(), lambda source: is_file(source) and is_gone(source))
    words = store.words_of([known.id for known in images.values()])
    return [
        Gone(known.id, path, tuple(ended_sources(nothing, words.get(known.id, Words()))))
        for path, known in images.items()
    ]
