"""Where it is looked, and what counts as changed: without events, and without a store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.ingest.exclusions import Passing, patterns_of
from mmembed.ingest.watch.file_events import FileEvents, NoEvents
from mmembed.ingest.watch.folders import Folders
from mmembed.ingest.watch.outcomes import Note
from mmembed.ingest.watch.timing import Timing

MakePicture = Callable[..., Path]
TIMING = Timing(poll=30, roots=1)


class NoWatcher(FileEvents):
    """Remembers the watched folders; `limit` is the most that the system allows."""

    def __init__(self, limit: int = 1000) -> None:
        super().__init__()
        self.limit = limit
        self.folders: set[str] = set()

    def watch(self, folders: object) -> None:
        wanted = set(folders)  # type: ignore[call-overload]
        if len(wanted) > self.limit:
            raise NoEvents("OS file watch limit reached")
        self.folders = wanted


class Watched:
    """Some watched folders with their notes."""

    def __init__(self, *roots: Path, poll: bool = True, limit: int = 1000) -> None:
        self.notes: list[tuple[str, str, str]] = []
        self.events = NoWatcher(limit)
        passing = Passing(patterns_of(["private"]))
        paths = [str(root) for root in roots]
        self.folders = Folders(paths, lambda: passing, self.events, TIMING, self._tell, poll=poll)
        self.now = 0.0
        self.folders.start(self.now)
        self.folders.announce()

    def _tell(self, note: Note) -> None:
        self.notes.append((note.what, Path(note.path).name, note.said))

    def step(self, *changed: Path, seconds: float = 0.0) -> set[str]:
        """The names of files that are noted."""
        self.now += seconds
        noted = self.folders.step([str(path) for path in changed], self.now)
        return {os.path.basename(path) for path in noted}

    def said(self) -> list[str]:
        said, self.notes = [note[0] for note in self.notes], []
        return said


def test_looks_find_all_that_no_event_told(picture: MakePicture, photos: Path) -> None:
    picture("a.png")
    deep = picture("deep/b.png")
    watched = Watched(photos)
    assert watched.said() == ["polling"]
    assert watched.step(seconds=31) == set()
    picture("c.png")
    deep.unlink()
    (photos / "a.txt").write_text("words")
    (photos / "notes.md").write_text("no words of a picture")
    picture("private/hidden.png")
    picture("deep/.dot.png")
    assert watched.step(seconds=5) == set()
    assert watched.step(seconds=31) == {"c.png", "b.png", "a.txt"}
    assert watched.step(seconds=31) == set()


def test_events_of_what_the_rules_pass_over_are_passed_over(
    picture: MakePicture, photos: Path
) -> None:
    picture("a.png")
    private, other = picture("private/p.png"), photos / "other.md"
    other.touch()
    (photos / "linked").symlink_to(private.parent)
    watched = Watched(photos, poll=False)
    assert watched.events.folders == {str(photos)}
    assert watched.step(photos / "a.png", private, other, photos / "linked") == {"a.png"}
    assert watched.step(photos / "linked" / "p.png", photos / "gone.png") == {"gone.png"}


def test_new_folders_are_watched_and_their_files_taken(picture: MakePicture, photos: Path) -> None:
    watched = Watched(photos, poll=False)
    picture("new/deep/a.png")
    picture("new/private/b.png")
    assert watched.step(photos / "new") == {"new", "deep", "a.png"}
    assert watched.events.folders == {str(photos / name) for name in ("", "new", "new/deep")}
    shutil.rmtree(photos / "new")
    assert watched.step(photos / "new") == {"new"}
    assert watched.step(photos / "new" / "deep" / "a.png") == set()


def test_a_folder_that_vanishes_is_awaited_and_nothing_of_it_is_gone(
    picture: MakePicture, photos: Path
) -> None:
    picture("a.png")
    picture("b.png")
    watched = Watched(photos)
    shutil.move(photos, photos.with_name("elsewhere"))
    assert watched.step(photos / "a.png", seconds=31) == set()
    assert watched.said() == ["polling", "away"]
    photos.mkdir()  # the place where a disk is mounted
    assert watched.step(photos / "a.png", seconds=31) == set()
    photos.rmdir()
    shutil.move(photos.with_name("elsewhere"), photos)
    (photos / "b.png").unlink()
    picture("c.png")
    assert watched.step(seconds=2) == {"c.png"}
    [(what, _, said)] = watched.notes
    assert (what, said) == ("back", "1 of its files are not in it; their pictures stay")


def test_a_folder_that_is_emptied_at_once_is_perhaps_a_disk(
    picture: MakePicture, photos: Path
) -> None:
    one = picture("a.png")
    watched = Watched(photos)
    one.unlink()
    assert watched.step(seconds=31) == set()
    assert watched.said() == ["polling", "away"]
    picture("a.png", "blue")
    assert watched.step(seconds=2) == {"a.png"}
    assert watched.said() == ["back"]


def test_without_room_for_watches_it_is_looked_now_and_then(
    picture: MakePicture, photos: Path
) -> None:
    picture("a.png")
    watched = Watched(photos, poll=False, limit=1)
    assert watched.said() == ["watching"]
    picture("new/b.png")
    watched.step(photos / "new")
    [(what, _, said)] = watched.notes
    assert what == "polling"
    assert said == "OS file watch limit reached; it is looked at every 30 s"
    picture("new/c.png")
    assert watched.step(seconds=31) >= {"c.png"}


def test_events_that_end_begin_anew_and_all_is_looked_at(
    picture: MakePicture, photos: Path
) -> None:
    watched = Watched(photos, poll=False)
    watched.events.folders = set()
    picture("a.png")
    watched.folders.events_ended(NoEvents("Unable to decode path"), watched.now)
    assert watched.step(seconds=1) == set()  # not again and again
    assert watched.step(seconds=5) == {"a.png"}
    assert watched.events.folders == {str(photos)}


def test_a_folder_without_permission_hides_its_files(
    picture: MakePicture, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture("a.png")
    closed = picture("closed/b.png").parent
    watched = Watched(photos)
    real = os.scandir

    def scandir(path: str) -> object:
        if path == str(closed):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert watched.step(seconds=31) == set()
    monkeypatch.undo()
    assert watched.step(seconds=31) == set()


def test_watched_folders_may_overlap(picture: MakePicture, photos: Path) -> None:
    picture("a.png")
    inner = picture("private/b.png").parent
    watched = Watched(photos, inner, poll=False)
    assert watched.events.folders == {str(photos), str(inner)}
    assert watched.step(inner / "b.png", photos / "a.png") == {"a.png", "b.png"}


def test_names_that_are_no_unicode_are_passed_over(photos: Path) -> None:
    watched = Watched(photos, poll=False)
    broken = os.fsencode(photos) + b"/\xff"
    try:
        os.mkdir(broken)
    except OSError:
        pytest.skip("this file system has no such names")
    (photos / os.fsdecode(b"\xff") / "a.png").touch()
    assert watched.step(Path(os.fsdecode(broken))) <= {os.fsdecode(b"\xff"), "a.png"}
    assert watched.events.folders == {str(photos)}
