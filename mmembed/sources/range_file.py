"""An object as an open file, read in large parts as it is needed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

AT_ONCE = 8 * 2**20
"""Bytes of one request."""


class RangeFile(io.RawIOBase):
    """Reads `size` bytes by ranges. read: gives the bytes from a start to before a stop."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read = read
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        """The present place."""
        return self._place

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer from the present place."""
        view = memoryview(buffer)
        stop = min(self._place + len(view), self._size)
        data = self._read(self._place, stop) if stop > self._place else b""
        view[: len(data)] = data
        self._place += len(data)
        return len(data)


def buffered(
    read: Callable[[int, int], bytes], size: int, at_once: int = AT_ONCE
) -> io.BufferedReader:
    """Such a file that goes through so many bytes before it asks for more."""
    return io.BufferedReader(RangeFile(read, size), at_once)
