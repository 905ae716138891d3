"""A read that a filter makes slow ends with its caller, with the catalog, and after some time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from mmembed.cancellation import Caller, working_for
from mmembed.errors import Abandoned, MmembedError, Overloaded, QueryError, StoreError
from mmembed.filters.parse import parse_where
from mmembed.store.entries import CaptionEntry, ImageEntry
from mmembed.store.sqlite import Catalog, slow_reads
from mmembed.store.sqlite.slow_reads import SlowReads
from tests.endless_filters import make_endless
from tests.serving import eventually

Entry = Callable[..., ImageEntry]
SOME = parse_where("tag:x")
READS: dict[str, Callable[[Catalog], object]] = {
    "count": lambda catalog: catalog.count("image", SOME),
    "page": lambda catalog: catalog.page(after=0, limit=5, kind="image", where=SOME),
    "vectors": lambda catalog: catalog.vectors_matching("image", SOME),
    "captions": lambda catalog: catalog.caption_vectors_matching(SOME),
    "images": lambda catalog: catalog.images_of_vectors([1], "image", SOME),
    "items": lambda catalog: catalog.items_of_vectors([1], SOME),
    "words": lambda catalog: catalog.match_words("boat", 5, SOME),
}


@pytest.fixture
def slow(catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """A catalog whose filters never end."""
    words = (CaptionEntry("boat", np.array((0, 1, 0, 0), np.float32)),)
    catalog.write([entry("/a.jpg", tags=("x",), captions=words)])
    make_endless(monkeypatch.setattr)
    yield catalog
    catalog.close()


def reading(
    pool: ThreadPoolExecutor, read: Callable[[], object], caller: Caller | None = None
) -> Future[Any]:
    """A read for a caller, which has begun."""
    begun = threading.Event()

    def run() -> object:
        with working_for(caller or Caller()):
            begun.set()
            return read()

    future = pool.submit(run)
    assert begun.wait(10)
    return future


@pytest.mark.slow
@pytest.mark.parametrize("name", READS)
def test_a_read_ends_when_its_caller_leaves(slow: Catalog, name: str) -> None:
    caller = Caller()
    with ThreadPoolExecutor(1) as pool:
        future = reading(pool, lambda: READS[name](slow), caller)
        time.sleep(0.05)
        assert not future.done()
        caller.leave()
        with pytest.raises(Abandoned):
            future.result(30)
    assert slow.item(1).path == "/a.jpg"


@pytest.mark.slow
@pytest.mark.parametrize("name", READS)
def test_a_read_ends_after_some_time(slow: Catalog, name: str) -> None:
    slow._readers._slow = SlowReads(limit_s=0.1)
    with ThreadPoolExecutor(1) as pool:
        future = reading(pool, lambda: READS[name](slow))
        with pytest.raises(QueryError, match=r"longer than 0.1 s.*fewer conditions") as raised:
            future.result(30)
    assert raised.value.param == "where"


@pytest.mark.parametrize("caller", [Caller(), Caller(patient=True)])
def test_reads_end_when_the_catalog_is_closed(slow: Catalog, caller: Caller) -> None:
    with ThreadPoolExecutor(12) as pool:
        futures = [reading(pool, lambda: READS["count"](slow), caller) for _ in range(12)]
        eventually(lambda: len(slow._readers._slow._running) == slow_reads.MOST)
        started = time.monotonic()
        slow.close()
        assert time.monotonic() - started < 9
        for future in futures:
            with pytest.raises(StoreError, match="closed"):
                future.result(30)


def test_slow_reads_keep_no_other_waiting(slow: Catalog) -> None:
    caller = Caller()
    with ThreadPoolExecutor(20) as pool:
        futures = [reading(pool, lambda: READS["count"](slow), caller) for _ in range(20)]
        eventually(lambda: len(slow._readers._slow._running) == slow_reads.MOST)
        assert slow.item(1).path == "/a.jpg"
        assert slow.troubles() == []
        caller.leave()
        for future in futures:
            with pytest.raises(Abandoned):
                future.result(30)


@pytest.mark.slow
def test_who_waits_too_long_for_slow_reads_of_others_is_told(slow: Catalog) -> None:
    slow._readers._slow = limits = SlowReads(limit_s=0.3, most=1)
    owner = Caller(patient=True)
    with ThreadPoolExecutor(2) as pool:
        first = reading(pool, lambda: READS["count"](slow), owner)
        eventually(lambda: len(limits._running) == 1)
        second = reading(pool, lambda: READS["count"](slow))
        with pytest.raises(Overloaded, match="slow filters of other requests"):
            second.result(30)
        assert not first.done()  # the command line waits for any time
        owner.leave()
        with pytest.raises(MmembedError):
            first.result(30)


def test_a_quick_read_needs_no_thread_after_a_while(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_reads, "CHECK_S", 0.001)
    for _ in range(2):
        assert catalog.count("image", SOME) == 0
        eventually(lambda: catalog._readers._slow._thread is None)
