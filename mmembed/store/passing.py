"""The vectors of items that pass a filter, kept while the catalog does not change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from mmembed.store.vectors.subset import Subset

MOST = 4
"""Filters that are kept; one may hold codes of 150,000 vectors, 77 MB for 512 dimensions."""


class PassingVectors:
    """The vectors that pass the filters that were used last. Any thread may ask."""

    def __init__(self, version: Callable[[], int]) -> None:
        """version: of the catalog; see Connections.version."""
        self._version = version
        self._kept: OrderedDict[Hashable, tuple[int, Subset]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: Hashable, read: Callable[[], Sequence[int]]) -> Subset:
        """The vectors that were read for a key; they are read again if the catalog changed since.
        `read`: their ids, rising. Raises StoreError."""
        version = self._version()  # before what it stands for is read
        with self._lock:
            known = self._kept.get(key)
            if known is not None and known[0] == version:
                self._kept.move_to_end(key)
                return known[1]
        subset = Subset(np.asarray(read(), dtype=np.int64))
        with self._lock:
            self._kept[key] = version, subset
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return subset
