"""All pairs that are alike are found, and never more than a few of each picture."""

from __future__ import annotations

from collections.abc import Sized
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.explore.duplicates import cells, vector_pairs
from mmembed.explore.duplicates import pairs as pairs_module
from mmembed.explore.duplicates.hash_pairs import near_hash_pairs
from mmembed.explore.duplicates.pairs import NEAREST, KeptPairs, Pairs
from mmembed.explore.duplicates.vector_pairs import alike_pairs
from mmembed.media.perceptual_hash import LAYOUT, VERSION, PictureHashes
from tests.explore.duplicates.tables import quiet

DIM = 32


def unit(rows: NDArray[np.float64]) -> NDArray[np.float16]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float16)


def with_copies(count: int, copies: int) -> NDArray[np.float16]:
    """Random vectors, the last of which are near the first ones."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(count, DIM))
    rows[-copies:] = rows[:copies] + 0.1 * random.normal(size=(copies, DIM))
    return unit(rows)


def apart(rows: Sized) -> NDArray[np.int64]:
    """No picture is equal to another one."""
    return np.arange(len(rows))


def found(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.some.tolist(), pairs.others.tolist(), strict=True))


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_pairs, "TILE", (7, 11))
    monkeypatch.setattr(cells, "CELL", 20)


@pytest.mark.parametrize("exact_limit", [1000, 10])
def test_alike_pairs_are_those_of_a_whole_product(small_tiles: None, exact_limit: int) -> None:
    rows = with_copies(150, 40)
    products = np.triu(rows.astype(np.float32) @ rows.astype(np.float32).T, 1)
    expected = set(zip(*(side.tolist() for side in np.nonzero(products >= 0.9)), strict=True))
    pairs = alike_pairs(rows, apart(rows), 0.9, quiet, exact_limit=exact_limit).all()
    assert len(pairs) == len(found(pairs))
    assert found(pairs) == expected
    assert np.allclose(pairs.values, products[pairs.some, pairs.others], atol=1e-3)


@pytest.mark.parametrize("exact_limit", [1000, 10])
def test_equal_vectors_give_a_few_pairs_each(small_tiles: None, exact_limit: int) -> None:
    rows = np.repeat(with_copies(2, 1)[:1], 200, axis=0)
    pairs = alike_pairs(rows, apart(rows), 0.9, quiet, exact_limit=exact_limit).all()
    assert 199 <= len(pairs) <= 200 * NEAREST
    assert set(range(199)) == set(pairs.some.tolist()), "each has a later neighbour"


@pytest.mark.parametrize("exact_limit", [1000, 10])
def test_of_equal_pictures_the_first_is_compared(small_tiles: None, exact_limit: int) -> None:
    rows = with_copies(40, 10)
    rows[[7, 20, 25]] = rows[3]
    equal = np.arange(40)
    equal[[7, 20, 25]] = 3
    joined = found(alike_pairs(rows, equal, 0.9, quiet, exact_limit=exact_limit).all())
    assert {(3, 7), (7, 20), (20, 25)} <= joined
    assert {some for some, _ in joined} & {20, 25} == {20}, "later ones are in the chain alone"
    assert (3, 33) in joined


def test_vectors_of_zero_are_in_no_pair() -> None:
    rows = with_copies(20, 10)
    rows[3] = 0
    assert 3 not in {
        place for pair in found(alike_pairs(rows, apart(rows), -1.0, quiet).all()) for place in pair
    }
    assert len(alike_pairs(rows[:0], apart(rows[:0]), 0.9, quiet).all()) == 0
    assert len(alike_pairs(rows[:1], apart(rows[:1]), 0.9, quiet).all()) == 0


def test_progress_ends_with_all(small_tiles: None) -> None:
    told: list[tuple[int, int]] = []
    rows = with_copies(100, 10)
    alike_pairs(
        rows, apart(rows), 0.9, lambda done, total, _: told.append((done, total)), exact_limit=10
    )
    assert told == sorted(told)
    assert told[-1] == (100, 100)


@pytest.mark.parametrize("chunk", [2, 1000])
def test_the_best_of_many_parts_are_kept(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair once, with its largest value, whatever came first."""
    monkeypatch.setattr(pairs_module, "CHUNK", chunk)
    random = np.random.default_rng(0)
    kept = KeptPairs(40, most=5)
    best: dict[tuple[int, int], float] = {}
    for _ in range(30):
        ends = np.sort(random.choice(40, (60, 2)), axis=1)
        ends = ends[ends[:, 0] < ends[:, 1]]
        values = random.permutation(len(ends)).astype(np.float32)
        values += random.random(1).astype(np.float32)
        kept.add(Pairs(ends[:, 0], ends[:, 1], values))
        for (some, other), value in zip(ends.tolist(), values.tolist(), strict=True):
            best[some, other] = max(value, best.get((some, other), -np.inf))
    expected: dict[tuple[int, int], float] = {}
    for some in range(40):
        own = sorted((pair for pair in best if pair[0] == some), key=lambda pair: -best[pair])
        expected |= {pair: best[pair] for pair in own[:5]}
    pairs = kept.all()
    keys = zip(pairs.some.tolist(), pairs.others.tolist(), strict=True)
    assert dict(zip(keys, pairs.values.tolist(), strict=True)) == expected
    assert len(pairs) == len(expected)
    assert (kept.bounds(np.array([0])) > min(best[pair] for pair in expected if not pair[0])).all()
    assert KeptPairs(3).all().some.tolist() == []


# -- by hashes -------------------------------------------------------------------------


def hashes_of(p: list[int], d: list[int], mirrored_d: list[int]) -> PictureHashes:
    rows = np.zeros(len(p), LAYOUT)
    rows["version"], rows["contrast"] = VERSION, 50
    rows["p"], rows["d"], rows["mirrored_d"] = p, d, mirrored_d
    return PictureHashes.of(rows)


def test_near_hashes_are_found_directly_and_mirrored() -> None:
    random = np.random.default_rng(1)
    p, d, m = ([int(x) for x in random.integers(0, 2**63, 50)] for _ in range(3))
    p[10], d[10] = p[3] ^ 0b111, d[3] ^ 0b11
    mirrored = int(hashes_of(p, d, m).mirrored_p[4])
    p[20], d[20] = mirrored ^ 1, m[4] ^ 1
    assert found(near_hash_pairs(hashes_of(p, d, m), apart(p)).all()) == {(3, 10), (4, 20)}


@pytest.mark.slow
def test_equal_hashes_give_a_few_pairs_each() -> None:
    pairs = near_hash_pairs(hashes_of([7] * 300, [9] * 300, [11] * 300), np.arange(300)).all()
    assert 299 <= len(pairs) <= 300 * NEAREST


def test_equal_pictures_are_a_chain_of_pairs() -> None:
    hashes = hashes_of([7, 7, 7, 1], [9, 9, 9, 1], [11, 11, 11, 1])
    chain = found(near_hash_pairs(hashes, np.array([0, 0, 0, 3])).all())
    assert {(0, 1), (1, 2)} <= chain
    assert (0, 2) not in chain


def test_pictures_without_contrast_are_compared_by_colour() -> None:
    rows = np.zeros(9, LAYOUT)
    assert len(near_hash_pairs(PictureHashes.of(rows), apart(rows)).all()) == 0, (
        "there are no hashes"
    )
    rows["version"] = VERSION
    rows["colour"][::2] = 200
    black, grey = [1, 3, 5, 7], [0, 2, 4, 6, 8]
    joined = found(near_hash_pairs(PictureHashes.of(rows), apart(rows)).all())
    for group in (black, grey):
        assert set(pairwise(group)) <= joined
