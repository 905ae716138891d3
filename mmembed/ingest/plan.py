"""A scan against the catalog: what is new or changed, what is gone, what stays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.image_texts import Sayings
from mmembed.ingest.scan import FileStat, Scan, ancestors
from mmembed.item_failures import failure_of, text_of
from mmembed.store.entries import KeptOut, Known, Mark, Reading
from mmembed.types import Failure


@dataclass(frozen=True, slots=True)
class Source:
    """An image file on its way into the catalog, with what is said of it."""

    path: str
    stat: FileStat
    reading: Reading

    @property
    def captions(self) -> tuple[str, ...]:
        """What files say of it."""
        return tuple(self.reading.words.captions)


@dataclass
class Plan:
    """What one indexing has to do."""

    scan: Scan
    work: list[Source] = field(default_factory=list)
    """Files that are new, or that changed, or that are to be read again."""
    unchanged: list[Source] = field(default_factory=list)
    """Files as they are known; only what is said of them may differ."""
    marks: list[tuple[int, Mark]] = field(default_factory=list)
    """What is new of files that are unchanged, by id of the image."""
    gone: dict[str, Known] = field(default_factory=dict)
    """Known files that the scan should have met and did not."""
    failures: list[Failure] = field(default_factory=list)
    kept_because_empty: bool = False
    """Nothing at all was found below some path where images are known: an unmounted disk,
    perhaps."""
    kept_out: dict[str, str] = field(default_factory=dict)
    """Paths by content of files that were taken out for good and are no longer where they were."""
    moved_out: dict[str, KeptOut] = field(default_factory=dict)
    """Those of them that were found elsewhere, by the path where they are now."""
    _gone_contents: dict[str, list[str]] | None = None

    def take_gone(self, sha256: str) -> Known | None:
        """A known file that is gone and had this content; it counts as gone no longer."""
        if self._gone_contents is None:
            self._gone_contents = {}
            for path, known in self.gone.items():
                self._gone_contents.setdefault(known.sha256, []).append(path)
        paths = self._gone_contents.get(sha256)
        return self.gone.pop(paths.pop()) if paths else None


@dataclass(frozen=True)
class Rules:
    """How files are compared with the catalog."""

    limits: SaidLimits = field(default_factory=SaidLimits)
    rehash: bool = False
    """Whether to read all files again."""


def make_plan(
    scan: Scan,
    known: Mapping[str, Known],
    manifests: Sequence[Path],
    rules: Rules = Rules(),
) -> Plan:
    """Compare files with the catalog by size, modification time and mark.

    Raises ManifestError for a manifest that was asked for and cannot be read at all; one that
    the scan came across is a failure among others, and so is a row that cannot be used.
    """
    plan = Plan(scan, failures=list(scan.failures))
    sayings = Sayings(scan, manifests, rules.limits, plan.failures)
    for path, stat in scan.files.items():
        try:
            reading = sayings.of(path)
        except Exception as error:  # whatever lies beside a picture, it is indexed
            plan.failures.append(failure_of(path, error))
            reading = sayings.nothing
        source = Source(path, stat, reading)
        same = known.get(path)
        if same is None or rules.rehash or is_changed(same, stat):
            plan.work.append(source)
            continue
        plan.unchanged.append(source)
        if same.mark != stat.mark:
            plan.marks.append((same.id, stat.mark))
    gone, plan.kept_because_empty = scan.missing(known)
    plan.gone = {path: known[path] for path in gone}
    closed = set(scan.closed)
    for path, where in sayings.left():
        # One that is passed over, or exists elsewhere, is merely not of this indexing.
        if not closed.isdisjoint(ancestors(path)):
            continue
        if scan.covers(path) or not os.path.lexists(path):
            name = text_of(path)
            reason = f"{name}: no such image, though {text_of(where)} names it"
            plan.failures.append(Failure(name, "ManifestError", reason))
    return plan


def is_changed(known: Known, stat: FileStat) -> bool:
    """Whether a file may have another content than when it was indexed.

    Programs can set the modification time, but not the time of the last change of a file's
    state. Its inode tells where the device is the same: network disks number files anew.
    """
    if (known.bytes, known.mtime_ns) != (stat.bytes, stat.mtime_ns):
        return True
    if known.mark is None:
        return False
    device, inode, changed = known.mark
    return changed != stat.mark[2] or (device == stat.mark[0] and inode != stat.mark[1])
