"""What many ask for is done once."""

from __future__ import annotations

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mmembed.cancellation import Caller, working_for
from mmembed.collection.collection import Collection
from mmembed.collection.single_flight import SingleFlight
from mmembed.errors import Abandoned, MmembedError, StoreError, StoreFull
from mmembed.store import thumbnail_cache
from tests.collection.uploaded_files import RED
from tests.serving import PATIENCE_S


@pytest.mark.slow
def test_a_thumbnail_that_many_ask_for_is_rendered_once(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = collection.add_image(RED, name="a")
    thumbnail_cache.forget(thumbnail_cache.folder_in(collection.settings.data), item.sha256)
    decoded: list[Any] = []
    real = Collection._decoded

    def slow(self: Collection, *arguments: Any) -> Any:
        decoded.append(arguments)
        time.sleep(0.2)
        return real(self, *arguments)

    monkeypatch.setattr(Collection, "_decoded", slow)
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(lambda _: collection.thumbnail(item.id, 320)[0], range(12)))
    assert len(set(found)) == 1
    assert len(decoded) == 1


def test_what_fails_once_fails_for_all_who_wait_and_is_tried_anew_later() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    begun, go = threading.Event(), threading.Event()

    def fail() -> int:
        begun.set()
        assert go.wait(PATIENCE_S)
        raise MmembedError("no")

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(flights.run, "a", fail)
        assert begun.wait(PATIENCE_S)
        others = [threads.submit(flights.run, "a", lambda: 1) for _ in range(2)]
        time.sleep(0.1)
        go.set()
        for one in (first, *others):
            with pytest.raises(MmembedError):
                one.result(PATIENCE_S)
    assert flights.run("a", lambda: 2) == 2


def test_who_waits_does_the_work_of_one_who_leaves() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    begun, go = threading.Event(), threading.Event()

    def leave() -> int:
        begun.set()
        assert go.wait(PATIENCE_S)
        raise Abandoned("left")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(flights.run, "a", leave)
        assert begun.wait(PATIENCE_S)
        other = threads.submit(flights.run, "a", lambda: 3)
        time.sleep(0.1)
        go.set()
        assert other.result(PATIENCE_S) == 3
        with pytest.raises(Abandoned):
            first.result(PATIENCE_S)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EFBIG, StoreFull),
     (errno.EIO, StoreError)],
)  # fmt: skip
def test_an_upload_without_room_is_told_so(
    collection: Collection,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[StoreError],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("mmembed.files.replace", refuse)
    with pytest.raises(StoreError, match="the upload cannot be kept") as failed:
        collection.add_image(RED, name="a")
    assert type(failed.value) is kind


def test_a_caller_who_leaves_waits_no_longer() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    begun, go = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        assert go.wait(PATIENCE_S)
        return 1

    def wait(caller: Caller) -> int:
        with working_for(caller):
            return flights.run("a", slow)

    caller = Caller()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(flights.run, "a", slow)
        assert begun.wait(PATIENCE_S)
        other = threads.submit(wait, caller)
        caller.leave()
        with pytest.raises(Abandoned):
            other.result(PATIENCE_S)
        go.set()
        assert first.result(PATIENCE_S) == 1
