"""Scans folders for image files, and counts everything that is skipped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from mmembed.errors import InputError
from mmembed.ingest.exclusions import Passing
from mmembed.ingest.scan_result import Scan
from mmembed.ingest.walk import Walk
from mmembed.media.decode import printable
from mmembed.places import Place, absolute, is_address
from mmembed.sources.sources import Sources


def check_paths(paths: Sequence[Place]) -> None:
    """Raises InputError for a path that does not exist; addresses are not asked."""
    for path in paths:
        if not is_address(path) and not os.path.exists(path):
            raise InputError(f"{printable(path)}: no such file or folder")


def scan(
    paths: Sequence[Place],
    passing: Passing = Passing(),  # noqa: B008
    heed: Callable[[int], None] = lambda count: None,
    sources: Sources | None = None,
) -> Scan:
    """`done` for all below some paths. Raises InputError for a path that does not exist, before
    anything is done."""
    return done(scan_of(paths), passing, heed, sources)


def done(
    begun: Scan,
    passing: Passing,
    heed: Callable[[int], None] = lambda count: None,
    sources: Sources | None = None,
) -> Scan:
    """Walk folders and take files; returns the scan.

    Hidden files and folders (leading dot), system folders and excluded ones are counted, not
    entered. Linked folders are counted, not followed. The paths themselves are always entered.
    `heed` is called now and then with the number of found pictures. sources: enters tars and
    object stores; without it, only files count. Raises as `folders_of` does.
    """
    for _ in folders_of(begun, passing, sources):
        heed(len(begun.files))
    return begun


def scan_of(
    paths: Sequence[Place], part: Iterable[str] | None = None, *, trusts_empty: bool = False
) -> Scan:
    """A scan of these paths that has not begun.

    part: the absolute paths below them to which it is limited. trusts_empty: an empty path lost its
    files, and so did one that does not exist. Raises InputError for such a one otherwise.
    """
    if not trusts_empty:
        check_paths(paths)
    roots = list(dict.fromkeys(map(absolute, paths)))
    limit = None if part is None else frozenset(part)
    return Scan(roots=roots, part=limit, trusts_empty=trusts_empty)


def folders_of(
    scanned: Scan, passing: Passing, sources: Sources | None = None, *, look: bool = True
) -> Iterator[None]:
    """Do a scan, and pause after each folder and tar. look: without it no picture is taken, and
    what lies in the folders is merely listed. Raises InputError for a root that is an address at
    which there is nothing, or that cannot be read here."""
    walk = Walk(scanned, passing, sources, look)
    if scanned.part is not None:
        yield from walk.take_part(scanned.part)
        return
    for root in scanned.roots:
        yield from walk.take_root(root)
