"""Files are taken once they lie still, and count as gone once they are gone for a while."""

from __future__ import annotations

import pytest

from mmembed.ingest.watch.states import State
from mmembed.ingest.watch.timing import Timing
from mmembed.ingest.watch.waiting import Waiting
from mmembed.sources.entries import FileStat

TIMING = Timing(still=2, gone=10)


def stat(size: int) -> FileStat:
    return FileStat(size, 1, (1, 1, 1))


class Disk:
    """Files with sizes, in place of real ones."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}

    def state(self, path: str) -> State:
        return stat(self.sizes[path]) if path in self.sizes else None


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def waiting(disk: Disk) -> Waiting:
    return Waiting(TIMING, disk.state)


def test_a_file_that_grows_for_a_minute_is_taken_once_it_is_whole(
    disk: Disk, waiting: Waiting
) -> None:
    for second in range(60):
        disk.sizes["/a.jpg"] = second
        waiting.note("/a.jpg", second)
        assert waiting.due(second) == ({}, [])
    assert waiting.due(60) == ({}, [])  # it grew since it was looked at last
    assert waiting.due(61.9) == ({}, [])
    assert waiting.due(62) == ({"/a.jpg": stat(59)}, [])
    assert waiting.due(99) == ({}, [])


def test_a_file_that_stands_still_is_not_held_up_by_others(disk: Disk, waiting: Waiting) -> None:
    disk.sizes |= {"/still.jpg": 1, "/grows.jpg": 1}
    waiting.note("/still.jpg", 0)
    waiting.note("/grows.jpg", 0)
    disk.sizes["/grows.jpg"] = 2
    assert waiting.due(2) == ({"/still.jpg": stat(1)}, [])


def test_a_file_that_is_saved_by_deleting_it_first_is_never_gone(
    disk: Disk, waiting: Waiting
) -> None:
    waiting.note("/a.jpg", 0)
    assert waiting.gone() == ["/a.jpg"]
    assert waiting.due(9) == ({}, [])
    disk.sizes["/a.jpg"] = 5
    assert waiting.due(10) == ({}, [])
    assert waiting.due(12) == ({"/a.jpg": stat(5)}, [])


def test_a_deleted_file_is_gone_after_a_while(disk: Disk, waiting: Waiting) -> None:
    disk.sizes["/a.jpg"] = 1
    waiting.note("/a.jpg", 0)
    del disk.sizes["/a.jpg"]
    assert waiting.due(2) == ({}, [])
    assert waiting.due(11.9) == ({}, [])
    assert waiting.due(12) == ({}, ["/a.jpg"])


def test_a_folder_that_vanishes_takes_its_files_along(waiting: Waiting) -> None:
    for path in ("/disk/a.jpg", "/disk/deep/b.jpg", "/disk 2/c.jpg"):
        waiting.note(path, 0)
    waiting.forget_below(["/disk"])
    assert waiting.gone() == ["/disk 2/c.jpg"]
