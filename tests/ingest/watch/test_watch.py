"""What happened → what is indexed, settled and told, with a clock of its own and no store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mmembed.errors import StoreBusy
from mmembed.ingest.exclusions import Passing
from mmembed.ingest.watch import Note, Outcome, Timing, Watch

MakePicture = Callable[..., Path]
TIMING = Timing(still=2, gone=10, poll=1, roots=1, retry=5)


class Noted:
    """Stands for a collection: `did` has what it was asked to do."""

    def __init__(self) -> None:
        self.did: list[tuple[str, list[str]]] = []
        self.outcomes: list[Outcome | Exception] = []

    def passing(self) -> Passing:
        return Passing()

    def count(self, root: str) -> int:
        return 7

    def index(self, roots: Sequence[str], files: set[str], missing: Sequence[str]) -> Outcome:
        self.did.append(("index", sorted(map(os.path.basename, files))))
        return self._outcome()

    def settle(self, roots: Sequence[str], gone: Sequence[str]) -> Outcome:
        self.did.append(("settle", sorted(map(os.path.basename, gone))))
        return self._outcome() if self.outcomes else Outcome([Note("gone", path) for path in gone])

    def _outcome(self) -> Outcome:
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Watched:
    def __init__(self, *roots: Path) -> None:
        self.now = 0.0
        self.notes: list[Note] = []
        self.work = Noted()
        self.watch = Watch(
            [str(root) for root in roots], self.work, self.notes.append, TIMING,
            poll=True, clock=lambda: self.now,
        )  # fmt: skip
        self.watch.start()

    def after(self, seconds: float) -> list[tuple[str, list[str]]]:
        """What was done within so many seconds."""
        for _ in range(round(seconds)):
            self.now += 1
            self.watch.step([])
        did, self.work.did = self.work.did, []
        return did

    def said(self) -> list[str]:
        said: list[str] = [note.what for note in self.notes]
        self.notes.clear()
        return said


@pytest.fixture
def watched(picture: MakePicture, photos: Path) -> Watched:
    picture("a.png")
    picture("b.png", "blue")
    return Watched(photos)


def test_new_and_changed_files_are_indexed_once(
    watched: Watched, picture: MakePicture, photos: Path
) -> None:
    assert watched.after(20) == []
    picture("c.png", "green")
    picture("a.png", "black")
    assert watched.after(10) == [("index", ["a.png", "c.png"])]
    assert watched.after(20) == []


def test_a_deleted_file_is_told_of_once_and_its_return_too(
    watched: Watched, picture: MakePicture, photos: Path
) -> None:
    (photos / "a.png").unlink()
    assert watched.after(20) == [("settle", ["a.png"])]
    picture("a.png")
    assert watched.after(20) == [("index", ["a.png"])]
    assert watched.said() == ["gone", "back"]


def test_texts_concern_their_pictures(watched: Watched, photos: Path) -> None:
    (photos / "a.txt").write_text("words")
    assert watched.after(10) == [("index", ["a.png", "a.txt"])]
    (photos / "a.txt").unlink()
    assert watched.after(20) == [("index", ["a.png", "a.txt"])]
    (photos / "captions.csv").write_text("file_name,caption\na.png,words")
    assert watched.after(10) == [("index", ["captions.csv", "photos"])]


def test_a_broken_file_is_tried_again_when_it_changes(
    watched: Watched, picture: MakePicture, photos: Path
) -> None:
    broken = photos / "c.png"
    broken.write_bytes(b"half")
    watched.work.outcomes = [Outcome([Note("failed", str(broken), "why")], {str(broken): "why"})]
    assert watched.after(10) == [("index", ["c.png"])]
    watched.watch.step([str(broken)])  # an event without a change, such as of its being read
    assert watched.after(10) == []
    picture("c.png")
    assert watched.after(10) == [("index", ["c.png"])]
    assert watched.said() == ["failed"]


def test_while_another_process_indexes_it_is_tried_again(
    watched: Watched, picture: MakePicture
) -> None:
    picture("c.png")
    watched.work.outcomes = [StoreBusy("busy"), StoreBusy("busy")]
    did = watched.after(30)
    assert did == [("index", ["c.png"])] * 3
    assert watched.said() == ["waiting"]


def test_a_folder_that_vanishes_with_work_to_do_keeps_its_pictures(
    watched: Watched, picture: MakePicture, photos: Path
) -> None:
    (photos / "a.png").unlink()
    assert watched.after(5) == []
    shutil.move(photos, photos.with_name("elsewhere"))
    assert watched.after(30) == []
    assert watched.said() == ["away"]
    shutil.move(photos.with_name("elsewhere"), photos)
    assert watched.after(30) == []
    assert watched.said() == ["back"]


def test_a_folder_whose_files_all_go_at_once_keeps_them(watched: Watched, photos: Path) -> None:
    for path in photos.iterdir():
        watched.watch.step([str(path)])
        path.unlink()
    assert watched.after(40) == []
    assert watched.said() == ["away"]


def test_a_clock_that_is_set_back_changes_nothing(watched: Watched, photos: Path) -> None:
    """File times of another time are times like any others."""
    for name, when in (("a.png", 1.0), ("b.png", 4e9)):
        os.utime(photos / name, (when, when))
    assert watched.after(10) == [("index", ["a.png", "b.png"])]


def test_many_files_are_indexed_in_parts(
    watched: Watched, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmembed.ingest.watch.watch.BATCH", 2)
    for number in range(5):
        (photos / f"{number}.png").touch()
    assert [files for _, files in watched.after(10)] == [
        ["0.png", "1.png"], ["2.png", "3.png"], ["4.png"],
    ]  # fmt: skip


def test_an_interrupt_during_an_indexing_ends_the_watch(
    watched: Watched, picture: MakePicture
) -> None:
    picture("c.png")
    watched.work.outcomes = [Outcome(interrupted=True)]
    with pytest.raises(KeyboardInterrupt):
        watched.after(10)
