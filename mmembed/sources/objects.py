"""Objects by their addresses, `s3://bucket/key`: listed folder by folder, and read in parts.

An object store that does not answer is given up for a while, or each of a million pictures would
wait for it alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from mmembed.errors import InputError, StoreAway, StoreError
from mmembed.sources.entries import IN_OBJECTS, Entry, FileStat, Text, version_of
from mmembed.store.entries import storable

if TYPE_CHECKING:
    from mmembed.store.object_store import ObjectStore, StoredObject

SCHEMES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "memory"})
"""Object stores alone: a manifest must not name every place that fsspec can reach."""
MOST_FAILURES = 8
"""Calls in a row that a bucket may leave unanswered."""
PAUSE_S = 30.0
"""Seconds for which it is then not asked."""
SIDECAR = ".txt"

Out = TypeVar("Out")


def check_address(address: str) -> None:
    """Raises InputError, which shows no password, for an address of no object store, or of one
    whose library is missing."""
    scheme, _, rest = address.partition("://")
    bucket = rest.partition("/")[0]
    if "@" in bucket and ":" in bucket.partition("@")[0]:
        raise InputError(
            f"{scheme}://…: holds a user or a password; give them to the library, for S3 as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if scheme.lower() not in SCHEMES or not bucket or "::" in address:
        known = ", ".join(sorted(SCHEMES - {"memory"}))
        raise InputError(
            f"{address}: expected a path, https://… or an object store's address such as "
            f"s3://bucket/folder; known are {known}"
        )
    try:
        from mmembed.store.object_store import check_library  # most people lack fsspec
    except ImportError as error:
        raise InputError(
            f"{address}: the library fsspec is needed ({error}); pip install 'mmembed[s3]'"
        ) from error
    check_library(address)


@dataclass
class _Bucket:
    store: ObjectStore
    failures: int = 0
    closed_until: float = 0.0
    reason: str = ""


class Objects:
    """Lists and reads objects; any thread may call it. Every method raises StoreAway if the object
    store does not answer, StoreError if it refuses."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def find(self, address: str) -> Entry | None:
        """An object, with the text beside it; None if there is none."""
        found = self._ask(address, lambda store, key: store.find(key) if key else None)
        if found is None:
            return None
        entry = _entry(address, found)
        beside = f"{_stem(address)}{SIDECAR}"
        text = None
        if beside != address:
            text = self._ask(beside, lambda store, key: store.find(key))
        return entry if text is None else _with_text(entry, _entry(beside, text))

    def entries(self, folder: str) -> list[Entry]:
        """The objects and folders in a folder, by name; pictures with the texts beside them."""
        if folder.endswith("/"):
            raise StoreError(f"{folder}: a folder without a name is not entered")
        start, own = _parts(folder)
        folders, objects = self._ask(folder, lambda store, key: store.listed(key))
        entries = [_entry(f"{start}/{found.key}", found) for found in objects if found.key]
        texts = {_stem(one.path): one for one in entries if one.path.endswith(SIDECAR)}
        entries = [
            _with_text(entry, texts[_stem(entry.path)])
            if _stem(entry.path) in texts and not entry.path.endswith(SIDECAR)
            else entry
            for entry in entries
            if entry.path != folder  # the mark of a folder
        ]
        # The library lists `a//b` below `a` once more.
        paths = [f"{folder}//" if key == own else f"{start}/{key}" for key in folders]
        entries += [Entry(path, is_folder=True) for path in paths]
        return sorted(entries, key=lambda entry: entry.name)

    def read(self, address: str, start: int, stop: int) -> bytes | None:
        """The bytes from `start` to before `stop`, as far as there are some; None if there is no
        such object."""
        if stop <= start:
            return b""
        return self._ask(address, lambda store, key: store.read(key, start, stop))

    def _ask(self, address: str, ask: Callable[[ObjectStore, str], Out]) -> Out:
        bucket, key = self._bucket(address)
        if time.monotonic() < bucket.closed_until:
            raise StoreAway(f"{address}: was not asked, for the object store is away: "
                            f"{bucket.reason}")  # fmt: skip
        try:
            answer = ask(bucket.store, key)
        except StoreAway as error:
            bucket.failures += 1
            if bucket.failures >= MOST_FAILURES:
                bucket.closed_until = time.monotonic() + PAUSE_S
                bucket.reason = str(error)
            raise
        bucket.failures = 0
        return answer

    def _bucket(self, address: str) -> tuple[_Bucket, str]:
        start, key = _parts(address)
        with self._lock:
            if start not in self._buckets:
                check_address(address)
                from mmembed.store.object_store import ObjectStore

                self._buckets[start] = _Bucket(ObjectStore(start))
            return self._buckets[start], key


def _parts(address: str) -> tuple[str, str]:
    """`s3://bucket/a/b` → `s3://bucket`, `a/b`."""
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    return f"{scheme}://{bucket}", key


def _entry(address: str, found: StoredObject) -> Entry:
    version = version_of(found.version, found.size, found.mtime_ns)
    return Entry(address, FileStat(found.size, storable(found.mtime_ns), (IN_OBJECTS, 0, version)))


def _with_text(entry: Entry, text: Entry) -> Entry:
    """The picture counts as changed where its text changes."""
    mark = IN_OBJECTS, 0, version_of(entry.stat.mark, text.stat.mark)
    return replace(
        entry,
        stat=entry.stat._replace(mark=mark),
        texts=(Text(text.path, text.stat.bytes),),
    )


def _stem(address: str) -> str:
    folder, _, name = address.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}/{stem if dot and stem else name}"
