"""All pairs that are alike are found, and never more than a few of each picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.explore.duplicates import cells, vector_pairs
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
    pairs = alike_pairs(rows, 0.9, quiet, exact_limit=exact_limit)
    assert len(pairs) == len(found(pairs))
    assert found(pairs) == expected
    assert np.allclose(pairs.values, products[pairs.some, pairs.others], atol=1e-3)


@pytest.mark.parametrize("exact_limit", [1000, 10])
def test_equal_vectors_give_a_few_pairs_each(small_tiles: None, exact_limit: int) -> None:
    rows = np.repeat(with_copies(2, 1)[:1], 200, axis=0)
    pairs = alike_pairs(rows, 0.9, quiet, exact_limit=exact_limit)
    assert 199 <= len(pairs) <= 200 * NEAREST
    assert set(range(199)) == set(pairs.some.tolist()), "each has a later neighbour"


def test_vectors_of_zero_are_in_no_pair() -> None:
    rows = with_copies(20, 10)
    rows[3] = 0
    assert 3 not in {place for pair in found(alike_pairs(rows, -1.0, quiet)) for place in pair}
    assert len(alike_pairs(rows[:0], 0.9, quiet)) == 0
    assert len(alike_pairs(rows[:1], 0.9, quiet)) == 0


def test_progress_ends_with_all(small_tiles: None) -> None:
    told: list[tuple[int, int]] = []
    rows = with_copies(100, 10)
    alike_pairs(rows, 0.9, lambda done, total, _: told.append((done, total)), exact_limit=10)
    assert told == sorted(told)
    assert told[-1] == (100, 100)


def test_the_best_of_many_parts_are_kept() -> None:
    kept = KeptPairs()
    others = np.arange(1, 101)
    for part in np.array_split(others, 7):
        kept.add(Pairs(np.zeros(len(part), np.int64), part, part.astype(np.float32)))
        kept.add(Pairs(np.zeros(len(part), np.int64), part, part.astype(np.float32)))
    best = kept.best()
    assert sorted(best.others.tolist()) == list(range(101 - NEAREST, 101))


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
    assert found(near_hash_pairs(hashes_of(p, d, m))) == {(3, 10), (4, 20)}


def test_equal_hashes_give_a_few_pairs_each() -> None:
    pairs = near_hash_pairs(hashes_of([7] * 300, [9] * 300, [11] * 300))
    assert 299 <= len(pairs) <= 300 * NEAREST


def test_pictures_without_contrast_are_not_compared_by_hashes() -> None:
    flat = PictureHashes.of(np.zeros(9, LAYOUT))
    assert len(near_hash_pairs(flat)) == 0
