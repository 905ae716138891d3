"""Takes the pictures that a manifest lists which is indexed itself."""

from __future__ import annotations

import os
from collections.abc import Iterable

from mmembed.errors import InputError, ManifestError
from mmembed.ingest.exclusions import Passing
from mmembed.ingest.scan_result import Scan, ancestors
from mmembed.ingest.take_files import refuse, take
from mmembed.places import is_address, tar_of
from mmembed.sources.entries import Entry
from mmembed.sources.sources import Sources


def take_listed(
    paths: Iterable[str], scanned: Scan, passing: Passing, sources: Sources | None
) -> None:
    """Take pictures that are named by path or address; no address is asked. Raises ManifestError
    if addresses of that kind cannot be read here: all of them would fail alike."""
    checked: set[str] = set()
    for path in paths:
        if path in scanned.files:
            continue
        if not passing.kept_out.isdisjoint(ancestors(path)):
            scanned.kept_out += 1
            scanned.closed.append(path)
        elif passing.excludes(path, os.path.dirname(path), folder=False):
            scanned.excluded += 1
            scanned.closed.append(path)
        elif not is_address(path):
            _take_file(path, scanned)
        else:
            start = "/".join(path.split("/", 3)[:3])
            if start not in checked:
                _check(path, sources)
                checked.add(start)
            take(Entry(path), scanned)
    if scanned.lists and scanned.files:
        scanned.taken.update(scanned.lists)


def _take_file(path: str, scanned: Scan) -> None:
    tar = tar_of(path)
    if tar is not None:
        refuse(path, f"name the tar itself to index its pictures: {tar}", scanned)
    elif os.path.lexists(path):  # else the manifest names it in vain, as any other does
        take(path, scanned)


def _check(address: str, sources: Sources | None) -> None:
    try:
        if sources is None:
            raise InputError(f"{address}: addresses cannot be read here")
        sources.check(address)
    except InputError as error:
        raise ManifestError(f"a manifest lists an address that cannot be read: {error}") from error
