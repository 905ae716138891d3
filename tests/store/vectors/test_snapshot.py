"""A snapshot comes back as it was or not at all."""

from __future__ import annotations

import errno
import json
import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmembed.errors import StoreError
from mmembed.store.vectors import VectorView, snapshot
from mmembed.store.vectors.cells import Cells
from tests.store.vectors.clustered import DIM, Vectors, clustered, view_of


def cells_of(view: VectorView) -> Cells:
    cells = view._now.cells
    assert cells is not None
    return cells


def base_of(array: Any) -> object:
    """What holds the bytes of an array."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


def reload(path: Path, **other: Any) -> VectorView | None:
    given = {"kind": "image", "dim": DIM, "collection": "collection", **other}
    view = VectorView(path, kind=given["kind"], dim=given["dim"], exact_limit=10)
    trusted = view.load(given["collection"], given.get("fingerprint", "fingerprint"))
    if trusted:
        return view
    assert len(view) == 0
    assert (view.seq, view.has_cells) == (0, False)
    return None


def copy_of(saved: VectorView, folder: Path) -> Path:
    path = folder / "images.usearch"
    shutil.copy(saved.path, path)
    shutil.copy(snapshot.sidecar(saved.path), snapshot.sidecar(path))
    return path


def test_a_snapshot_comes_back_as_it_was(saved: VectorView) -> None:
    loaded = reload(saved.path)
    assert loaded
    assert loaded.ids().tolist() == saved.ids().tolist()
    assert (loaded.seq, loaded.unsaved, loaded.mark) == (60, False, "mark")
    assert cells_of(loaded).reach == cells_of(saved).reach
    for query in clustered(5, seed=2):
        assert loaded.search(query, 9).ids.tolist() == saved.search(query, 9).ids.tolist()
        assert loaded.search(query, 9).scores.tolist() == saved.search(query, 9).scores.tolist()


def test_a_snapshot_of_an_earlier_version_is_not_read_and_says_so(
    saved: VectorView, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A graph over all vectors, which took its place until cells came."""
    path = copy_of(saved, tmp_path)
    former = {
        "layout": 2,
        "collection": "collection",
        "expansion": 96,
        "further": None,
        "nodes": 60,
    }
    snapshot.sidecar(path).write_text(json.dumps(former))
    assert reload(path) is None
    assert "images.usearch: is of an earlier version; `mmembed index` makes it anew" in caplog.text


def test_a_truncated_snapshot_is_not_trusted(saved: VectorView, tmp_path: Path) -> None:
    path = copy_of(saved, tmp_path)
    whole = path.read_bytes()
    for size in [*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 1]:
        path.write_bytes(whole[:size])
        assert reload(path) is None
    path.write_bytes(whole + b"\0")
    assert reload(path) is None
    path.write_bytes(whole)
    assert reload(path)


_FLIPS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.slow
@_FLIPS
@given(data=st.data())
def test_a_flipped_byte_is_noticed(saved: VectorView, tmp_path: Path, data: Any) -> None:
    path = copy_of(saved, tmp_path)
    target = data.draw(st.sampled_from([path, snapshot.sidecar(path)]))
    content = bytearray(target.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    if target != path and _same_json(bytes(content), target.read_bytes()):
        return  # a space more or less between the fields says nothing else
    target.write_bytes(content)
    assert reload(path) is None


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


@pytest.mark.parametrize(
    "sidecar",
    [b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b'"x"', b"{}", b'{"layout": 1}',
     b"[" * 100_000, b'{"seq": "many"}'],
)  # fmt: skip
def test_a_sidecar_of_garbage_is_not_trusted(
    saved: VectorView, tmp_path: Path, sidecar: bytes
) -> None:
    path = copy_of(saved, tmp_path)
    snapshot.sidecar(path).write_bytes(sidecar)
    assert reload(path) is None


@pytest.mark.parametrize("value", ["61", 61, 59, None, -1, 1e9, [60], True])
def test_a_sidecar_whose_fields_were_changed_is_not_trusted(
    saved: VectorView, tmp_path: Path, value: Any
) -> None:
    path = copy_of(saved, tmp_path)
    stamp = json.loads(snapshot.sidecar(path).read_bytes())
    for field in ("seq", "count", "cells", "in_cells", "clustered", "bands", "size"):
        snapshot.sidecar(path).write_text(json.dumps({**stamp, field: value}))
        assert reload(path) is None


def test_a_missing_half_is_not_trusted(saved: VectorView, tmp_path: Path) -> None:
    path = copy_of(saved, tmp_path)
    snapshot.sidecar(path).unlink()
    assert reload(path) is None
    path = copy_of(saved, tmp_path)
    path.unlink()
    assert reload(path) is None
    path.mkdir()
    assert reload(path) is None


@pytest.mark.parametrize(
    "other",
    [{"collection": "another"}, {"kind": "caption"}, {"dim": DIM // 2}, {"fingerprint": "other"}],
)
def test_a_snapshot_of_something_else_is_not_trusted(
    saved: VectorView, other: dict[str, Any]
) -> None:
    assert reload(saved.path, **other) is None


def test_a_sound_file_that_is_not_what_it_says_is_not_trusted(
    saved: VectorView, tmp_path: Path
) -> None:
    """The checksum holds, but what is in the file is of another type or size."""
    path = copy_of(saved, tmp_path)
    stamp = snapshot.Stamp(**json.loads(snapshot.sidecar(path).read_bytes()))
    snapshot.write(path, [path.read_bytes()[: -2 * DIM]], stamp)
    assert reload(path) is None
    snapshot.write(path, [b"no index at all"], stamp)
    assert reload(path) is None


def test_killed_between_the_two_renames_neither_is_trusted(
    saved: VectorView, tmp_path: Path
) -> None:
    path = copy_of(saved, tmp_path)
    newer = view_of(clustered(61), path=str(tmp_path / "newer"), cells=True)
    newer.save("collection", "fingerprint", lambda seq: "mark")
    shutil.copy(newer.path, path)
    assert reload(path) is None


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_snapshot_and_no_rest(
    saved: VectorView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = copy_of(saved, tmp_path)
    newer = view_of(clustered(61), path=str(path), cells=True)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(StoreError, match=r"images\.usearch: cannot be written: No space left"):
        newer.save("collection", "fingerprint", lambda seq: "mark")
    monkeypatch.undo()
    assert newer.unsaved
    assert sorted(p.name for p in tmp_path.iterdir()) == ["images.usearch", "images.usearch.json"]
    assert reload(path)


def test_an_interrupt_while_saving_leaves_the_old_snapshot(
    saved: VectorView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy_of(saved, tmp_path)
    newer = view_of(clustered(61), path=str(path), cells=True)

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        newer.save("collection", "fingerprint", lambda seq: "mark")
    monkeypatch.undo()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["images.usearch", "images.usearch.json"]
    assert reload(path)
    newer.save("collection", "fingerprint", lambda seq: "mark")
    assert len(reload(path) or ()) == 61


@pytest.fixture
def viewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots of any size are read where their copy is, as large ones are."""
    monkeypatch.setattr(snapshot, "VIEWED_FROM", 1)
    monkeypatch.setattr(snapshot, "CHUNK_BYTES", 10_000)


@pytest.mark.slow
@pytest.mark.usefixtures("viewed")
@pytest.mark.parametrize("exact_limit", [10, 100_000])
def test_a_viewed_snapshot_answers_as_the_view_that_it_was_saved_from(
    many: Vectors, exact_limit: int, tmp_path: Path
) -> None:
    view = view_of(many[:1000], exact_limit=exact_limit, path=str(tmp_path / "v"), cells=True)
    view.save("c", "f", lambda seq: "m")
    loaded = VectorView(tmp_path / "v", kind="image", dim=DIM, exact_limit=exact_limit)
    assert loaded.load("c", "f")
    assert isinstance(base_of(cells_of(loaded).vectors.codes), mmap.mmap)
    assert loaded.ids().tolist() == view.ids().tolist()
    for query in clustered(5, seed=2):
        for count in (9, 200):
            found, expected = loaded.search(query, count), view.search(query, count)
            assert found.ids.tolist() == expected.ids.tolist()
            assert found.scores.tolist() == expected.scores.tolist()


@pytest.mark.slow
@pytest.mark.usefixtures("viewed")
@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_view_of_a_snapshot_follows_and_its_file_stays_as_it_was(
    many: Vectors, change: str, tmp_path: Path
) -> None:
    path = tmp_path / "v"
    view_of(many[:500], path=str(path), cells=True).save("c", "f", lambda seq: "m")
    before = path.read_bytes()
    view = VectorView(path, kind="image", dim=DIM, exact_limit=10)
    assert view.load("c", "f")
    if change == "added":
        view.apply([501], many[500:501].astype(np.float16), [], 502)
        assert view.search(many[500], 1).ids.tolist() == [501]
    else:
        view.apply([], np.empty((0, 0), np.float16), [7], 502)
        assert 7 not in view.search(many[6], 499).ids
    assert path.read_bytes() == before
    view.save("c", "f", lambda seq: "m2")
    again = VectorView(path, kind="image", dim=DIM, exact_limit=10)
    assert again.load("c", "f")
    assert (again.seq, again.ids().tolist()) == (502, view.ids().tolist())


@pytest.mark.usefixtures("viewed")
def test_a_viewed_snapshot_that_is_damaged_is_not_trusted(
    saved: VectorView, tmp_path: Path
) -> None:
    path = copy_of(saved, tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert reload(path) is None
    for size in (0, 1, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert reload(path) is None


@pytest.mark.slow
@pytest.mark.usefixtures("viewed")
def test_a_view_of_a_snapshot_outlives_the_snapshot_that_takes_its_files_place(
    many: Vectors, tmp_path: Path
) -> None:
    path = tmp_path / "v"
    view_of(many[:500], path=str(path), cells=True).save("c", "f", lambda seq: "m")
    view = VectorView(path, kind="image", dim=DIM, exact_limit=10)
    assert view.load("c", "f")
    expected = view.search(many[3], 20).ids.tolist()
    view_of(many[500:600], path=str(path), cells=True).save("c", "f", lambda seq: "m")
    assert view.search(many[3], 20).ids.tolist() == expected
    path.unlink()
    assert view.search(many[3], 20).ids.tolist() == expected


@pytest.mark.slow
@pytest.mark.usefixtures("viewed")
@pytest.mark.parametrize("damage", ["truncated", "overwritten", "emptied"])
def test_a_search_survives_what_is_done_to_its_file(
    many: Vectors, damage: str, tmp_path: Path
) -> None:
    """A mapped file would end the process: so this one is a child, and large enough for that."""
    path = tmp_path / "v"
    view_of(many[:2000], path=str(path), cells=True).save("c", "f", lambda seq: "m")
    done = subprocess.run(
        [sys.executable, "-c", SEARCH_A_DAMAGED_FILE, str(path), damage, f"{DIM}"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "the same"), done.stderr


SEARCH_A_DAMAGED_FILE = """
import os, sys
from pathlib import Path
import numpy as np
from mmembed.store.vectors import VectorView, snapshot
snapshot.VIEWED_FROM = 1
path, damage, dim = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
queries = np.random.default_rng(0).normal(size=(20, dim)).astype(np.float32)
queries /= np.linalg.norm(queries, axis=1, keepdims=True)

def opened():
    view = VectorView(path, kind="image", dim=dim, exact_limit=10)
    assert view.load("c", "f")
    return view

def answers(view):
    return [view.search(query, 200).ids.tolist() for query in queries]

expected, view = answers(opened()), opened()
if damage == "overwritten":
    with open(path, "r+b") as file:
        file.write(os.urandom(path.stat().st_size))
else:
    os.truncate(path, 4096 if damage == "truncated" else 0)
assert not VectorView(path, kind="image", dim=dim, exact_limit=10).load("c", "f")
print("the same" if answers(view) == expected else "other answers")
"""
