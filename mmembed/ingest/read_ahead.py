"""Reads pictures that lie elsewhere ahead of the threads that decode: each takes the time of a
network to come, and many come at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.embed_batches import patiently
from mmembed.ingest.plan import Source
from mmembed.ingest.texts_elsewhere import read_texts
from mmembed.memory_budget import Hold, MemoryBudget
from mmembed.sources.sources import Sources
from mmembed.types import Failure

READERS = 16
"""Pictures that are read at once."""
AHEAD = 4 * READERS
"""Pictures that are being read, or wait for a thread that decodes."""
AHEAD_BYTES = 256_000_000
"""Bytes of them, and of those that are being decoded; or of one, where that is larger."""
ASSUMED_BYTES = 2_000_000
"""Of a picture whose size is not known before it is read."""


@dataclass(frozen=True)
class Brought:
    """A picture that was read elsewhere."""

    source: Source
    """With the state and the texts that were read."""
    data: bytes
    failures: Sequence[Failure] = ()
    """Of its texts."""


@dataclass(frozen=True)
class Coming:
    """A picture that is being read elsewhere."""

    source: Source
    brought: Future[Brought]
    """Raises ImageError."""
    held: Hold
    """Its share of the memory, until it is decoded."""


class ReadAhead:
    """Begins to read the pictures elsewhere before they are wanted, in their order."""

    def __init__(self, sources: Sources, limits: SaidLimits, largest: int) -> None:
        """largest: bytes of a picture."""
        self._sources = sources
        self._limits = limits
        self._memory = MemoryBudget(
            max(AHEAD_BYTES, largest), slots=0, purpose="", setting="", patience_s=None
        )
        self._readers = ThreadPoolExecutor(READERS, "read")

    def close(self) -> None:
        """Read no more; pictures that are being read are awaited."""
        self._readers.shutdown(cancel_futures=True)

    def over(self, work: Iterable[Source]) -> Iterator[Source | Coming]:
        """The pictures in their order; files of this machine as they are."""
        waiting: deque[Source | Coming] = deque()
        pictures = iter(work)
        upcoming = next(pictures, None)
        while upcoming is not None or waiting:
            while upcoming is not None and len(waiting) < AHEAD:
                begun = self._begun(upcoming, must_wait=not waiting)
                if begun is None:
                    break  # the memory is taken: the first of those that wait frees some
                waiting.append(begun)
                upcoming = next(pictures, None)
            yield waiting.popleft()

    def _begun(self, source: Source, *, must_wait: bool) -> Source | Coming | None:
        if source.texts is None:
            return source
        size = source.stat.bytes if source.stat.is_known else ASSUMED_BYTES
        size = min(size, self._memory.limit)
        held = self._memory.reserve_at_once(size)
        if held is None and must_wait:  # pictures that are being decoded give theirs back
            held = self._memory.reserve(size, slot=False)
        if held is None:
            return None
        return Coming(source, self._readers.submit(self._read, source), held)

    def _read(self, source: Source) -> Brought:
        data, stat = patiently(lambda: self._sources.read(source.path, source.stat))
        reading, failures = read_texts(
            source.path, source.reading, source.texts or (), self._sources, self._limits
        )
        return Brought(replace(source, stat=stat, reading=reading), data, failures)
