"""t-SNE, where its library is installed"""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.cancellation import Caller, working_for
from mmembed.errors import Abandoned
from mmembed.explore.map import tsne
from tests.explore.vectors import grouped

pytestmark = pytest.mark.slow

pytest.importorskip("openTSNE", reason="openTSNE is not installed; pip install 'mmembed[map]'")
ROWS = grouped([40, 40, 40], 8).astype(np.float32)


def test_groups_lie_apart_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    points = tsne.tsne(ROWS, lambda done, total, failed: told.append((done, total)))
    middles = points.reshape(3, 40, 2).mean(axis=1)
    widths = np.linalg.norm(points.reshape(3, 40, 2) - middles[:, None], axis=2).max(axis=1)
    gaps = [np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > widths.max()
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_the_same_points_give_the_same_map() -> None:
    first, second = (tsne.tsne(ROWS, lambda *_: None) for _ in range(2))
    assert (first == second).all()


def test_few_points_are_enough() -> None:
    points = tsne.tsne(ROWS[: tsne.FEWEST], lambda *_: None)
    assert np.isfinite(points).all()


def test_the_work_ends_when_its_caller_has_left() -> None:
    caller = Caller()

    def leave(done: int, total: int, failed: int) -> None:
        caller.leave()

    with working_for(caller), pytest.raises(Abandoned):
        tsne.tsne(ROWS, leave)
