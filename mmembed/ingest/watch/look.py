"""A look at whole folders: their files with their states, to be compared with an earlier look."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mmembed.ingest.exclusions import Passing
from mmembed.ingest.scan import done, folders_of, scan_of
from mmembed.ingest.scan_result import ancestors
from mmembed.ingest.watch.states import state_of


@dataclass(frozen=True)
class Look:
    """The files that matter to an indexing, by the rules of a scan."""

    folders: frozenset[str] = frozenset()
    """Folders that the rules let in."""
    states: Mapping[str, int] = field(default_factory=dict)
    """A number for the state of each file, by path: pictures, texts, manifests and tars."""
    closed: frozenset[str] = frozenset()
    """Folders that could not be read: nothing is known about their files."""


def look(roots: Sequence[str], passing: Passing, part: Iterable[str] | None = None) -> Look:
    """Look at the files below some folders, or a part of them. Raises InputError for a root that is
    not there."""
    scanned = done(scan_of(roots, part), passing)
    states = {path: hash(stat) for path, stat in scanned.files.items()}
    for path in (*scanned.texts, *scanned.manifests, *scanned.tars):
        states[path] = hash(state_of(path))
    # Nothing in a folder whose name is no Unicode can be indexed.
    folders = frozenset(path for path in scanned.entered if _is_unicode(path))
    return Look(folders, states, frozenset(scanned.passed))


def _is_unicode(path: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in path)


def is_empty(root: str, passing: Passing) -> bool:
    """Whether there is no picture and no tar below a folder; ends with the first that is met."""
    scanned = scan_of([root])
    for _ in folders_of(scanned, passing):
        if scanned.files or scanned.tars:
            return False
    return not scanned.failures


def differences(before: Look, after: Look) -> Iterator[str]:
    """The paths of files that are new, changed, or gone."""
    for path, state in after.states.items():
        if before.states.get(path) != state:
            yield path
    for path in before.states.keys() - after.states.keys():
        if after.closed.isdisjoint(ancestors(os.path.dirname(path))):
            yield path
