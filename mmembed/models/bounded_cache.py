"""A cache of the entries that were used last, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

CACHE_BYTES = 32_000_000
"""Bytes of one cache at most: some 13,000 short texts, or images, with 512 numbers each."""
ENTRY_BYTES = 300
"""Bytes that an entry takes beyond its key and its numbers, roughly."""


class BoundedCache(Generic[K, V]):
    """The entries that were used last, up to `max_bytes`; any thread may call it.

    `hits`, `misses` and `evictions` count since the start.
    """

    def __init__(self, size: Callable[[K, V], int], max_bytes: int = CACHE_BYTES) -> None:
        """size: bytes that an entry takes beyond ENTRY_BYTES."""
        self.hits = self.misses = self.evictions = 0
        self.bytes = 0
        self._size = size
        self._max_bytes = max_bytes
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, keys: Iterable[K]) -> dict[K, V]:
        """The cached values of distinct keys."""
        wanted = list(keys)
        with self._lock:
            kept = {key: self._kept[key] for key in wanted if key in self._kept}
            for key in kept:
                self._kept.move_to_end(key)
            self.hits += len(kept)
            self.misses += len(wanted) - len(kept)
        return kept

    def peek(self, key: K) -> V | None:
        """The cached value or None; does not mark it recently used."""
        return self._kept.get(key)

    def keep(self, entries: Iterable[tuple[K, V]]) -> None:
        """Add entries, and drop the least recently used ones."""
        with self._lock:
            for key, value in entries:
                if key not in self._kept:
                    self._kept[key] = value
                    self.bytes += self._size(key, value) + ENTRY_BYTES
            while self.bytes > self._max_bytes:
                key, value = self._kept.popitem(last=False)
                self.bytes -= self._size(key, value) + ENTRY_BYTES
                self.evictions += 1
