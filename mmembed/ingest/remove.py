"""Removes pictures from the collection by path, even if their folder is gone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mmembed.ingest.scan_result import ancestors
from mmembed.places import Place, absolute, is_file
from mmembed.store.entries import KeptOut, signed
from mmembed.store.protocol import Store

AT_ONCE = 1000
"""Images in one transaction."""


@dataclass(frozen=True)
class Removed:
    """The removed images, or the ones that would be removed."""

    images: int
    captions: int
    """Captions of those images."""
    uploads: int
    """Images that stay: their only file is in the data folder."""


def remove_below(store: Store, path: Place, *, keep_out: bool, dry_run: bool) -> Removed:
    """Take a file, or all below a folder, out of the collection; files are never touched.

    uploads: the folder whose images stay. keep_out: later indexings skip them.
    """
    wanted = absolute(path)
    images = store.images_below(wanted)
    going = [image for image in images if not store.blobs.is_upload(image.path, image.sha256)]
    ids = [image.item_id for image in going]
    captions = sum(map(len, store.captions_of(ids).values()))
    done = Removed(len(going), captions, len(images) - len(going))
    if dry_run:
        return done
    if keep_out:
        # Kept out first: an indexing between the two steps must not bring them back.
        sha256 = next((image.sha256 for image in going if image.path == wanted), None)
        store.keep_out({wanted: KeptOut(sha256)})
    for start in range(0, len(ids), AT_ONCE):
        store.remove(ids[start : start + AT_ONCE])
    store.forget_failures(lambda name: wanted in ancestors(name))
    return done


def moved_away(kept_out: Mapping[str, KeptOut]) -> dict[str, str]:
    """Paths by content of files that are kept out and no longer at any of these paths."""
    still = {kept.sha256 for path, kept in kept_out.items() if _may_be_there(path, kept.device)}
    return {
        one.sha256: path
        for path, one in kept_out.items()
        if one.sha256 is not None and one.sha256 not in still
    }


def _may_be_there(path: str, device: int | None) -> bool:
    """Whether a file is there, or its disk is not mounted: then the rest of its path is on another
    device."""
    if not is_file(path) or os.path.lexists(path):  # addresses are not asked
        return True
    folder = os.path.dirname(path)
    with suppress(OSError):
        if device is None or os.listdir(folder):
            return False  # its neighbours are there; devices are renumbered at times
    above = next((ancestor for ancestor in ancestors(folder) if os.path.isdir(ancestor)), os.sep)
    return device is not None and signed(os.stat(above).st_dev) != device


def those_below(kept_out: Iterable[str], paths: Sequence[Place]) -> list[str]:
    """The kept-out paths that lie below these folders, equal one of them, or contain one."""
    roots = [absolute(path) for path in paths]
    return [
        one
        for one in kept_out
        if any(root in ancestors(one) or one in ancestors(root) for root in roots)
    ]
