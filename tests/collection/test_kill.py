"""kill -9 at any moment: what was committed stays, the next run completes, no view lies."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.store.index_sync import IndexSync
from mmembed.store.sqlite import Catalog
from mmembed.store.vectors import VectorView
from mmembed.types import KINDS, Term
from tests.fake_encoder import COLOURS
from tests.folder_store import folder_store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PICTURES = 150
KILLS = 5

INDEXING = """
import sys, time
from pathlib import Path
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.ingest import pipeline
from tests.fake_encoder import FakeEncoder

class Slow(FakeEncoder):
    def embed_preprocessed(self, pixels):
        time.sleep(0.003 * len(pixels))
        return super().embed_preprocessed(pixels)

def show(done, total, failed):
    print(done, flush=True)
    if done >= limit:
        time.sleep(600)  # to be killed, however late the killer is

pipeline.COMMIT_IMAGES = 4
data, photos, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
settings = Settings.from_env({}, data=data, model="fake", batch=4, exact_limit=5)
with Collection(settings, load=lambda name: Slow()) as collection:
    report = collection.index([photos], progress=show)
print("embedded", report.embedded, len(report.failures), flush=True)
"""

PUBLISHING = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from mmembed.store.sqlite import Catalog
from mmembed.store.vectors import snapshot
from mmembed.store.index_sync import IndexSync
from tests.collection.test_kill import check_views

folder, rounds, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(20)

def die_at(step):
    # Just before and just after every fsync and rename of a snapshot.
    calls = iter(range(10**9))
    def dying(real):
        def call(*arguments):
            if next(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments)
            if next(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return call
    snapshot.os.fsync, snapshot.Path.replace = dying(os.fsync), dying(Path.replace)

def work(number, step):
    catalog = Catalog(folder)
    catalog.claim(Model("four", "f", 4))
    views, random = IndexSync(catalog, exact_limit=5), np.random.default_rng(number)
    if step is not None:
        die_at(step)
    with open(folder / "acknowledged", "a") as acknowledged:
        for turn in range(10**9):
            vector, words = random.normal(size=(2, 4))
            caption = CaptionEntry(f"{number}-{turn}", words)
            name = f"/{number}-{turn}"
            entry = ImageEntry(name, name, vector, 1, 1, 1, "PNG", 1, captions=(caption,))
            [item_id] = catalog.write([entry])
            acknowledged.write(f"{name}\\n")
            acknowledged.flush()
            if turn % 3 == 2:
                catalog.remove([item_id])
            views.publish()

def check():
    catalog = Catalog(folder)
    known = set(catalog.known_files())
    for name in (folder / "acknowledged").read_text().split():
        if int(name.rpartition("-")[2]) % 3 != 2:
            assert name in known, name
    check_views(catalog)
    assert catalog.check() == []

def fork(task, *arguments):
    child = os.fork()
    if not child:
        status = 1
        try:
            task(*arguments)
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(status)
    return child

steps = 2 * (4 * 2 + 2)  # two views of two files and a folder each; before and after
for number in range(rounds):
    step = number if number < steps else None
    child = fork(work, number, step)
    if step is None:
        time.sleep(chance.uniform(0.01, 0.08))
        os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert os.waitstatus_to_exitcode(os.waitpid(fork(check), 0)[1]) == 0, number
print("survived", rounds, flush=True)
"""


def check_views(catalog: Catalog) -> list[bool]:
    """That views from disk answer as rebuilt ones; and whether each was taken from disk."""
    taken = []
    model = catalog.model()
    assert model is not None
    for kind in KINDS:
        path = catalog.folder / f"{kind}s.usearch"
        trial = VectorView(path, kind=kind, dim=model.dim, exact_limit=10**6)
        taken.append(trial.load(catalog.identity, model.fingerprint))
        found = IndexSync(catalog, exact_limit=5).view(kind)
        assert found is not None
        found.exact_limit = 10**6  # cells that are built anew may find others
        built = VectorView(path, kind=kind, dim=model.dim, exact_limit=10**6)
        built.rebuild(catalog.all_embeddings(kind), catalog.last_change(), cells=True)
        assert found.ids().tolist() == built.ids().tolist()
        for ids, vectors in catalog.all_embeddings(kind, chunk=50):
            query = vectors[len(ids) // 2].astype("float32")
            one, other = found.search(query, 20), built.search(query, 20)
            assert one.ids.tolist() == other.ids.tolist()
            assert one.scores.tolist() == other.scores.tolist()
    return taken


def run(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_after(process: subprocess.Popen[str], done: int, chance: random.Random) -> int:
    """Kill once so many pictures are reported as done, at no particular point of what comes
    then; returns how many were reported in the end."""
    assert process.stdout
    reported = 0
    for line in process.stdout:
        reported = int(line)
        if reported >= done:
            time.sleep(chance.uniform(0, 0.02))
            process.kill()
            break
    rest = [int(line) for line in process.stdout.read().split() if line.isdigit()]
    process.wait()
    assert process.returncode == -9
    return max([reported, *rest])


def test_an_indexing_that_is_killed_again_and_again_completes(
    tmp_path: Path, picture: Callable[..., Path], open_collection: Callable[..., Collection]
) -> None:
    chance = random.Random(10)
    colours = list(COLOURS)
    for number in range(PICTURES):
        path = picture(f"{number % 7}/{number:03}.png", colours[number % 12], seed=number + 1)
        path.with_suffix(".txt").write_text(f"picture {number}\nin {colours[number % 12]}")
    data, photos = tmp_path / "data", tmp_path / "photos"
    done = 0
    for _ in range(KILLS):
        target = done + chance.randint(1, 14)
        with run(INDEXING, data, photos, target + 8) as process:
            done = kill_after(process, target, chance)
        with sqlite3.connect(data / "catalog.sqlite3") as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            [(images,)] = db.execute("SELECT count(*) FROM items WHERE kind = 'image'")
            [(paths,)] = db.execute("SELECT count(DISTINCT path) FROM items WHERE kind = 'image'")
        db.close()
        assert done <= images == paths <= PICTURES
    with run(INDEXING, data, photos, PICTURES + 1) as process:
        lines = process.communicate()[0].splitlines()
    assert process.returncode == 0
    assert 0 < int(lines[0]) < PICTURES  # it went on where the last one ended
    assert lines[-1] == f"embedded {PICTURES - int(lines[0])} 0"

    collection = open_collection()
    catalog = folder_store(collection)
    assert sorted(catalog.known_files()) == sorted(map(str, photos.rglob("*.png")))
    assert catalog.count("image") == PICTURES
    assert catalog.count("caption") == 2 * PICTURES
    assert catalog.extent("image")[1] == PICTURES
    assert catalog.failures() == []
    assert check_views(catalog) == [True, True]
    before = collection.search([Term(text="red")], k=40).hits
    collection.rebuild()
    assert collection.search([Term(text="red")], k=40).hits == before


def test_a_process_that_is_killed_while_it_publishes_leaves_no_lie(tmp_path: Path) -> None:
    with run(PUBLISHING, tmp_path, 40) as process:
        output = process.communicate()[0]
    assert process.returncode == 0
    assert output.split() == ["survived", "40"]
    stamp = json.loads((tmp_path / "images.usearch.json").read_text())
    assert stamp["count"] > 0
    assert os.path.getsize(tmp_path / "images.usearch") > 0
