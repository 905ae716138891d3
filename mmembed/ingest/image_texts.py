"""The captions and tags of each image in all text files and manifests of an indexing, with their
sources."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from mmembed.errors import ManifestError
from mmembed.ingest import manifests as reading
from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.scan_result import Scan
from mmembed.ingest.sidecars import check_link, read_sidecar, sidecar_of
from mmembed.ingest.take_files import MANIFESTS
from mmembed.item_failures import failure_of, text_of, told
from mmembed.places import Place, absolute, is_address, is_file
from mmembed.sources.sources import Sources
from mmembed.store.entries import Reading, Said, Words
from mmembed.types import Failure

_Said: TypeAlias = dict[str, frozenset[str]]
"""Texts, each with the sources that say it."""


class Sayings:
    """Reads every manifest at once, and a text file when its image is requested."""

    def __init__(
        self,
        scan: Scan,
        manifests: Sequence[Place],
        limits: SaidLimits,
        failures: list[Failure],
        sources: Sources | None = None,
    ) -> None:
        """sources: opens manifests in object stores. Raises ManifestError if one of `manifests`, or
        of the roots that are manifests, cannot be read at all; other errors are noted in
        `failures`."""
        self._scan = scan
        self._limits = limits
        self._failures = failures
        self._sources = sources
        self.listed: dict[str, None] = {}
        """The images that the roots name which are manifests."""
        self._read: set[str] = set()
        """The manifests that were read whole."""
        self._met: set[str] = set()
        self._gone: dict[str, bool] = {}
        self._words: dict[str, tuple[_Said, _Said, dict[str, str]]] = {}
        """Captions, tags and fields of images that were not requested yet."""
        self._where: dict[str, str] = {}
        given: dict[str, Place] = {absolute(path): path for path in (*manifests, *scan.lists)}
        for path in given.values():
            self._take(path)
        for path in (path for path in scan.manifests if path not in given):
            try:
                check_link(path, scan.roots)
                self._take(path)
            except Exception as error:
                self._note(path, error)
        self.nothing = Reading(Words(), self._current)
        """The texts of an image without captions and tags."""

    def of(self, image: str) -> Reading:
        """The captions and tags of an image. Raises the errors of reading its text file."""
        words = self._words.pop(image, None)
        current: Callable[[str], bool] = self._current
        beside = sidecar_of(image) if self._scan.texts else ""
        if beside in self._scan.texts:
            lines, sound = self._beside(image, beside)
            captions: _Said = dict.fromkeys(lines, frozenset({beside}))
            if words is not None:
                add_said(captions, words[0])
            words = (captions, *words[1:]) if words else (captions, {}, {})
            if sound:
                current = partial(self._current_or, beside)
        elif words is None:
            return self.nothing
        return Reading(Words(*words), current)

    def of_new(self, image: str) -> tuple[Words, bool]:
        """The captions and tags of a new image in manifests, and whether a text file lies beside
        it, which is not read."""
        words = self._words.pop(image, ({}, {}, {}))
        return Words(*words), bool(self._scan.texts) and sidecar_of(image) in self._scan.texts

    def left(self) -> Iterator[tuple[str, str]]:
        """Images that were not requested, with the lines that named them."""
        return ((path, self._where[path]) for path in self._words)

    def _beside(self, image: str, path: str) -> tuple[list[str], bool]:
        try:
            lines, faults = read_sidecar(path, self._scan.roots, self._limits)
        except ManifestError as error:
            self._note(image, error)
            return [], False
        for fault in faults:
            self._note(image, fault)
        return lines, not faults

    def _take(self, path: Place) -> None:
        # Without `..`, so that a source is recognised from any current folder.
        source = text_of(absolute(path))
        only = frozenset({source})
        self._met.add(source)
        faults: list[ManifestError] = []
        opened = self._sources.manifest if self._sources and is_address(path) else None
        words_of_images = reading.read_manifest(
            path, limits=self._limits, faults=faults, opened=opened
        )
        if source in self._scan.lists:
            self.listed |= dict.fromkeys(words_of_images)
        for image, words in words_of_images.items():
            captions, tags, fields = self._words.setdefault(image, ({}, {}, {}))
            self._where.setdefault(image, words.where)
            add_said(captions, dict.fromkeys(words.captions, only))
            add_said(tags, dict.fromkeys(words.tags, only))
            if words.fields:
                fields[source] = words.fields
        for fault in faults:
            self._note(str(path), fault)
        if not faults:
            self._read.add(source)

    def _note(self, name: str, error: Exception) -> None:
        self._failures.append(said_failure(name, error))

    def _current_or(self, beside: str, source: str) -> bool:
        return source == beside or self._current(source)

    def _current(self, source: str) -> bool:
        """Whether texts that a source no longer has are removed. A source that was not read this
        time, or not whole, may still have them."""
        if source in self._met:
            return source in self._read
        if source not in self._gone:
            self._gone[source] = self._scan.covers(source) and self._is_gone(source)
        return self._gone[source]

    def _is_gone(self, source: str) -> bool:
        """Whether a source is no longer there, of a folder that was listed."""
        if is_file(source):
            return not os.path.lexists(source)
        # A text beside a picture elsewhere is read with the picture, where either has changed.
        return os.path.basename(source) in MANIFESTS


def said_failure(name: str, error: Exception) -> Failure:
    """The failure of a text file or manifest, of which a ManifestError names file and line."""
    failure = failure_of(name, error)
    if isinstance(error, ManifestError):
        failure = replace(failure, message=told(error))
    return failure


def add_said(into: dict[str, frozenset[str]], more: Said) -> None:
    """Add texts with their sources."""
    for text, sources in more.items():
        into[text] = into[text] | sources if text in into else frozenset(sources)
