"""Pictures elsewhere are read ahead, many at once, in their order and within the memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from mmembed.errors import ImageError
from mmembed.ingest import read_ahead
from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.plan import Source
from mmembed.ingest.read_ahead import Coming, ReadAhead
from mmembed.sources.entries import FileStat
from mmembed.store.entries import Reading, Words

NOTHING = Reading(Words(), lambda source: False)


class SlowSources:
    """Takes a while for each picture; `most` is how many were read at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = self.most = self.begun = 0

    def read(self, path: str, stat: FileStat) -> tuple[bytes, FileStat]:
        with self._lock:
            self._now += 1
            self.begun += 1
            self.most = max(self.most, self._now)
        time.sleep(0.002)
        with self._lock:
            self._now -= 1
        if path.endswith("3.png"):
            raise ImageError(path, "it is gone")
        return path.encode(), stat


def pictures(count: int, size: int) -> Iterator[Source]:
    for number in range(count):
        stat = FileStat(size, 0, (0, 0, 0))
        yield Source(f"s3://b/{number}.png", stat, NOTHING, ())


def names(coming: Iterator[Source | Coming]) -> list[str]:
    """What came, as the decoders take it."""
    found = []
    for one in coming:
        assert isinstance(one, Coming)
        try:
            found.append(one.brought.result().data.decode())
        except ImageError as error:
            found.append(f"failed {error.name}")
        one.held.end()
    return found


@pytest.fixture
def slow() -> SlowSources:
    return SlowSources()


@pytest.fixture
def ahead(slow: SlowSources) -> Iterator[ReadAhead]:
    ahead = ReadAhead(cast(Any, slow), SaidLimits(), largest=100)
    yield ahead
    ahead.close()


def test_many_are_read_at_once_and_come_in_order(ahead: ReadAhead, slow: SlowSources) -> None:
    found = names(ahead.over(pictures(100, 10)))
    assert [name.rpartition("/")[2] for name in found] == [f"{n}.png" for n in range(100)]
    assert [n for n, name in enumerate(found) if name.startswith("failed")] == [*range(3, 100, 10)]
    assert 4 < slow.most <= read_ahead.READERS


def test_no_more_is_read_than_the_memory_holds(
    slow: SlowSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "AHEAD_BYTES", 250)
    ahead = ReadAhead(cast(Any, slow), SaidLimits(), largest=100)
    coming = ahead.over(pictures(20, 100))
    next(coming)
    time.sleep(0.02)
    assert slow.begun == 2, "100 of 250 bytes each"
    coming = ahead.over(pictures(0, 0))
    assert names(coming) == []
    assert len(names(ahead.over(pictures(9, 10**12)))) == 9, "one at a time, however large"
    ahead.close()


def test_files_of_this_machine_pass_as_they_are(ahead: ReadAhead) -> None:
    local = [Source(f"/{number}.png", FileStat(1, 0, (0, 0, 0)), NOTHING) for number in range(99)]
    assert list(ahead.over(local)) == local
