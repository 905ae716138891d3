"""Events of a real system."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmembed.ingest.watch.file_events import FileEvents, NoEvents
from tests.serving import PATIENCE_S

pytest.importorskip("watchfiles")


@pytest.fixture
def events(photos: Path) -> Iterator[FileEvents]:
    events = FileEvents()
    try:
        events.watch([str(photos)])
    except NoEvents as error:
        pytest.skip(str(error))
    yield events
    events.close()


def await_paths(events: FileEvents, *paths: Path) -> None:
    missing = {str(path) for path in paths}
    deadline = time.monotonic() + PATIENCE_S
    while missing:
        assert time.monotonic() < deadline, missing
        missing -= events.wait(0.1)


@pytest.mark.slow
def test_all_that_happens_in_a_folder_is_told(events: FileEvents, photos: Path) -> None:
    one, two = photos / "a.png", photos / "b.png"
    one.touch()
    await_paths(events, one)
    one.rename(two)
    await_paths(events, one, two)
    deep = photos / "deep"
    deep.mkdir()
    await_paths(events, deep)
    events.watch([str(photos), str(deep)])
    (deep / "c.png").touch()
    two.unlink()
    await_paths(events, deep / "c.png", two)


@pytest.mark.slow
def test_a_name_that_cannot_be_told_ends_the_events_and_they_begin_anew(
    events: FileEvents, photos: Path
) -> None:
    try:
        open(os.fsencode(photos) + b"/\xff.png", "wb").close()
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(NoEvents):
        await_paths(events, photos / "never.png")
    events.watch([str(photos)])
    (photos / "a.png").touch()
    await_paths(events, photos / "a.png")


def test_folders_that_are_gone_are_left_out(photos: Path) -> None:
    events = FileEvents()
    events.watch([str(photos / "gone")])
    assert events.wait(0) == set()
    events.close()
