"""Pictures elsewhere than in files of this machine: one way to list them, and one to read them."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mmembed.config.settings import PREFIX
from mmembed.errors import ImageError, InputError, ManifestError, StoreError
from mmembed.fetch.fetcher import Fetcher
from mmembed.fetch.parts import FilePart
from mmembed.media.decode import opened, printable
from mmembed.media.image_limits import DEFAULT_LIMITS, ImageLimits
from mmembed.places import TAR, is_address, is_web, tar_of
from mmembed.sources import range_file
from mmembed.sources.entries import IN_TAR, IN_WEB, Entry, FileStat, Text, version_of
from mmembed.sources.objects import Objects, check_address
from mmembed.sources.tar_lists import TarLists
from mmembed.sources.tars import HEADER, TarList, content_of, entries_of, list_tar
from mmembed.store.entries import storable

NOT_FETCHED = f"addresses are not fetched here; allow fetching with {PREFIX}FETCH_URLS=on"
WEB_AT_ONCE = 4 * 2**20
"""Bytes of one request for a list: each has to come before a deadline of Fetcher."""
LARGEST_MANIFEST = 4 * 2**30
"""Bytes of a manifest in an object store, which is copied to the disk to be read."""


class Sources:
    """Lists and reads pictures that are members of tars, objects, or addresses of the web; any
    thread may call it."""

    def __init__(
        self,
        limits: ImageLimits = DEFAULT_LIMITS,
        fetcher: Fetcher | None = None,
        tar_lists: Path | None = None,
    ) -> None:
        """fetcher: None where addresses of the web are not fetched. tar_lists: a folder for a cache
        of the lists of tars."""
        self._limits = limits
        self._fetcher = fetcher
        self._lists = None if tar_lists is None else TarLists(tar_lists)
        self._objects = Objects()

    # -- listing ---------------------------------------------------------------------

    def check(self, address: str) -> None:
        """Raises InputError for an address that cannot be read here: with the remedy."""
        if not is_web(address):
            check_address(address)
            return
        shown, _, query = address.partition("?")
        if self._fetcher is None:
            raise InputError(f"{shown}: {NOT_FETCHED}")
        if query and is_tar(shown):
            raise InputError(
                f"{shown}?…: a tar is named without a query, since the address of each member is "
                "stored and shown; download the tar, or name it in its object store (s3://…)"
            )

    def find(self, address: str) -> Entry | None:
        """An object; None if there is none. Raises StoreError."""
        return self._objects.find(address)

    def entries(self, folder: str) -> list[Entry]:
        """The objects and folders in a folder, by name. Raises StoreError, also if there is
        nothing: a bucket that is gone looks so."""
        return self._objects.entries(folder)

    def members(self, tar: str) -> tuple[list[Entry], TarList]:
        """The members of a tar with the texts of their samples, and the faults of the tar. Raises
        ImageError if it cannot be read."""
        with _failing(tar):
            size, version = self._tar_facts(tar)
            listed = self._lists.find(tar, version) if self._lists else None
            if listed is None:
                with self._opened_tar(tar, size) as file:
                    listed = list_tar(file)
                if self._lists and not listed.broken:
                    self._lists.keep(tar, version, listed)
        return list(entries_of(tar, version, listed.members)), listed

    def _tar_facts(self, tar: str) -> tuple[int, int]:
        """Its size and version."""
        if is_web(tar):
            part = self._web_part(tar, tar, 0, HEADER)
            return part.size, version_of(part.size, part.version)
        if is_address(tar):
            found = self.find(tar)
            if found is None:
                raise ImageError(tar, "the tar is no longer there")
            return found.stat.bytes, version_of(found.stat)
        try:
            status = os.stat(tar)
        except OSError as error:
            reason = f"the tar cannot be read: {error.strerror}"
            raise ImageError(printable(tar), reason) from error
        # Without the device and inode: several machines see one tar on a network disk.
        facts = status.st_size, status.st_mtime_ns, status.st_ctime_ns
        return status.st_size, version_of(*facts)

    @contextmanager
    def _opened_tar(self, tar: str, size: int) -> Iterator[BinaryIO]:
        """Raises ImageError for errors of the system while the block reads."""
        if not is_address(tar):
            with opened(tar, limits=_ANY_SIZE) as file:
                yield file
            return

        def part(start: int, stop: int) -> bytes:
            data = self._bytes(tar, tar, start, stop)
            if len(data) < stop - start:
                raise ImageError(tar, "the tar has changed while it was read")
            return data

        at_once = WEB_AT_ONCE if is_web(tar) else range_file.AT_ONCE
        with range_file.buffered(part, size, at_once) as file:
            yield file

    # -- reading ---------------------------------------------------------------------

    def read(self, path: str, stat: FileStat) -> tuple[bytes, FileStat]:
        """The bytes of a listed picture, and its state as it was read. Raises ImageError if it
        cannot be read now, is gone, is over a limit or changed since; Overloaded."""
        with _failing(path):
            return self._read_web(path) if _is_of_web(path, stat) else self._read(path, stat)

    def _read(self, path: str, stat: FileStat) -> tuple[bytes, FileStat]:
        if not stat.is_known:
            tar = tar_of(path)
            if tar is not None:
                raise ImageError(path, f"name the tar itself to index its pictures: {tar}")
            found = self.find(path)
            if found is None:
                raise ImageError(path, "there is no such object")
            stat = found.stat
        return self.read_again(path, stat), stat

    def read_again(self, path: str, stat: FileStat) -> bytes:
        """The bytes of a picture that was read before; the caller compares its hash. Raises as
        `read` does, and StoreError for an object store that is away or refuses."""
        if _is_of_web(path, stat):
            return self._read_web(path)[0]
        if stat.bytes > self._limits.max_bytes:
            raise self._limits.too_many_bytes(path, stat.bytes)
        data = self._part(path, stat.mark[1], stat.bytes, stat.bytes)
        if len(data) != stat.bytes:
            raise ImageError(path, "it has changed while it was read")
        return data

    def text(self, text: Text, limit: int) -> bytes:
        """The bytes of a text, up to one more than the limit. Raises as `read` does."""
        with _failing(text.path):
            return self._part(text.path, text.offset, text.bytes, min(text.bytes, limit + 1))

    @contextmanager
    def manifest(self, address: str) -> Iterator[BinaryIO]:
        """A manifest in an object store, open for reading. Raises ManifestError."""
        try:
            found = self.find(address)
            if found is None:
                raise ManifestError(f"{address}: there is no such object")
            if found.stat.bytes > LARGEST_MANIFEST:
                size, most = (number / 1e9 for number in (found.stat.bytes, LARGEST_MANIFEST))
                raise ManifestError(f"{address}: {size:.1f} GB, limit {most:.1f}; split it")
            with tempfile.TemporaryFile() as copy:
                for start in range(0, found.stat.bytes, range_file.AT_ONCE):
                    stop = min(start + range_file.AT_ONCE, found.stat.bytes)
                    part = self._objects.read(address, start, stop) or b""
                    if len(part) < stop - start:
                        raise ManifestError(f"{address}: it has changed while it was read")
                    copy.write(part)
                copy.seek(0)
                yield copy
        except (StoreError, OSError) as error:
            raise ManifestError(f"{address}: cannot be read: {error}") from error

    def _read_web(self, path: str) -> tuple[bytes, FileStat]:
        with self._fetching(path, path) as fetcher:
            data = fetcher.fetch(path, path)
        changed = time.time_ns() if data.changed is None else int(data.changed * 1e9)
        return data, FileStat(len(data), storable(changed), (IN_WEB, 0, 0))

    def _web_part(self, path: str, at: str, start: int, stop: int) -> FilePart:
        with self._fetching(path, at) as fetcher:
            return fetcher.part(at, path, start, stop)

    @contextmanager
    def _fetching(self, path: str, at: str) -> Iterator[Fetcher]:
        """Raises ImageError, whose reason does not repeat the address that is asked."""
        if self._fetcher is None:
            raise ImageError(path, NOT_FETCHED)
        try:
            yield self._fetcher
        except ImageError as error:
            address = at.partition("?")[0]
            raise type(error)(path, error.reason.removeprefix(f"{address}: ")) from error

    def _part(self, path: str, offset: int, size: int, wanted: int) -> bytes:
        """The first `wanted` bytes of a picture or text; offset: of a member in its tar."""
        tar = tar_of(path)
        if tar is None:
            return self._bytes(path, path, 0, wanted)
        if offset < HEADER:
            raise ImageError(path, "its place in the tar is not known")
        block = self._bytes(path, tar, offset - HEADER, offset + wanted)
        try:
            return content_of(block, size)
        except ValueError as error:
            raise ImageError(path, f"the tar has changed since it was listed: {error}") from error

    def _bytes(self, path: str, at: str, start: int, stop: int) -> bytes:
        """Bytes of a picture, from the file or object in which it lies."""
        if is_web(at):
            return self._web_part(path, at, start, stop).data
        if is_address(at):
            data = self._objects.read(at, start, stop)
            if data is None:
                raise ImageError(path, "it is no longer there")
            return data
        with opened(at, name=printable(path), limits=_ANY_SIZE) as file:
            file.seek(start)
            return file.read(stop - start)


@contextmanager
def _failing(path: str) -> Iterator[None]:
    """An object store that fails is a fault of the picture: others may lie elsewhere."""
    try:
        yield
    except StoreError as error:
        raise ImageError(printable(path), str(error).removeprefix(f"{path}: ")) from error


def _is_of_web(path: str, stat: FileStat) -> bool:
    """Whether a picture has an address of the web of its own."""
    return is_web(path) and stat.mark[0] != IN_TAR


def is_tar(path: str) -> bool:
    """Whether a file is a tar, by its name."""
    return path.lower().endswith(TAR)


_ANY_SIZE = ImageLimits(max_bytes=2**63 - 1)
"""Of a tar: its members have the limits."""
