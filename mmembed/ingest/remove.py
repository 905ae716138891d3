"""Pictures leave the collection by their path, also where their folder is gone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmembed.ingest.scan import ancestors
from mmembed.store.protocol import Store

AT_ONCE = 1000
"""Images in one transaction."""


@dataclass(frozen=True)
class Removed:
    """What left the collection, or would."""

    images: int
    captions: int
    """Of those images."""
    uploads: int
    """Images that stay: their only file is in the data folder."""


def remove_below(store: Store, path: Path, *, keep_out: bool, dry_run: bool) -> Removed:
    """Take a file, or all below a folder, out of the collection; files are never touched,
    and uploads stay.

    keep_out: later indexings pass over them.
    """
    wanted = os.path.abspath(path)
    found = store.images_below(wanted)
    going = {one: where for one, where in found.items() if not store.blobs.is_upload(where)}
    captions = sum(map(len, store.captions_of(list(going)).values()))
    done = Removed(len(going), captions, len(found) - len(going))
    if dry_run:
        return done
    if keep_out:
        # First: an indexing that comes between the two must not bring them back.
        sha256 = next((store.item(one).sha256 for one in going if going[one] == wanted), None)
        store.keep_out({wanted: sha256})
    ids = list(going)
    for start in range(0, len(ids), AT_ONCE):
        store.remove(ids[start : start + AT_ONCE])
    store.forget_failures(lambda name: wanted in ancestors(name))
    return done


def moved_away(kept_out: Mapping[str, str | None]) -> dict[str, str]:
    """Paths by content of files that are kept out and no longer where they were."""
    return {
        sha256: path
        for path, sha256 in kept_out.items()
        if sha256 is not None and not os.path.lexists(path)
    }


def those_below(kept_out: Iterable[str], paths: Sequence[Path]) -> list[str]:
    """What of the paths kept out lies below these folders, is one of them, or holds one."""
    roots = [os.path.abspath(path) for path in paths]
    return [
        one
        for one in kept_out
        if any(root in ancestors(one) or one in ancestors(root) for root in roots)
    ]
