"""A scan against the catalog: what is new or changed, what is gone, what stays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmembed.catalog import Known
from mmembed.errors import ManifestError
from mmembed.ingest.manifests import Words, read_manifest, read_sidecar
from mmembed.ingest.scan import FileStat, Scan
from mmembed.types import Failure


@dataclass(frozen=True, slots=True)
class Source:
    """An image file on its way into the catalog, with what is said of it."""

    path: str
    stat: FileStat
    captions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass
class Plan:
    """What one indexing has to do."""

    scan: Scan
    work: list[Source] = field(default_factory=list)
    """Files that are new, or whose size or time changed."""
    unchanged: list[Source] = field(default_factory=list)
    """Files as they are known; only what is said of them may differ."""
    gone: dict[str, Known] = field(default_factory=dict)
    """Known files that the scan should have met and did not."""
    failures: list[Failure] = field(default_factory=list)
    kept_because_empty: bool = False
    """Nothing at all was found below some path where images are known: an unmounted disk,
    perhaps."""
    _gone_contents: dict[str, list[str]] | None = None

    def take_gone(self, sha256: str) -> Known | None:
        """A known file that is gone and had this content; it counts as gone no longer."""
        if self._gone_contents is None:
            self._gone_contents = {}
            for path, known in self.gone.items():
                self._gone_contents.setdefault(known.sha256, []).append(path)
        paths = self._gone_contents.get(sha256)
        return self.gone.pop(paths.pop()) if paths else None


def make_plan(scan: Scan, known: Mapping[str, Known], manifests: Sequence[Path]) -> Plan:
    """Compare files with the catalog by size and modification time.

    Raises ManifestError for a manifest that was asked for; one that the scan came across
    and that cannot be read is a failure among others.
    """
    plan = Plan(scan, failures=list(scan.failures))
    words = _all_words(scan, manifests, plan)
    for path, stat in scan.files.items():
        source = _source(path, stat, words.pop(path, None), plan)
        same = known.get(path)
        if same and (same.bytes, same.mtime_ns) == (stat.bytes, stat.mtime_ns):
            plan.unchanged.append(source)
        else:
            plan.work.append(source)
    gone, plan.kept_because_empty = scan.missing(known)
    plan.gone = {path: known[path] for path in gone}
    for path, left in words.items():
        # One that exists outside the scanned folders is merely not of this indexing.
        if scan.covers(path) or not os.path.lexists(path):
            name = text_of(path)
            reason = f"{name}: no such image, though {text_of(left.where)} names it"
            plan.failures.append(Failure(name, "ManifestError", reason))
    return plan


def text_of(path: str) -> str:
    """A path that a manifest may have misspelt, as text that can be printed."""
    return path.encode("utf-8", "backslashreplace").decode()


def _all_words(scan: Scan, manifests: Sequence[Path], plan: Plan) -> dict[str, Words]:
    merged: dict[str, Words] = {}
    asked = {path.absolute() for path in manifests}
    for path in [*manifests, *(p for p in scan.manifests if p not in asked)]:
        try:
            found = read_manifest(path)
        except ManifestError as error:
            if path in manifests:
                raise
            name = text_of(str(path))
            plan.failures.append(Failure(name, "ManifestError", text_of(str(error))))
            continue
        for image, words in found.items():
            into = merged.setdefault(image, words)
            into.captions.update(words.captions)
            into.tags.update(words.tags)
    return merged


def _source(path: str, stat: FileStat, words: Words | None, plan: Plan) -> Source:
    try:
        sidecar = read_sidecar(path)
    except ManifestError as error:
        plan.failures.append(Failure(path, "ManifestError", str(error)))
        sidecar = ()
    captions = dict.fromkeys(sidecar) | (words.captions if words else {})
    return Source(path, stat, tuple(captions), tuple(words.tags) if words else ())
