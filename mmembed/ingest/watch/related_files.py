"""The pictures that a text or manifest speaks of."""

from __future__ import annotations

import os
from collections.abc import Iterable

from mmembed.ingest.take_files import MANIFESTS, SIDECAR, SUFFIXES
from mmembed.sources.sources import is_tar


def matters(path: str) -> bool:
    """Whether a file of this name can matter to an indexing."""
    name = os.path.basename(path)
    ending = os.path.splitext(name)[1]
    return not name.startswith(".") and (
        ending.lower() in SUFFIXES or ending == SIDECAR or name in MANIFESTS or is_tar(name)
    )


def is_text(path: str) -> bool:
    """Whether a file says captions of pictures."""
    return path.endswith(SIDECAR) or os.path.basename(path) in MANIFESTS


def with_related(paths: Iterable[str]) -> set[str]:
    """The files, with the pictures beside texts, and the whole folders of manifests."""
    found: set[str] = set()
    stems: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        found.add(path)
        if name in MANIFESTS:
            found.add(folder)
        elif name.endswith(SIDECAR):
            stems.setdefault(folder, set()).add(os.path.splitext(name)[0])
    for folder, texts in stems.items():
        found |= {os.path.join(folder, name) for name in _pictures(folder, texts)}
    return found


def _pictures(folder: str, stems: set[str]) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    parts = ((name, *os.path.splitext(name)) for name in names)
    return [name for name, stem, ending in parts if stem in stems and ending.lower() in SUFFIXES]
