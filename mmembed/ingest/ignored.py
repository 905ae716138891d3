"""Contents that stay out of the collection, under whatever name: the ignore list.

Each content is a record of the store. It notes where files of the content were met, so that these
need not be read again at every indexing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mmembed.ingest.scan_result import under
from mmembed.places import Place, absolute
from mmembed.sources.entries import FileStat
from mmembed.store.protocol import Store

KIND = "ignored"
"""Of the records."""
SHORTEST = 8
"""Digits by which a content may be named."""


@dataclass(frozen=True)
class IgnoredContent:
    """A content that stays out."""

    sha256: str
    files: Mapping[str, FileStat]
    """The paths at which it was met, with the state of each file then."""


@dataclass
class Ignored:
    """The ignore list during one indexing."""

    contents: frozenset[str] = frozenset()
    met: dict[str, tuple[str, FileStat]] = field(default_factory=dict)
    """The content and state of files that this indexing read, and left out."""
    _files: Mapping[str, FileStat] = field(default_factory=dict)

    @classmethod
    def of(cls, store: Store) -> Ignored:
        """The present list."""
        contents = listed(store)
        files = {path: stat for one in contents for path, stat in one.files.items()}
        return cls(frozenset(one.sha256 for one in contents), _files=files)

    def has(self, path: str, stat: FileStat) -> bool:
        """Whether the file at a path is as it was when it was left out."""
        return stat.is_known and self._files.get(path) == stat

    def note(self, store: Store) -> None:
        """Remember the files that were met."""
        by_content: dict[str, dict[str, FileStat]] = {}
        for path, (sha256, stat) in self.met.items():
            by_content.setdefault(sha256, {})[path] = stat
        add(store, by_content)


def listed(store: Store) -> list[IgnoredContent]:
    """The whole list, by rising sha256."""
    return [
        IgnoredContent(sha256, _files(content)) for sha256, content in store.records(KIND).items()
    ]


def add(store: Store, contents: Mapping[str, Mapping[str, FileStat]]) -> None:
    """Have contents stay out; with the states of files that have them, by path."""
    records: dict[str, bytes] = {}
    for sha256, files in contents.items():
        before = store.record(KIND, sha256)
        known = {path: stat for path, stat in _files(before or b"{}").items() if path not in files}
        records[sha256] = json.dumps({**known, **files}).encode()
    if records:
        store.put_records(KIND, records)


def let_in(store: Store, contents: Sequence[str]) -> int:
    """Take contents off the list; returns how many were on it."""
    return store.delete_records(KIND, contents)


def below(contents: Iterable[IgnoredContent], paths: Sequence[Place]) -> list[str]:
    """The contents that were met at or below some paths."""
    roots = [absolute(path) for path in paths]
    return [one.sha256 for one in contents if any(under(path, roots) for path in one.files)]


def named(contents: Sequence[IgnoredContent], name: Place) -> list[str]:
    """The contents that a name stands for: a path as in `below`, or the first digits of a
    sha256."""
    digits = str(name).lower()
    if len(digits) >= SHORTEST:
        same = [one.sha256 for one in contents if one.sha256.startswith(digits)]
        if same:
            return same
    return below(contents, [name])


def _files(content: bytes) -> dict[str, FileStat]:
    said: dict[str, tuple[int, int, tuple[int, int, int]]] = json.loads(content)
    return {
        path: FileStat(size, mtime_ns, (mark[0], mark[1], mark[2]))
        for path, (size, mtime_ns, mark) in said.items()
    }
