"""What follows from the reaches of two pictures is true of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.explore.duplicates.centres import Rule
from mmembed.explore.duplicates.classes import Burst, LookAlike, SameShot
from mmembed.explore.duplicates.linkage import linked
from mmembed.explore.duplicates.pairs import Pairs
from mmembed.explore.duplicates.picture_table import Likenesses, PictureTable
from mmembed.media.perceptual_hash import LAYOUT, VERSION
from tests.explore.duplicates.tables import table_of

DIM = 24
COUNT = 160
TIMES = [None, "2024-05-01T10:00:00", "2024-05-01T11:00:00", "2024-05-01T10:00:09.250"]


def frames(random: np.random.Generator, count: int, noise: float, flips: int, contrast: int,
           taken: Sequence[str | None]) -> PictureTable:  # fmt: skip
    """Pictures of one scene, as a camera takes them that stands still."""
    vectors = np.eye(DIM)[0] * 3 + np.eye(DIM)[1] + noise * random.normal(size=(count, DIM))
    hashes = np.zeros(count, LAYOUT)
    hashes["version"], hashes["contrast"] = VERSION, contrast
    hashes["colour"] = 90 + random.integers(0, 8, (count, 3))
    for name in ("p", "d", "mirrored_d"):
        hashes[name] = random.integers(0, 2**63)
        for _ in range(flips):
            hashes[name] ^= np.uint64(1) << random.integers(0, 64, count, dtype=np.uint64)
    mixed = random.random(count) < 0.05
    hashes["contrast"][mixed], hashes["version"][random.random(count) < 0.05] = 50 - contrast, 0
    table = table_of(
        vectors,
        hashes=[row.tobytes() for row in hashes],
        taken=[taken[place] for place in random.integers(0, len(taken), count)],
        camera=random.integers(0, 2, count).tolist(),
    )
    return replace(table, alike=centred(vectors))


def centred(vectors: NDArray[np.float64]) -> Likenesses:
    """As a large collection has them."""
    rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    mean = np.eye(DIM)[0] * 0.9
    rest = rows - mean
    lengths = np.linalg.norm(rest, axis=1)
    return Likenesses(
        (rest / lengths[:, None]).astype(np.float16), lengths.astype(np.float32),
        (rows @ mean).astype(np.float32), float(mean @ mean),
    )  # fmt: skip


@pytest.mark.parametrize("rule_of", [SameShot, Burst, LookAlike])
@pytest.mark.parametrize("contrast", [50, 0])
@pytest.mark.parametrize("noise", [0.003, 0.05, 0.2])
@pytest.mark.parametrize("taken", [[None], TIMES])
def test_pictures_with_small_reaches_belong_together(
    rule_of: Callable[[PictureTable], Rule], contrast: int, noise: float, taken: list[str | None]
) -> None:
    random = np.random.default_rng(int(noise * 1000) + contrast)
    rule = rule_of(frames(random, COUNT, noise, 5, contrast, taken))
    places = np.arange(COUNT)
    belong = rule.belong(places, places)
    for sample in (places[:1], places[::7], places):
        reaches = rule.reach_around(sample)(places)
        follows = reaches[:, None] + reaches[None, :] <= 1
        assert belong[follows].all()


@pytest.mark.parametrize(("rule_of", "noise", "taken"), [
    (SameShot, 0.02, [None]),
    (SameShot, 0.02, TIMES[:3]),
    (Burst, 0.05, ["2024-05-01T10:00:00", "2024-05-01T10:00:05"]),
    (LookAlike, 0.02, [None]),
])  # fmt: skip
def test_of_frames_of_one_camera_most_is_known_without_comparing(
    rule_of: Callable[[PictureTable], Rule], noise: float, taken: list[str | None]
) -> None:
    table = frames(np.random.default_rng(4), COUNT, noise, 3, 50, taken)
    table = replace(table, camera=np.ones(COUNT, np.int32))
    rule = rule_of(table)
    places = np.flatnonzero(table.hashes.telling)
    reaches = rule.reach_around(places)(places)
    assert (reaches[:, None] + reaches[None, :] <= 1).mean() > 0.8


def test_two_thousand_frames_are_one_group_of_few_comparisons() -> None:
    count = 2000
    table = frames(np.random.default_rng(6), count, 0.02, 3, 50, [None])
    places = np.flatnonzero(table.hashes.telling)
    rule = SameShot(table)
    counts = []

    class Counted:
        reach_around = staticmethod(rule.reach_around)

        def belong(self, some: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
            counts.append(len(some) * len(others))
            return rule.belong(some, others)

    chain = Pairs(places[:-1], places[1:], np.ones(len(places) - 1, np.float32))
    assert linked(chain, Counted(), {}, np.arange(count)) == [places.tolist()]
    assert sum(counts) < 20 * count, "of two million"
