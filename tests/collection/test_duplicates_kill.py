"""kill -9 at any step of a move: no picture is lost, and undoing brings all back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.photographs import jpeg, photograph
from tests.serving import PATIENCE_S, ROOT, environment

pytestmark = pytest.mark.slow

MOVING = """
import errno, hashlib, os, signal, sys, traceback
from itertools import count
from pathlib import Path
from mmembed import files
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.store.folder_store import FolderStore
from tests.fake_encoder import FakeEncoder

data, photos, spare, across = *map(Path, sys.argv[1:4]), sys.argv[4] == "across"

def opened():
    return Collection(Settings.from_env({}, data=data, model="fake"), load=lambda _: FakeEncoder())

def quiet(*_):
    pass

def contents(*folders):
    paths = [p for folder in folders for p in folder.rglob("*.jpg") if p.stat().st_size]
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)

def in_child(work):
    child = os.fork()
    if not child:
        code = 1
        try:
            code = work() or 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]

def die_at(step):
    # Just before and just after each call that changes a disk or the catalog.
    calls = count()
    def dying(real):
        def call(*arguments, **options):
            if next(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments, **options)
            if next(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return call
    def move(path, to, move=files.move):
        if across:
            raise OSError(errno.EXDEV, "another disk")
        move(path, to)
    files.sync, files.move, os.unlink = dying(files.sync), dying(move), dying(os.unlink)
    os.utime, FolderStore.move = dying(os.utime), dying(FolderStore.move)

def begin():
    with opened() as collection:
        collection.index([photos], progress=quiet)

def interrupted(step):
    with opened() as collection:
        die_at(step)
        collection.move_duplicates(spare)

def undone():
    with opened() as collection:
        collection.move_duplicates(spare / "second")  # whatever came of the first one
        for folder in (spare / "second", spare):
            for log in folder.glob("*.jsonl"):
                moved = collection.undo_moves(log, quiet)
                assert not moved.failures, moved.failures
                log.unlink()
        known = {item.path for item in collection.items(limit=100, kind="image")}
        assert known == {str(path) for path in photos.glob("*.jpg")}, known

assert in_child(begin) == 0
whole = contents(photos)
for step in count():
    killed = in_child(lambda: interrupted(step)) == signal.SIGKILL
    assert set(contents(photos, spare)) == set(whole), step
    assert in_child(undone) == 0, step
    assert contents(photos) == whole, step
    assert not contents(spare), step
    if not killed:
        break
print("steps", step)
"""


@pytest.mark.parametrize("disk", ["same", "across"])
def test_a_killed_move_loses_no_picture(tmp_path: Path, disk: str) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shot = photograph(0, (96, 64))
    for name, data in (("a", jpeg(shot, 95)), ("b", jpeg(shot, 95)), ("c", jpeg(shot, 50))):
        (photos / f"{name}.jpg").write_bytes(data)
    finished = subprocess.run(
        [sys.executable, "-c", MOVING, tmp_path / "data", photos, tmp_path / "spare", disk],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=4 * PATIENCE_S,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout.split()[-1]) > 8
