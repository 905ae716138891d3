"""Opens the file behind an item, as long as its content is the indexed one.

A picture that lies elsewhere, in a tar or an object store or on the web, is read whole and compared
in the same way; then its bytes are a file without a name.

Files lie in folders that others may write to. A picture may have become another one, a web page, or
a link to a private file. So a file is opened once, and the opened file is compared with the catalog
by its content's hash.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
import time
from typing import BinaryIO, cast

from mmembed import files
from mmembed.errors import ImageError, MmembedError, NotFound, Overloaded, StoreFull
from mmembed.models.bounded_cache import BoundedCache
from mmembed.places import is_file
from mmembed.sources.entries import FileStat
from mmembed.sources.sources import Sources
from mmembed.store.entries import storable
from mmembed.store.protocol import Store
from mmembed.types import Item

SETTLED_NS = 2 * 10**9
"""Age of a file's last change before its times identify it. Clocks of file systems tick slowly, and
two changes within one tick look like one."""
KNOWN_BYTES = 2_000_000
"""Bytes of the cache of files with known hashes: some 5,000 files."""

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)

_Identity = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of change of the content and of the inode; programs cannot set
the last one back."""


class IndexedFiles:
    """Opens the files of image items; any thread may call it."""

    def __init__(self, store: Store, sources: Sources) -> None:
        """store: tells uploads, which have a remedy of their own, and where in its tar a picture
        lies. sources: reads pictures elsewhere."""
        self._store = store
        self._blobs = store.blobs
        self._sources = sources
        self._hashes: BoundedCache[_Identity, str] = BoundedCache(lambda *_: 100, KNOWN_BYTES)

    def open(self, item: Item) -> BinaryIO:
        """The file of an image, open and at its beginning. Raises NotFound if it is gone,
        unreadable, or has another content than the indexed one; StoreAway, Overloaded."""
        if not self._is_file(item):
            return self._copy(item)
        file = self._opened(item)
        try:
            self._compare(file, item)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def check(self, item: Item) -> None:
        """`open` for derived data of a file: its hash is not computed while its size and time are
        unchanged. A picture elsewhere is not asked for. Raises NotFound."""
        if not self._is_file(item):
            return
        with self._opened(item) as file:
            if os.fstat(file.fileno()).st_mtime_ns != item.mtime_ns:
                self._compare(file, item)

    def read(self, item: Item) -> bytes:
        """The indexed bytes of an image. Raises NotFound; see `open`."""
        if not self._is_file(item):
            return self._read_elsewhere(item)
        with self._opened(item) as file:
            try:
                data = file.read(-1 if item.bytes is None else item.bytes)
            except OSError as error:
                reason = f"item {item.id}: its file cannot be read: {error.strerror}"
                raise NotFound(reason) from error
        if hashlib.sha256(data).hexdigest() != item.sha256:
            raise self._changed(item)
        return data

    # -- pictures elsewhere ----------------------------------------------------------

    def _is_file(self, item: Item) -> bool:
        path = item.path or ""
        return is_file(path) or self._blobs.is_upload(path, item.sha256)

    def _read_elsewhere(self, item: Item) -> bytes:
        assert item.path is not None
        known = self._store.known_among([item.path]).get(item.path)
        if known is None:
            raise NotFound(f"item {item.id}: is no longer there")
        stat = FileStat(known.bytes, known.mtime_ns, known.mark or (0, 0, 0))
        try:
            data = self._sources.read_again(item.path, stat)
        except ImageError as error:
            raise NotFound(f"item {item.id}: {error.reason}; {self._remedy(item)}") from error
        if hashlib.sha256(data).hexdigest() != item.sha256:
            raise self._changed(item)
        return data

    def _copy(self, item: Item) -> BinaryIO:
        data = self._read_elsewhere(item)
        try:
            file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller's to close)
            file.write(data)
            file.flush()
            os.utime(file.fileno(), ns=(item.mtime_ns or 0, item.mtime_ns or 0))
        except OSError as error:
            raise StoreFull(
                f"item {item.id}: its picture has no room in {tempfile.gettempdir()}: "
                f"{error.strerror}"
            ) from error
        file.seek(0)
        return cast(BinaryIO, file)

    # -- files -----------------------------------------------------------------------

    def _opened(self, item: Item) -> BinaryIO:
        """A regular file of the indexed size."""
        assert item.path is not None
        try:
            path = self._blobs.local_path(item.path, item.sha256)
            descriptor, linked = _open(path)
        except (OSError, ValueError) as error:
            raise self._unopened(item, error) from error
        status = os.fstat(descriptor)
        same = stat.S_ISREG(status.st_mode) and item.bytes in (None, status.st_size)
        # An indexed link leads to a file of that time; a later link need not.
        if not same or (linked and storable(status.st_mtime_ns) != item.mtime_ns):
            os.close(descriptor)
            raise self._changed(item)
        return os.fdopen(descriptor, "rb")

    def _unopened(self, item: Item, error: OSError | ValueError) -> MmembedError:
        """The error for a file that cannot be opened."""
        number = getattr(error, "errno", None)
        if number in (errno.EMFILE, errno.ENFILE):
            return Overloaded("too many files are open here; try again later")
        if isinstance(error, PermissionError):
            return NotFound(f"item {item.id}: its file may not be read; change its permissions")
        if isinstance(error, OSError) and number not in _GONE:
            return NotFound(f"item {item.id}: its file cannot be read: {error.strerror}")
        return NotFound(f"item {item.id}: its file is no longer there; {self._remedy(item)}")

    def _compare(self, file: BinaryIO, item: Item) -> None:
        try:
            same = self._hash(file) == item.sha256
        except OSError as error:
            raise NotFound(f"item {item.id}: its file cannot be read: {error.strerror}") from error
        if not same:
            raise self._changed(item)

    def _hash(self, file: BinaryIO) -> str:
        before = _identity(file)
        known = self._hashes.find([before]).get(before)
        if known is not None:
            return known
        sha256 = files.sha256_of(file)
        if _identity(file) == before and time.time_ns() - before[-1] > SETTLED_NS:
            self._hashes.keep([(before, sha256)])
        return sha256

    def _changed(self, item: Item) -> NotFound:
        reason = f"its file has changed since it was indexed; {self._remedy(item)}"
        return NotFound(f"item {item.id}: {reason}")

    def _remedy(self, item: Item) -> str:
        if self._blobs.is_upload(item.path, item.sha256):
            return "upload it again"
        return "index its folder again"


def _open(path: str) -> tuple[int, bool]:
    """A descriptor, and whether its path is a link."""
    # Without O_NONBLOCK, opening a pipe that no process writes to would never return.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_NOFOLLOW), False
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK):  # the latter on some BSDs
            raise
    return os.open(path, flags), True


def _identity(file: BinaryIO) -> _Identity:
    status = os.fstat(file.fileno())
    times = status.st_mtime_ns, status.st_ctime_ns
    return status.st_dev, status.st_ino, status.st_size, *times
