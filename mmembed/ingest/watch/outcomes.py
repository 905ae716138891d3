"""The changes of a collection, as notes for people: one for each picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mmembed.store.entries import Known
from mmembed.types import Failure

What: TypeAlias = Literal[
    "added", "changed", "moved", "captions", "gone", "removed", "failed",
    "away", "back", "watching", "polling", "looking", "waiting",
]  # fmt: skip


@dataclass(frozen=True)
class Note:
    """One event of watching."""

    what: What
    path: str
    """Of the picture or folder."""
    said: str = ""
    """More about it: the former path, the reason, or a remedy."""


@dataclass(frozen=True)
class Outcome:
    """The result of one indexing of changed files."""

    notes: Sequence[Note] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    """The reasons by path."""
    interrupted: bool = False


def notes_of(
    before: Mapping[str, Known], after: Mapping[str, Known], newest: int
) -> Iterator[Note]:
    """The changes from the known files before an indexing to those after it. before: with the
    missing files that may have moved. newest: the largest id of an item before."""
    homes = {known.id: path for path, known in before.items()}
    for path, known in after.items():
        was = before.get(path)
        if was is not None and was.sha256 == known.sha256:
            continue
        home = homes.get(known.id)
        if home is not None and home != path:
            yield Note("moved", path, f"from {home}")
        elif was is not None:
            yield Note("changed", path)
        else:
            yield Note("added" if known.id > newest else "moved", path)


def notes_of_failures(failures: Sequence[Failure]) -> Iterator[Note]:
    """A note for each failure."""
    return (Note("failed", failure.name, failure.message) for failure in failures)
