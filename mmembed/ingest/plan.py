"""Compares a scan with the catalog: new, changed, missing and unchanged files."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.exclusions import Passing
from mmembed.ingest.ignored import Ignored
from mmembed.ingest.image_texts import Sayings
from mmembed.ingest.presence import LostFiles, is_gone
from mmembed.ingest.scan_result import Scan, ancestors
from mmembed.ingest.take_listed import take_listed
from mmembed.item_failures import failure_of, text_of
from mmembed.places import Place, is_file
from mmembed.sources.entries import FileStat, Text
from mmembed.sources.sources import Sources
from mmembed.store.entries import KeptOut, Known, Mark, Reading
from mmembed.types import Failure


@dataclass(frozen=True, slots=True)
class Source:
    """An image file on its way into the catalog, with its captions and tags."""

    path: str
    stat: FileStat
    reading: Reading
    texts: tuple[Text, ...] | None = None
    """Of a picture elsewhere than in a file of this machine, the texts that are to be read with
    it; None where `reading` has them."""

    @property
    def captions(self) -> tuple[str, ...]:
        """Its captions and tags in files."""
        return tuple(self.reading.words.captions)


@dataclass
class Plan:
    """The work of one indexing."""

    scan: Scan
    work: list[Source] = field(default_factory=list)
    """Files that are new, changed, or to be read again."""
    unchanged: list[Source] = field(default_factory=list)
    """Unchanged files; only their captions and tags may differ."""
    marks: list[tuple[int, Mark]] = field(default_factory=list)
    """New marks of unchanged files, by id of the image."""
    gone: dict[str, Known] = field(default_factory=dict)
    """Known files that the scan should have found and did not."""
    failures: list[Failure] = field(default_factory=list)
    kept_because_empty: bool = False
    """Whether nothing at all was found below a path with known images: an unmounted disk,
    perhaps."""
    kept_out: dict[str, str] = field(default_factory=dict)
    """Paths by content of files that were taken out for good and are no longer at these paths."""
    moved_out: dict[str, KeptOut] = field(default_factory=dict)
    """Such files that were found elsewhere, by their present path."""
    ignored: Ignored = field(default_factory=Ignored)
    """Contents that stay out under whatever name."""
    passed_unread: int = 0
    """Files that are as they were when their ignored content was read."""
    lost: LostFiles | None = None
    """Finds missing known files of any folder; None if `gone` has all that matter."""
    keeps_gone: bool = False
    """Whether images of missing files stay in the collection."""
    _gone_contents: dict[str, list[str]] | None = None

    def take_gone(self, sha256: str, *, is_known: bool) -> Known | None:
        """A missing known file of this content; it does not count as missing any more. is_known:
        whether any image has the content."""
        if self._gone_contents is None:
            self._gone_contents = {}
            for path, known in self.gone.items():
                self._gone_contents.setdefault(known.sha256, []).append(path)
        paths = self._gone_contents.get(sha256)
        if paths:
            return self.gone.pop(paths.pop())
        return self.lost.find(sha256) if self.lost is not None and is_known else None

    def over(self, failed: Container[str]) -> set[str]:
        """Those of these paths whose files are as they were indexed, so that no failure of them
        holds any more. A process may have died between the commits of a picture and of that."""
        return {
            source.path
            for source in self.unchanged
            if source.path in failed and source.stat.is_known
        }

    def leaving(self) -> list[int]:
        """The images of missing files that leave the collection. Files that are passed over on
        purpose, and are there, always do."""
        return [
            known.id for path, known in self.gone.items() if not (self.keeps_gone and is_gone(path))
        ]


@dataclass(frozen=True)
class Rules:
    """Compares files with the catalog."""

    limits: SaidLimits = field(default_factory=SaidLimits)
    rehash: bool = False
    """Whether to read all files again."""
    passing: Passing = field(default_factory=Passing)
    """The exclusions, also of pictures that manifests list."""
    sources: Sources | None = None
    """Reads addresses; without it there may be none."""
    ignored: Ignored = field(default_factory=Ignored)


def make_plan(
    scan: Scan,
    known: Mapping[str, Known],
    manifests: Sequence[Place],
    rules: Rules = Rules(),
) -> Plan:
    """Compare files with the catalog by size, modification time and mark.

    Raises ManifestError for a named manifest that cannot be read at all. A manifest that the scan
    found is a failure among others, and so is a bad row.
    """
    plan = Plan(scan, failures=list(scan.failures), ignored=rules.ignored)
    before = len(scan.failures)
    sayings = Sayings(scan, manifests, rules.limits, plan.failures, rules.sources)
    take_listed(sayings.listed, scan, rules.passing, rules.sources)
    plan.failures += scan.failures[before:]
    for path, stat in scan.files.items():
        try:
            reading = sayings.of(path)
        except Exception as error:  # a bad text file does not stop its picture
            plan.failures.append(failure_of(path, error))
            reading = sayings.nothing
        source = Source(path, stat, reading, scan.beside.get(path))
        same = known.get(path)
        if same is None and not rules.rehash and rules.ignored.has(path, stat):
            plan.passed_unread += 1
            continue
        if same is None or rules.rehash or is_changed(same, stat):
            plan.work.append(source)
            continue
        plan.unchanged.append(source)
        if stat.is_known and same.mark != stat.mark:
            plan.marks.append((same.id, stat.mark))
    gone, plan.kept_because_empty = scan.missing(known)
    plan.gone = {path: known[path] for path in gone}
    plan.failures += named_in_vain(scan, sayings)
    return plan


def named_in_vain(scan: Scan, sayings: Sayings) -> Iterator[Failure]:
    """The images that a manifest names and the scan should have found; a limited scan names
    none."""
    if scan.part is not None:
        return
    closed = set(scan.closed)
    for path, where in sayings.left():
        # An image that is skipped, or lies elsewhere, is merely not part of this indexing.
        if not closed.isdisjoint(ancestors(path)):
            continue
        if scan.covers(path) or (is_file(path) and not os.path.lexists(path)):
            name = text_of(path)
            reason = f"{name}: no such image, though {text_of(where)} names it"
            yield Failure(name, "ManifestError", reason)


def is_changed(known: Known, stat: FileStat) -> bool:
    """Whether a file may have another content than when it was indexed. An address that was not
    asked counts as unchanged.

    Programs can set the modification time, but not the time of the last change of a file's state.
    The inode is compared on the same device alone: network disks number files anew.
    """
    if not stat.is_known:
        return False
    if (known.bytes, known.mtime_ns) != (stat.bytes, stat.mtime_ns):
        return True
    if known.mark is None:
        return False
    device, inode, changed = known.mark
    return changed != stat.mark[2] or (device == stat.mark[0] and inode != stat.mark[1])
