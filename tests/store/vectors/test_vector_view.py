"""A view answers as brute force would, follows the catalog, and never trusts its own file."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmembed.errors import StoreError
from mmembed.search.calibration import BACKGROUND_SIZE, background
from mmembed.store.entries import ImageEntry, Model
from mmembed.store.index_sync import IndexSync
from mmembed.store.sqlite import Catalog
from mmembed.store.vectors import VectorView, snapshot
from mmembed.store.vectors.graph import EXPANSION_SEARCH, Graph
from mmembed.store.vectors.int8_scan import Scan
from tests.serving import PATIENCE_S

Entry = Callable[..., ImageEntry]
Vectors = NDArray[np.float32]
DIM = 32


def clustered(count: int, *, seed: int = 0, dim: int = DIM) -> Vectors:
    """float32 (count, dim), unit-norm, in about a hundred clusters."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(100, dim))
    rows = centres[random.integers(0, 100, count)] + 0.4 * random.normal(size=(count, dim))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def view_of(
    vectors: Vectors, *, exact_limit: int = 100_000, path: str = "v", graph: bool | None = None
) -> VectorView:
    """With a graph where it is larger than its limit, unless it is said."""
    view = VectorView(Path(path), kind="image", dim=vectors.shape[1], exact_limit=exact_limit)
    ids = list(range(1, len(vectors) + 1))
    if graph is None:
        graph = len(vectors) > exact_limit
    view.rebuild([(ids, vectors.astype(np.float16))], seq=len(vectors), graph=graph)
    return view


def graph_of(view: VectorView) -> Graph:
    assert isinstance(view._vectors, Graph)
    return view._vectors


def brute_force(vectors: Vectors, query: Vectors, count: int) -> list[int]:
    """Ids by cosine, of the vectors as they are stored."""
    stored = vectors.astype(np.float16).astype(np.float32)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    scores = np.round(stored.astype(np.float64) @ query.astype(np.float64), 6)
    ids: list[int] = (np.lexsort((np.arange(len(vectors)), -scores))[:count] + 1).tolist()
    return ids


@pytest.fixture(scope="module")
def many() -> Vectors:
    return clustered(5000)


@pytest.fixture(scope="module")
def graph(many: Vectors) -> VectorView:
    """Past its exact limit: searched by HNSW."""
    return view_of(many, exact_limit=10)


# -- what is found ---------------------------------------------------------------------


def test_exact_search_equals_brute_force(many: Vectors) -> None:
    view = view_of(many)
    for query in clustered(20, seed=9):
        for count in (1, 10, 700):
            assert view.search(query, count).ids.tolist() == brute_force(many, query, count)


def test_hnsw_finds_what_brute_force_finds_in_its_order(many: Vectors, graph: VectorView) -> None:
    found = same = 0
    for query in clustered(100, seed=9):
        expected = brute_force(many, query, 10)
        ids = graph.search(query, 10).ids.tolist()
        found += len(set(ids) & set(expected))
        same += ids == [i for i in expected if i in ids]
    assert found >= 0.99 * 100 * 10
    assert same == 100


@pytest.mark.parametrize("exact_limit", [10, 100_000])
def test_the_order_does_not_depend_on_how_many_are_asked_for(
    many: Vectors, exact_limit: int
) -> None:
    view = view_of(many, exact_limit=exact_limit)
    for query in clustered(5, seed=3):
        longest = view.search(query, 5000).ids.tolist()
        assert len(set(longest)) == len(longest) >= 4990
        for count in (1, 2, 10, 49, 50, 51, 256, 300, 1000, 4000):
            assert view.search(query, count).ids.tolist() == longest[:count]


def test_scores_do_not_depend_on_how_many_are_asked_for(graph: VectorView) -> None:
    [query] = clustered(1, seed=4)
    first, more = graph.search(query, 5), graph.search(query, 900)
    assert first.scores.tolist() == more.scores[:5].tolist()
    assert not first.complete
    assert graph.search(query, 5000).complete
    assert (np.diff(more.scores) <= 0).all()


def test_ties_go_by_id() -> None:
    rows = np.eye(4, dtype=np.float32)[[1, 0, 1, 0, 1]]
    rows[:, 3] = [0, 1e-4, 0, 0, 1e-5]  # distinct, yet equal to six decimals
    view = view_of(rows)
    assert view.search(np.eye(4, dtype=np.float32)[1], 5).ids.tolist() == [1, 3, 5, 2, 4]
    assert view.search(np.eye(4, dtype=np.float32)[1], 2).ids.tolist() == [1, 3]


def test_many_ties_at_the_edge_of_a_page_keep_their_order() -> None:
    """Far more equal scores than wanted results: which of them are given must not be chance."""
    random = np.random.default_rng(0)
    rows = np.zeros((3000, 8), dtype=np.float32)
    rows[:, 1:] = random.normal(size=(3000, 7))
    rows[:, 1:] /= np.linalg.norm(rows[:, 1:], axis=1, keepdims=True)
    view, query = view_of(rows), np.eye(8, dtype=np.float32)[0]
    for count in (1, 10, 100, 1000):
        assert view.search(query, count).ids.tolist() == list(range(1, count + 1))


def test_search_among_some_is_exact_whatever_the_size(many: Vectors, graph: VectorView) -> None:
    for query in clustered(5, seed=5):
        among = list(range(7, 5000, 13))
        expected = [i for i in brute_force(many, query, 5000) if i in set(among)]
        found = graph.search_among(query, [*among, 99_999], 20)
        assert found.ids.tolist() == expected[:20]
        assert not found.complete
        assert graph.nearest(query, 400, among).complete
    assert graph.search_among(query, [], 5).ids.tolist() == []
    assert graph.search_among(query, [99_999], 5).complete


def test_an_empty_view_answers_with_nothing() -> None:
    view = VectorView(Path("v"), kind="image", dim=4, exact_limit=10)
    found = view.search(np.ones(4, dtype=np.float32), 5)
    assert (found.ids.tolist(), found.complete) == ([], True)
    assert background(np.ones(4, dtype=np.float32), view.sample(9)).relevance(0.5) == 1


def test_the_background_is_taken_from_the_whole_collection() -> None:
    """The first pictures are often of one folder and all alike."""
    rows = np.zeros((6000, 4), dtype=np.float32)
    rows[:3000, 0], rows[3000:, 1] = 1, 1
    rows[:, 2] = np.linspace(0.01, 0.5, 6000)
    sample = view_of(rows).sample(BACKGROUND_SIZE)
    usual = background(np.eye(4, dtype=np.float32)[1], sample)
    assert len(sample) <= BACKGROUND_SIZE
    assert 0.3 < usual.mean < 0.7
    assert usual.deviation > 0.3


# -- following the catalog -------------------------------------------------------------


@pytest.mark.parametrize("exact_limit", [10, 100_000])
def test_removed_vectors_never_come_back(many: Vectors, exact_limit: int, tmp_path: Path) -> None:
    view = view_of(many[:1000], exact_limit=exact_limit, path=str(tmp_path / "v"), graph=True)
    gone = list(range(1, 1001, 3))
    view.apply([], np.empty((0, 0), np.float16), gone, 1001)
    view.apply([2001, 2002], many[1000:1002].astype(np.float16), [], 1002)
    view.save("c", "f", "m")
    loaded = VectorView(tmp_path / "v", kind="image", dim=DIM, exact_limit=exact_limit)
    assert loaded.load("c", "f")
    for one in (view, loaded):
        for query in many[:10]:
            ids = one.search(query, 2000).ids.tolist()
            assert not set(ids) & set(gone)
            assert {2001, 2002} < set(ids)
        assert one.search_among(many[0], gone, 5).ids.tolist() == []


def test_applying_the_same_changes_twice_changes_nothing(many: Vectors) -> None:
    view = view_of(many[:50])
    for _ in range(2):
        view.apply([50, 51], many[49:51].astype(np.float16), [1, 77], 52)
        assert view.ids().tolist() == list(range(2, 52))
        assert view.seq == 52


@pytest.mark.parametrize("exact_limit", [10, 100_000])
def test_a_view_that_followed_answers_as_one_that_is_new(many: Vectors, exact_limit: int) -> None:
    """Exact search, filtered search and far pages, before and after each change."""
    view = view_of(many[:300], exact_limit=exact_limit)
    for start in range(300, 900, 60):
        view.search(many[0], 300)  # so that there is something to bring up to date
        added = list(range(start + 1, start + 61))
        vectors = many[start : start + 60].astype(np.float16)
        view.apply(added, vectors, [start - 299, start - 298], start)
    ids = view.ids()
    for query in clustered(5, seed=8):
        order = brute_force(many[ids - 1], query, len(ids))
        expected = [int(ids[place - 1]) for place in order]
        assert view.search_among(query, ids.tolist(), 80).ids.tolist() == expected[:80]
        assert view.search(query, len(ids)).ids.tolist() == expected


def test_a_search_whose_finds_are_removed_meanwhile_looks_again(
    many: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = view_of(many[:500])
    real, gone = Scan.nearest, [1]

    def nearest(self: Scan, *arguments: Any) -> Any:
        found = real(self, *arguments)
        if gone:
            view.apply([], np.empty((0, 0), np.float16), [gone.pop()], 501)
        return found

    monkeypatch.setattr(Scan, "nearest", nearest)
    ids = view.search(many[0], 20).ids.tolist()
    assert len(ids) == 20
    assert 1 not in ids


@pytest.mark.filterwarnings("error")
def test_searches_go_on_while_a_view_grows_past_its_limit_and_shrinks_again(many: Vectors) -> None:
    """Those that ask for more than a graph gives read the scan, and wait for nobody who waits for
    them."""
    view = view_of(many[:400], exact_limit=400, graph=True)
    stop = threading.Event()

    def search(seed: int) -> int:
        done = 0
        while not stop.is_set():
            ids = view.search(many[(seed + 7 * done) % 400], 60).ids.tolist()
            assert len(set(ids)) == 60
            done += 1
        return done

    pool = ThreadPoolExecutor(6)
    searches = [pool.submit(search, seed) for seed in range(6)]
    extra = list(range(401, 411))
    for turn in range(60):
        view.apply(extra, many[400:410].astype(np.float16), [], 401 + 2 * turn)
        view.apply([], np.empty((0, 0), np.float16), extra, 402 + 2 * turn)
    stop.set()
    assert all(one.result(timeout=60) for one in searches)
    pool.shutdown()


def test_past_thirty_percent_of_tombstones_a_view_wants_to_be_rebuilt(
    many: Vectors, tmp_path: Path
) -> None:
    view = view_of(many[:1000], path=str(tmp_path / "v"), graph=True)
    nothing = np.empty((0, 0), np.float16)
    view.apply([], nothing, list(range(1, 201)), 1001)
    assert not view.wants_rebuild
    view.apply([], nothing, list(range(201, 301)), 1002)
    assert view.wants_rebuild
    view.save("c", "f", "m")
    loaded = VectorView(tmp_path / "v", kind="image", dim=DIM, exact_limit=1)
    assert loaded.load("c", "f")
    assert loaded.wants_rebuild
    loaded.apply(list(range(1001, 1301)), many[1000:1300].astype(np.float16), [], 1003)
    assert not loaded.wants_rebuild  # the places of the removed were taken by new ones


@pytest.mark.parametrize("graph", [False, True])
def test_a_rebuild_that_fails_leaves_the_view_as_it_was(many: Vectors, graph: bool) -> None:
    view = view_of(many[:20])

    def batches() -> Any:
        yield [1, 2], many[:2].astype(np.float16)
        raise StoreError("the disk went away")

    with pytest.raises(StoreError, match="went away"):
        view.rebuild(batches(), seq=99, graph=graph)
    assert (len(view), view.seq) == (20, 20)


def test_a_vector_of_the_wrong_kind_does_not_enter(many: Vectors) -> None:
    view = view_of(many[:20])
    with pytest.raises(StoreError):
        view.apply([99], np.full((1, DIM), np.nan, np.float16), [], 21)
    with pytest.raises(StoreError):
        view.apply([99], np.ones((1, DIM - 1), np.float16), [], 21)
    assert len(view) == 20


def test_search_goes_on_while_the_view_follows(many: Vectors) -> None:
    view = view_of(many[:500], exact_limit=10)
    stop = threading.Event()

    def search(seed: int) -> int:
        done = 0
        for query in clustered(200, seed=seed):
            ids = view.search(query, 10).ids
            assert len(set(ids.tolist())) == 10
            done += 1
            if stop.is_set():
                break
        return done

    with ThreadPoolExecutor(3) as pool:
        searches = [pool.submit(search, seed) for seed in range(3)]
        for start in range(500, 1500, 50):
            added = list(range(start + 1, start + 51))
            vectors = many[start : start + 50].astype(np.float16)
            view.apply(added, vectors, [start - 499], start)
        stop.set()
        assert all(one.result() for one in searches)
    assert len(view) == 1480


# -- the snapshot ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> VectorView:
    """A small view that was saved; what is done to copies of its file is up to the test."""
    path = tmp_path_factory.mktemp("saved") / "images.usearch"
    view = view_of(clustered(60), path=str(path), graph=True)
    view.save("collection", "fingerprint", "mark")
    return view


def reload(path: Path, **other: Any) -> VectorView | None:
    given = {"kind": "image", "dim": DIM, "collection": "collection", **other}
    view = VectorView(path, kind=given["kind"], dim=given["dim"], exact_limit=10)
    trusted = view.load(given["collection"], given.get("fingerprint", "fingerprint"))
    if trusted:
        return view
    assert len(view) == 0
    assert (view.seq, view.saved_seq) == (0, -1)
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
    assert (loaded.seq, loaded.saved_seq, loaded.mark) == (60, 60, "mark")
    for query in clustered(5, seed=2):
        assert loaded.search(query, 9).ids.tolist() == saved.search(query, 9).ids.tolist()
        assert loaded.search(query, 9).scores.tolist() == saved.search(query, 9).scores.tolist()


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
    for field in ("seq", "count", "removed", "size"):
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
    from usearch.index import Index

    path = copy_of(saved, tmp_path)
    stamp = snapshot.Stamp(**json.loads(snapshot.sidecar(path).read_bytes()))
    for index in (
        Index(ndim=DIM, metric="cos", dtype="f32"),
        Index(ndim=DIM // 2, metric="cos", dtype="f16"),
    ):
        index.add(np.arange(60, dtype=np.uint64), np.ones((60, index.ndim), np.float32))
        snapshot.write(path, bytes(index.save()), stamp)
        assert reload(path) is None
    snapshot.write(path, b"no index at all", stamp)
    assert reload(path) is None


def test_killed_between_the_two_renames_neither_is_trusted(
    saved: VectorView, tmp_path: Path
) -> None:
    path = copy_of(saved, tmp_path)
    newer = view_of(clustered(61), path=str(tmp_path / "newer"), graph=True)
    newer.save("collection", "fingerprint", "mark")
    shutil.copy(newer.path, path)
    assert reload(path) is None


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_snapshot_and_no_rest(
    saved: VectorView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = copy_of(saved, tmp_path)
    newer = view_of(clustered(61), path=str(path), graph=True)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(StoreError, match=r"images\.usearch: cannot be written: No space left"):
        newer.save("collection", "fingerprint", "mark")
    monkeypatch.undo()
    assert newer.saved_seq == -1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["images.usearch", "images.usearch.json"]
    assert reload(path)


def test_an_interrupt_while_saving_leaves_the_old_snapshot(
    saved: VectorView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy_of(saved, tmp_path)
    newer = view_of(clustered(61), path=str(path), graph=True)

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        newer.save("collection", "fingerprint", "mark")
    monkeypatch.undo()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["images.usearch", "images.usearch.json"]
    assert reload(path)
    newer.save("collection", "fingerprint", "mark")
    assert len(reload(path) or ()) == 61


@pytest.fixture
def viewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots of any size are read where their copy is, as large ones are."""
    monkeypatch.setattr(snapshot, "VIEWED_FROM", 1)
    monkeypatch.setattr(snapshot, "CHUNK_BYTES", 10_000)


@pytest.mark.usefixtures("viewed")
@pytest.mark.parametrize("exact_limit", [10, 100_000])
def test_a_viewed_snapshot_answers_as_the_view_that_it_was_saved_from(
    many: Vectors, exact_limit: int, tmp_path: Path
) -> None:
    view = view_of(many[:1000], exact_limit=exact_limit, path=str(tmp_path / "v"), graph=True)
    view.save("c", "f", "m")
    loaded = VectorView(tmp_path / "v", kind="image", dim=DIM, exact_limit=exact_limit)
    assert loaded.load("c", "f")
    assert graph_of(loaded)._viewed is not None
    assert loaded.ids().tolist() == view.ids().tolist()
    for query in clustered(5, seed=2):
        for count in (9, 200):
            found, expected = loaded.search(query, count), view.search(query, count)
            assert found.ids.tolist() == expected.ids.tolist()
            assert found.scores.tolist() == expected.scores.tolist()


@pytest.mark.usefixtures("viewed")
@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_view_of_a_snapshot_follows_and_its_file_stays_as_it_was(
    many: Vectors, change: str, tmp_path: Path
) -> None:
    path = tmp_path / "v"
    view_of(many[:500], path=str(path), graph=True).save("c", "f", "m")
    before = path.read_bytes()
    view = VectorView(path, kind="image", dim=DIM, exact_limit=10)
    assert view.load("c", "f")
    view.apply([], np.empty((0, 0), np.float16), [], 501)
    assert graph_of(view)._viewed is not None  # nothing came or went: it need not be copied
    if change == "added":
        view.apply([501], many[500:501].astype(np.float16), [], 502)
        assert view.search(many[500], 1).ids.tolist() == [501]
    else:
        view.apply([], np.empty((0, 0), np.float16), [7], 502)
        assert 7 not in view.search(many[6], 499).ids
    assert graph_of(view)._viewed is None
    assert graph_of(view)._index.expansion_search == EXPANSION_SEARCH
    assert path.read_bytes() == before
    view.save("c", "f", "m2")
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


@pytest.mark.usefixtures("viewed")
def test_a_view_of_a_snapshot_outlives_the_snapshot_that_takes_its_files_place(
    many: Vectors, tmp_path: Path
) -> None:
    path = tmp_path / "v"
    view_of(many[:500], path=str(path), graph=True).save("c", "f", "m")
    view = VectorView(path, kind="image", dim=DIM, exact_limit=10)
    assert view.load("c", "f")
    expected = view.search(many[3], 20).ids.tolist()
    view_of(many[500:600], path=str(path), graph=True).save("c", "f", "m")
    assert view.search(many[3], 20).ids.tolist() == expected
    path.unlink()
    assert view.search(many[3], 20).ids.tolist() == expected


@pytest.mark.usefixtures("viewed")
@pytest.mark.parametrize("damage", ["truncated", "overwritten", "emptied"])
def test_a_search_survives_what_is_done_to_its_file(
    many: Vectors, damage: str, tmp_path: Path
) -> None:
    """A mapped file would end the process: so this one is a child, and large enough for that."""
    path = tmp_path / "v"
    view_of(many[:2000], path=str(path), graph=True).save("c", "f", "m")
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


# -- views of a catalog ----------------------------------------------------------------


def fill(catalog: Catalog, entry: Entry, first: int, count: int) -> None:
    random = np.random.default_rng(first)
    catalog.write([entry(f"/{first + i}", random.normal(size=4)) for i in range(count)])


def images(views: IndexSync) -> VectorView:
    view = views.view("image")
    assert view is not None
    return view


def answers(views: IndexSync) -> list[list[int]]:
    view = images(views)
    return [view.search(query, 50).ids.tolist() for query in clustered(5, seed=1, dim=4)]


def fresh(catalog: Catalog, exact_limit: int = 10) -> IndexSync:
    """As after a start; what the tests hold is more than is searched without a graph."""
    return IndexSync(catalog, exact_limit=exact_limit)


def published(catalog: Catalog, entry: Entry) -> list[list[int]]:
    """Fill a catalog and publish its views; what they answer."""
    fill(catalog, entry, 0, 40)
    views = fresh(catalog)
    views.publish()
    assert (catalog.folder / "images.usearch").exists()
    return answers(views)


@pytest.fixture
def rebuilt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the views that were rebuilt in this test."""
    kinds: list[str] = []
    real = VectorView.rebuild

    def rebuild(view: VectorView, *arguments: Any, **named: Any) -> None:
        kinds.append(view.kind)
        real(view, *arguments, **named)

    monkeypatch.setattr(VectorView, "rebuild", rebuild)
    return kinds


def test_without_a_model_there_is_no_view(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "data")
    views = fresh(catalog)
    assert views.view("image") is None
    views.publish()
    views.rebuild()
    catalog.close()


def test_a_published_view_is_loaded_and_not_rebuilt(
    catalog: Catalog, entry: Entry, rebuilt: list[str]
) -> None:
    before = published(catalog, entry)
    rebuilt.clear()
    assert answers(fresh(catalog)) == before
    assert rebuilt == []


def test_views_follow_another_connection_without_reopening(
    catalog: Catalog, open_catalog: Callable[[], Catalog], entry: Entry, rebuilt: list[str]
) -> None:
    published(catalog, entry)
    views, other = fresh(catalog), open_catalog()
    assert len(answers(views)[0]) == 40
    rebuilt.clear()
    fill(other, entry, 40, 5)
    other.remove([1, 2])
    assert set(answers(views)[0]) == set(range(3, 46))
    assert answers(views) == answers(fresh(other))
    assert rebuilt == []


def test_views_follow_another_process(catalog: Catalog, entry: Entry) -> None:
    published(catalog, entry)
    views = fresh(catalog)
    assert len(answers(views)[0]) == 40
    script = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom mmembed.store.sqlite import *\n"
        "from mmembed.store.entries import ImageEntry\n"
        "c = Catalog(Path(sys.argv[1]))\n"
        "c.write([ImageEntry('/new', 'new', np.array([9, 9, 9, 1.0]), 1, 1, 1, 'PNG', 1)])\n"
        "c.remove([7])\nc.close()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(catalog.folder)], check=True, timeout=60)
    assert set(answers(views)[0]) == set(range(1, 42)) - {7}


def test_a_stale_snapshot_is_brought_up_to_date(
    catalog: Catalog, entry: Entry, rebuilt: list[str]
) -> None:
    published(catalog, entry)
    fill(catalog, entry, 40, 10)
    catalog.remove([3])
    catalog.write([entry("/5", (0, 0, 0, 1), sha256="changed")])
    rebuilt.clear()
    views = fresh(catalog)
    followed = answers(views)
    assert rebuilt == []
    views.rebuild()
    assert followed == answers(views)
    assert 3 not in followed[0]


@pytest.mark.parametrize("damage", ["missing", "garbage", "sidecar", "another"])
def test_a_damaged_snapshot_is_not_used_and_the_answers_stay_the_same(
    catalog: Catalog, entry: Entry, rebuilt: list[str], saved: VectorView, damage: str
) -> None:
    before = published(catalog, entry)
    path = catalog.folder / "images.usearch"
    rebuilt.clear()
    if damage == "missing":
        path.unlink()
    elif damage == "garbage":
        path.write_bytes(os.urandom(path.stat().st_size))
    elif damage == "sidecar":
        snapshot.sidecar(path).write_text("{")
    else:
        for end in ("", ".json"):
            shutil.copy(f"{saved.path}{end}", f"{path}{end}")
    views = fresh(catalog)
    assert answers(views) == before
    assert rebuilt == ["image"]
    assert not images(views).has_graph
    views.publish()
    assert answers(fresh(catalog)) == before


def test_a_snapshot_of_another_collection_is_rebuilt(
    catalog: Catalog, entry: Entry, rebuilt: list[str], tmp_path: Path
) -> None:
    before = published(catalog, entry)
    other = Catalog(tmp_path / "other")
    other.claim(Model("four", "fingerprint-of-four", 4))
    other.write([entry(f"/x{i}", (1, i, 1, 1)) for i in range(40)])
    fresh(other).publish()
    other.close()
    rebuilt.clear()
    for end in ("", ".json"):
        shutil.copy(tmp_path / "other" / f"images.usearch{end}", catalog.folder)
    assert answers(fresh(catalog)) == before
    assert rebuilt == ["image"]


@pytest.mark.parametrize("written_since", [0, 5, 10, 20])
def test_after_a_backup_is_restored_newer_snapshots_are_rebuilt(
    catalog: Catalog,
    open_catalog: Callable[[], Catalog],
    entry: Entry,
    rebuilt: list[str],
    tmp_path: Path,
    written_since: int,
) -> None:
    """The snapshot holds changes 1 to 50 of a history that ended at 40 and went another way:
    the same numbers, other pictures, and even as many of them."""
    fill(catalog, entry, 0, 40)
    catalog._connection.execute("VACUUM INTO ?", (str(tmp_path / "backup"),))
    fill(catalog, entry, 40, 10)
    fresh(catalog).publish()
    catalog.close()
    for path in catalog.folder.glob("catalog.sqlite3*"):
        path.unlink()
    shutil.copy(tmp_path / "backup", catalog.folder / "catalog.sqlite3")
    restored = open_catalog()
    if written_since:
        fill(restored, entry, 1000, written_since)
    rebuilt.clear()
    views = fresh(restored)
    found = answers(views)
    assert rebuilt == ["image"]
    assert set(found[0]) <= set(range(1, 41 + written_since))
    view = images(views)
    for item_id in (1, 40 + written_since):
        own = restored.vector_of(item_id).astype(np.float32)
        assert view.search(own / np.linalg.norm(own), 1).ids.tolist() == [item_id]


def test_a_catalog_that_goes_back_under_a_running_view_is_followed(
    catalog: Catalog, entry: Entry
) -> None:
    published(catalog, entry)
    views = fresh(catalog)
    assert len(answers(views)[0]) == 40
    with catalog._transaction() as db:
        db.execute("DELETE FROM items WHERE id > 30")
        db.execute("DELETE FROM changes WHERE seq > 30")
    assert set(answers(views)[0]) == set(range(1, 31))


def test_many_removals_rebuild_the_view(catalog: Catalog, entry: Entry, rebuilt: list[str]) -> None:
    fill(catalog, entry, 0, 300)
    views = fresh(catalog)
    views.publish()
    rebuilt.clear()
    catalog.remove(list(range(1, 151)))
    assert set(answers(views)[0]) <= set(range(151, 301))
    assert rebuilt == ["image"]


def test_a_writer_during_the_start_does_not_make_it_rebuild(
    catalog: Catalog,
    open_catalog: Callable[[], Catalog],
    entry: Entry,
    rebuilt: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An indexer commits between any two questions that the starting server asks."""
    published(catalog, entry)
    other = open_catalog()
    pending = iter(range(100, 103))
    real = Catalog.extent

    def extent(self: Catalog, kind: Any, model: Any) -> tuple[int, int]:
        found = real(self, kind, model)
        for number in pending:
            other.write([entry(f"/{number}", (number, 1, 2, 3))])
            other.remove([number - 98])
            break
        return found

    monkeypatch.setattr(Catalog, "extent", extent)
    rebuilt.clear()
    views = fresh(catalog)
    assert len(answers(views)[0]) == 40
    assert rebuilt == []


def test_a_large_backlog_is_followed_in_portions(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmembed.store.index_sync.FOLLOW_AT_ONCE", 7)
    views = fresh(catalog)
    answers(views)
    fill(catalog, entry, 0, 40)
    assert set(answers(views)[0]) == set(range(1, 41))


def test_a_view_that_cannot_be_saved_is_no_failure(
    catalog: Catalog,
    entry: Entry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(catalog, entry, 0, 40)
    views = fresh(catalog)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(snapshot, "write", full)
    views.publish()
    assert "No space left" in caplog.text
    monkeypatch.undo()
    views.publish()
    assert (catalog.folder / "images.usearch").exists()


def test_a_view_is_saved_once_for_each_change(
    catalog: Catalog, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(catalog, entry, 0, 40)
    views, written = fresh(catalog), []
    real = snapshot.write

    def write(path: Path, *rest: Any) -> None:
        written.append(path.name)
        real(path, *rest)

    monkeypatch.setattr(snapshot, "write", write)
    views.publish()
    views.publish()
    assert written == ["images.usearch"]


def test_few_vectors_are_searched_without_a_graph_and_leave_no_snapshot(
    catalog: Catalog, entry: Entry
) -> None:
    before = published(catalog, entry)
    views = fresh(catalog, exact_limit=40)
    views.publish()
    assert list(catalog.folder.glob("*.usearch*")) == []
    view = images(views)
    assert not view.has_graph
    assert answers(views) == before


def test_what_outgrows_its_limit_is_searched_exactly_until_it_is_published(
    catalog: Catalog, entry: Entry, rebuilt: list[str]
) -> None:
    fill(catalog, entry, 0, 8)
    views = fresh(catalog)
    answers(views)
    fill(catalog, entry, 8, 32)
    rebuilt.clear()
    exact = answers(views)
    view = images(views)
    assert (rebuilt, view.has_graph, view.wants_graph) == ([], False, True)
    views.publish()
    assert (rebuilt, view.has_graph, view.wants_graph) == (["image"], True, False)
    assert answers(views) == answers(fresh(catalog)) == exact


def test_a_graph_that_another_process_published_is_taken(
    catalog: Catalog, open_catalog: Callable[[], Catalog], entry: Entry, rebuilt: list[str]
) -> None:
    fill(catalog, entry, 0, 40)
    running = fresh(catalog)
    exact = answers(running)
    assert not images(running).has_graph
    fresh(open_catalog()).publish()
    rebuilt.clear()
    assert answers(running) == exact
    assert images(running).has_graph
    running.publish()
    assert rebuilt == []


def test_a_damaged_graph_of_another_process_is_not_taken(
    catalog: Catalog, open_catalog: Callable[[], Catalog], entry: Entry
) -> None:
    fill(catalog, entry, 0, 40)
    running = fresh(catalog)
    exact = answers(running)
    fresh(open_catalog()).publish()
    (catalog.folder / "images.usearch").write_bytes(b"usearch")
    assert answers(running) == exact
    assert not images(running).has_graph


def test_publishing_without_building_builds_nothing(
    catalog: Catalog, entry: Entry, rebuilt: list[str]
) -> None:
    fill(catalog, entry, 0, 40)
    views = fresh(catalog)
    answers(views)
    rebuilt.clear()
    views.publish(build=False)
    assert rebuilt == []
    assert list(catalog.folder.glob("*.usearch*")) == []


def test_a_snapshot_that_cannot_be_deleted_is_no_failure(
    catalog: Catalog,
    entry: Entry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    published(catalog, entry)

    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(snapshot, "discard", refuse)
    fresh(catalog, exact_limit=40).publish()
    assert "cannot be deleted: Permission denied" in caplog.text


def test_many_threads_may_ask_while_others_write(
    catalog: Catalog, open_catalog: Callable[[], Catalog], entry: Entry
) -> None:
    fill(catalog, entry, 0, 40)
    views, other = fresh(catalog, exact_limit=10), open_catalog()

    def ask(_: int) -> int:
        return min(len(found) for found in answers(views))

    def write(number: int) -> None:
        other.write([entry(f"/w{number}", (1, number, number % 5, 2))])
        views.publish()

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, i) for i in range(40)]
        wrote = [pool.submit(write, i) for i in range(10)]
        assert all(one.result(timeout=60) >= 40 for one in asked)
        for one in wrote:
            one.result(timeout=60)
    views.publish()
    assert answers(fresh(catalog)) == answers(views)


def test_torch_compiles_after_the_index_was_loaded() -> None:
    """Two copies of the C++ library in one process made it loop for ever."""
    code = (
        "import mmembed.store.vectors, torch; "
        "torch.jit.trace(lambda x: x.reshape(x.shape[0], -1), (torch.zeros(2, 3, 4),))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    assert subprocess.run(command, timeout=PATIENCE_S).returncode == 0
