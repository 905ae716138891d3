"""Objects below one address, through fsspec: S3 and whatever else has a library for it.

Owns fsspec, and translates its errors. Every message names the object, and none a credential: the
libraries take those from their environment.
"""

from __future__ import annotations

import errno
import importlib.util
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import fsspec
from fsspec.registry import known_implementations

from mmembed.errors import InputError, MmembedError, StoreAway, StoreError
from mmembed.files import ASIDE

S3 = ("s3://", "s3a://")
S3_PATIENCE = {"connect_timeout": 5, "read_timeout": 15, "retries": {"max_attempts": 1}}
"""Seconds, and repetitions. A call to a silent server takes two minutes so, and more than seven by
the defaults of the libraries."""
TRIES = 2
"""Of each call, besides those repetitions."""
_VERSIONS = ("ETag", "etag", "md5Hash", "generation")
"""Where the libraries keep the version of an object."""
_TIMES = ("LastModified", "mtime", "updated", "last_modified", "created")
"""Where the libraries keep the time of an object's last change."""


@dataclass(frozen=True)
class StoredObject:
    """Facts about an object."""

    key: str
    size: int
    """In bytes."""
    mtime_ns: int
    """Time of the last change, in nanoseconds since 1970; often in whole seconds."""
    version: str = ""
    """Another one after each change, where the object store has it: its ETag."""

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def age_s(self, now: float) -> float:
        """Seconds since the last change."""
        return now - self.mtime_ns / 1e9


def check_library(address: str) -> None:
    """Raises InputError if no library for an address is installed."""
    scheme = address.partition("://")[0]
    known = known_implementations.get(scheme)
    if known is None:
        raise InputError(f"{address}: {scheme}:// is no kind of object store that fsspec knows")
    library = known["class"].partition(".")[0]
    if importlib.util.find_spec(library) is None:
        extra = "'mmembed[s3]'" if library == "s3fs" else library
        raise InputError(
            f"{address}: the library {library} is needed; install it with pip install {extra}"
        )


class ObjectStore:
    """Reads and writes the objects below an address by their keys. Any thread may call it.

    Every method raises StoreAway if the object store cannot be reached, StoreError if it refuses.
    """

    def __init__(self, address: str) -> None:
        """address: `s3://bucket/prefix`; nothing is sent before the first call."""
        self.address = address.rstrip("/")

    @cached_property
    def _system(self) -> Any:
        # Other servers write, too: what was listed a moment ago may have changed.
        options: dict[str, Any] = {"use_listings_cache": False}
        if self.address.startswith(S3):
            options["config_kwargs"] = S3_PATIENCE
        system = fsspec.core.url_to_fs(self.address, **options)[0]
        if hasattr(system, "retries"):
            system.retries = TRIES
        return system

    @cached_property
    def _root(self) -> str:
        return str(self._system._strip_protocol(self.address))

    def check(self) -> None:
        """See whether the object store answers, and has the bucket."""
        with self._translated("", "reached"):
            self._system.info(self._root.partition("/")[0])

    def address_of(self, key: str) -> str:
        """The address of an object."""
        return f"{self.address}/{key}"

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """The bytes of an object, or those from `start` to before `stop` as far as it has them;
        None if there is none."""
        with self._translated(key, "read"):
            try:
                return bytes(self._system.cat_file(self._path(key), start=start, end=stop))
            except FileNotFoundError:
                return None
            except OSError as error:
                if start is None or error.errno != errno.EINVAL:
                    raise
                return b""  # it ends before

    def find(self, key: str) -> StoredObject | None:
        """The facts about an object; None if there is none."""
        with self._translated(key, "read"):
            try:
                info = self._system.info(self._path(key))
            except FileNotFoundError:
                return None
            return self._stored(info) if info["type"] == "file" else None

    def write(self, key: str, data: bytes) -> None:
        """Write an object at once. A reader may see a part of it where the object store is no
        true one; see `replace`."""
        with self._translated(key, "written"):
            self._system.pipe_file(self._path(key), data)

    def replace(self, key: str, data: bytes) -> StoredObject:
        """Make an object hold these bytes, or leave it as it was: they are written aside, and then
        moved."""
        aside = f"{key}.{secrets.token_hex(6)}{ASIDE}"
        try:
            with self._translated(key, "written"):
                self._system.pipe_file(self._path(aside), data)
                self._system.mv(self._path(aside), self._path(key))
        except BaseException:
            with suppress(MmembedError):
                self.delete(aside)
            raise
        stored = self.find(key)
        if stored is None or stored.size != len(data):
            raise StoreError(f"{self.address_of(key)}: is not there after it was written")
        return stored

    def delete(self, key: str) -> bool:
        """Delete an object. Returns whether there was one, as far as the object store tells."""
        with self._translated(key, "deleted"):
            try:
                self._system.rm_file(self._path(key))
            except FileNotFoundError:
                return False
            return True

    def listed(self, prefix: str) -> tuple[list[str], list[StoredObject]]:
        """The prefixes one level below another one, and the objects there. Raises StoreError if
        there is nothing: the bucket may be gone."""
        with self._translated(prefix, "listed"):
            return self._sorted(self._system.ls(self._path(prefix), detail=True))

    def _sorted(self, entries: list[dict[str, Any]]) -> tuple[list[str], list[StoredObject]]:
        return (
            [self._key(entry["name"]) for entry in entries if entry["type"] == "directory"],
            [self._stored(entry) for entry in entries if entry["type"] == "file"],
        )

    def folders(self, prefix: str) -> list[str]:
        """The prefixes one level below another one."""
        return self._sorted(self._entries(prefix))[0]

    def objects(self, prefix: str) -> list[StoredObject]:
        """The objects directly below a prefix."""
        return self._sorted(self._entries(prefix))[1]

    def _entries(self, prefix: str) -> list[dict[str, Any]]:
        with self._translated(prefix, "listed"):
            try:
                return list(self._system.ls(self._path(prefix), detail=True))
            except FileNotFoundError:
                return []

    def _stored(self, info: dict[str, Any]) -> StoredObject:
        changed: Any = next((info[name] for name in _TIMES if info.get(name)), None)
        if changed is None:
            changed = self._system.modified(info["name"])
        seconds = changed.timestamp() if isinstance(changed, datetime) else float(changed)
        version: Any = next((info[name] for name in _VERSIONS if info.get(name)), "")
        key, size = self._key(info["name"]), int(info["size"] or 0)
        return StoredObject(key, size, int(seconds * 1e9), str(version))

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _key(self, path: str) -> str:
        return path.removeprefix(self._root).strip("/")

    @contextmanager
    def _translated(self, key: str, done: str) -> Iterator[None]:
        try:
            yield
        except MmembedError:
            raise
        except Exception as error:  # each library has errors of its own
            refused = isinstance(error, FileNotFoundError | PermissionError)
            kind = StoreError if refused else StoreAway
            raise kind(f"{self.address_of(key)}: cannot be {done}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The kind of an error, and the text that the system gives it. Other texts may quote what was
    sent, with its credentials."""
    if isinstance(error, FileNotFoundError):  # `read` and `find` return None instead
        return "there is no such bucket"
    said = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
