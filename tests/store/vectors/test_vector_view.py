"""A view answers as brute force would, and follows the catalog."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.errors import StoreError
from mmembed.search.calibration import BACKGROUND_SIZE, background
from mmembed.store.vectors import VectorView, cell_codes, unit
from mmembed.store.vectors import subset as subset_module
from mmembed.store.vectors.cells import Cells
from mmembed.store.vectors.int8_scan import CodeScan
from mmembed.store.vectors.subset import Subset
from tests.serving import PATIENCE_S
from tests.store.vectors.clustered import DIM, Vectors, clustered, view_of

pytestmark = pytest.mark.slow


def brute_force(vectors: Vectors, query: Vectors, count: int) -> list[int]:
    """Ids by cosine, of the vectors as they are stored."""
    stored = unit(vectors.astype(np.float16))
    scores = np.round(stored.astype(np.float64) @ query.astype(np.float64), 6)
    ids: list[int] = (np.lexsort((np.arange(len(vectors)), -scores))[:count] + 1).tolist()
    return ids


def subset(ids: list[int]) -> Subset:
    return Subset(np.array(ids, dtype=np.int64))


@pytest.fixture(scope="module")
def celled(many: Vectors) -> VectorView:
    """Past its exact limit: searched in cells. The tests' queries are of other clusters than its
    vectors, so more is promised than the tests need."""
    view = view_of(many, exact_limit=10)
    view.recall = 0.998
    view.build()
    return view


# -- what is found ---------------------------------------------------------------------


def test_exact_search_equals_brute_force(many: Vectors) -> None:
    view = view_of(many)
    for query in clustered(20, seed=9):
        for count in (1, 10, 700):
            assert view.search(query, count).ids.tolist() == brute_force(many, query, count)


def test_cells_hold_what_brute_force_finds_in_its_order(many: Vectors, celled: VectorView) -> None:
    found = same = 0
    for query in clustered(100, seed=9):
        expected = brute_force(many, query, 10)
        ids = celled.search(query, 10).ids.tolist()
        found += len(set(ids) & set(expected))
        same += [i for i in ids if i in expected] == [i for i in expected if i in ids]
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
        for count in (1, 2, 10, 49, 50, 51, 255, 256, 257, 300, 1000, 4000):
            assert view.search(query, count).ids.tolist() == longest[:count]


def test_scores_do_not_depend_on_how_many_are_asked_for(celled: VectorView) -> None:
    [query] = clustered(1, seed=4)
    first, more = celled.search(query, 5), celled.search(query, 900)
    assert first.scores.tolist() == more.scores[:5].tolist()
    assert not first.complete
    assert celled.search(query, 5000).complete
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


def test_search_among_some_is_exact_whatever_the_size(many: Vectors, celled: VectorView) -> None:
    for query in clustered(5, seed=5):
        among = list(range(7, 5000, 13))
        expected = [i for i in brute_force(many, query, 5000) if i in set(among)]
        found = celled.search_among(query, subset([*among, 99_999]), 20)
        assert found.ids.tolist() == expected[:20]
        assert not found.complete
        assert celled.nearest(query, 400, subset(among)).complete
    assert celled.search_among(query, subset([]), 5).ids.tolist() == []
    assert celled.search_among(query, subset([99_999]), 5).complete


@pytest.mark.parametrize("theme", [False, True])
def test_a_wide_filter_is_searched_by_cells_whatever_its_theme(
    many: Vectors, celled: VectorView, monkeypatch: pytest.MonkeyPatch, theme: bool
) -> None:
    """A folder of one theme: near some queries all pass, near the others none."""
    monkeypatch.setattr(subset_module, "WIDE_FROM", 100)
    monkeypatch.setattr(cell_codes, "PACKED_UP_TO", 1500)
    near = many @ many[0]
    for share in (0.1, 0.5):
        passing = near >= np.quantile(near, 1 - share) if theme else near != near.min()
        ids = np.flatnonzero(passing) + 1
        if not theme:
            ids = ids[:: round(1 / share)]
        among, hits, members = Subset(ids), 0, set(ids.tolist())
        for query in [*clustered(20, seed=6), *many[:2]]:
            expected = [i for i in brute_force(many, query, 5000) if i in members]
            longest = celled.search_among(query, among, 400).ids.tolist()
            assert set(longest) <= members
            assert len(set(longest)) == min(400, len(ids))
            for count in (1, 10, 50, 51):
                assert celled.search_among(query, among, count).ids.tolist() == longest[:count]
            hits += len(set(longest[:10]) & set(expected[:10]))
        assert hits >= 0.99 * 220


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
    view = view_of(many[:1000], exact_limit=exact_limit, path=str(tmp_path / "v"), cells=True)
    gone = list(range(1, 1001, 3))
    view.apply([], np.empty((0, 0), np.float16), gone, 1001)
    view.apply([2001, 2002], many[1000:1002].astype(np.float16), [], 1002)
    view.save("c", "f", lambda seq: "m")
    loaded = VectorView(tmp_path / "v", kind="image", dim=DIM, exact_limit=exact_limit)
    assert loaded.load("c", "f")
    for one in (view, loaded):
        for query in many[:10]:
            ids = one.search(query, 2000).ids.tolist()
            assert not set(ids) & set(gone)
            assert {2001, 2002} < set(ids)
        assert one.search_among(many[0], subset(gone), 5).ids.tolist() == []


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
        assert view.search_among(query, Subset(ids), 80).ids.tolist() == expected[:80]
        assert view.search(query, len(ids)).ids.tolist() == expected


def test_a_search_whose_finds_are_removed_meanwhile_looks_again(
    many: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = view_of(many[:500])
    real, gone = CodeScan.nearest, [1]

    def nearest(self: CodeScan, *arguments: Any) -> Any:
        found = real(self, *arguments)
        if gone:
            view.apply([], np.empty((0, 0), np.float16), [gone.pop()], 501)
        return found

    monkeypatch.setattr(CodeScan, "nearest", nearest)
    ids = view.search(many[0], 20).ids.tolist()
    assert len(ids) == 20
    assert 1 not in ids


@pytest.mark.filterwarnings("error")
def test_searches_go_on_while_a_view_grows_past_its_limit_and_shrinks_again(many: Vectors) -> None:
    """Those that ask for more than cells give read the scan, and wait for nobody who waits for
    them."""
    view = view_of(many[:400], exact_limit=400, cells=True)
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


NOTHING = np.empty((0, 0), np.float16)


def test_what_cells_lack_or_lost_is_searched_beside_them(many: Vectors) -> None:
    """Few changes, and so many that they are scanned; cells that grew, and new ones."""
    view = view_of(many[:2000], exact_limit=10)
    for first, last, gone in ((2000, 2020, 5), (2020, 2600, 30), (2600, 2601, 900)):
        view.apply(
            list(range(first + 1, last + 1)),
            many[first:last].astype(np.float16),
            list(range(1, gone)),
            last,
        )
        for _ in range(2):
            ids = view.ids()
            found = 0
            for query in clustered(30, seed=last):
                expected = [int(ids[i - 1]) for i in brute_force(many[ids - 1], query, 60)]
                hits = view.search(query, 60).ids.tolist()
                assert not set(hits) & set(range(1, gone))
                assert view.search(query, 7).ids.tolist() == hits[:7]
                found += len(set(hits[:10]) & set(expected[:10]))
            assert found >= 0.97 * 300
            newest = view.search(many[last - 1], 1).ids.tolist()
            assert newest == [last]
            view.build()
    assert not view.is_outgrown


def test_a_view_wants_other_cells_once_much_has_changed(many: Vectors) -> None:
    view = view_of(many[:1000], exact_limit=10)
    assert not view.wants_build
    view.apply(list(range(1001, 1101)), many[1000:1100].astype(np.float16), [], 1100)
    assert not view.wants_build
    view.apply([], NOTHING, list(range(1, 201)), 1101)
    assert view.wants_build
    view.build()
    assert not view.wants_build
    view.recall = 0.5
    assert view.wants_build
    assert not view.is_outgrown


def test_searches_and_changes_go_on_while_cells_are_built(
    many: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = view_of(many[:1000], exact_limit=10)
    real = Cells.built.__func__  # type: ignore[attr-defined]
    met: list[int] = []

    def built(cls: type[Cells], *arguments: Any) -> Cells:
        cells: Cells = real(cls, *arguments)
        view.apply([1001], many[1000:1001].astype(np.float16), [5], 1001)
        met.extend(view.search(many[1000], 1).ids.tolist())
        return cells

    monkeypatch.setattr(Cells, "built", classmethod(built))
    view.build()
    assert met == [1001]
    assert view.search(many[1000], 1).ids.tolist() == [1001]
    assert 5 not in view.search(many[4], 900).ids
    assert view.seq == 1001


def test_cells_of_vectors_that_were_read_anew_meanwhile_are_not_taken(
    many: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = view_of(many[:1000], exact_limit=10)
    real = Cells.built.__func__  # type: ignore[attr-defined]

    def built(cls: type[Cells], *arguments: Any) -> Cells:
        others = many[2000:3000].astype(np.float16)
        view.rebuild([(list(range(1, 1001)), others)], seq=7, cells=False)
        cells: Cells = real(cls, *arguments)
        return cells

    monkeypatch.setattr(Cells, "built", classmethod(built))
    view.build()
    assert not view.has_cells
    assert view.search(many[2003], 1).ids.tolist() == [4]


def test_a_build_that_may_not_go_on_leaves_the_view_as_it_was(many: Vectors) -> None:
    view = view_of(many[:1000], exact_limit=10)
    former = view._now.cells
    view.apply([], NOTHING, list(range(1, 500)), 1001)
    view._go_on = lambda: False
    with pytest.raises(StoreError, match="no longer wanted"):
        view.build()
    assert view._now.cells is former


@pytest.mark.parametrize("cells", [False, True])
def test_a_rebuild_that_fails_leaves_the_view_as_it_was(many: Vectors, cells: bool) -> None:
    view = view_of(many[:20])

    def batches() -> Any:
        yield [1, 2], many[:2].astype(np.float16)
        raise StoreError("the disk went away")

    with pytest.raises(StoreError, match="went away"):
        view.rebuild(batches(), seq=99, cells=cells)
    assert (len(view), view.seq) == (20, 20)


def test_a_vector_of_the_wrong_kind_does_not_enter(many: Vectors) -> None:
    view = view_of(many[:20])
    for wrong in (np.full((1, DIM), np.nan), np.ones((1, DIM - 1))):
        with pytest.raises(StoreError):
            view.apply([99], wrong.astype(np.float16), [], 21)
    assert len(view) == 20


def test_search_goes_on_while_the_view_follows(many: Vectors) -> None:
    view = view_of(many[:500], exact_limit=10)
    stop = threading.Event()

    def search(seed: int) -> int:
        queries = iter(clustered(200, seed=seed))
        while not stop.is_set() and (query := next(queries, None)) is not None:
            assert len(set(view.search(query, 10).ids.tolist())) == 10
        return seed + 1

    with ThreadPoolExecutor(3) as pool:
        searches = [pool.submit(search, seed) for seed in range(3)]
        for start in range(500, 1500, 50):
            added = list(range(start + 1, start + 51))
            vectors = many[start : start + 50].astype(np.float16)
            view.apply(added, vectors, [start - 499], start)
        stop.set()
        assert all(one.result() for one in searches)
    assert len(view) == 1480


def test_torch_compiles_after_the_index_was_loaded() -> None:
    """Two copies of the C++ library in one process made it loop for ever."""
    code = (
        "import mmembed.store.vectors, torch; "
        "torch.jit.trace(lambda x: x.reshape(x.shape[0], -1), (torch.zeros(2, 3, 4),))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    assert subprocess.run(command, timeout=PATIENCE_S).returncode == 0
