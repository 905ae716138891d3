"""The nearest neighbours of points, exactly, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller

BLOCK_BYTES = 50_000_000
"""Of the products of one block of points with all others."""
GROUP = 32
"""Neighbouring columns of which the best is looked at first."""

Rows = NDArray[np.float32]


class Neighbourhood:
    """Points among which neighbours are looked for."""

    def __init__(self, rows: Rows) -> None:
        """rows: float32 (m, axes), at least one."""
        spare = -len(rows) % GROUP
        self.count = len(rows)
        self._rows = np.pad(rows, ((0, spare), (0, 0)))
        # ‖q − r‖² = ‖q‖² − 2·(q·r − ‖r‖² / 2): the largest difference is the nearest.
        self._half = np.pad((rows * rows).sum(axis=1) / 2, (0, spare), constant_values=np.inf)

    def nearest(
        self, queries: Rows, count: int, *, own: bool = False
    ) -> Iterator[tuple[slice, NDArray[np.int64], Rows]]:
        """Blocks of queries, float32 (n, axes): where the block is, the places of the `count`
        nearest points, nearest first, and their squared distances; both (block, count).

        own: the queries are the points themselves, and no point is its own neighbour. `count` is at
        most the number of other points. Raises Abandoned.
        """
        step = max(1, BLOCK_BYTES // (4 * len(self._rows)))
        for start in range(0, len(queries), step):
            current_caller().check()
            part = slice(start, min(start + step, len(queries)))
            some = queries[part]
            values = some @ self._rows.T
            values -= self._half
            if own:
                values[np.arange(len(some)), np.arange(part.start, part.stop)] = -np.inf
            places = _largest(values, count)
            best = np.take_along_axis(values, places, axis=1)
            lengths = (some * some).sum(axis=1, keepdims=True)
            yield part, places, np.maximum(lengths - 2 * best, 0)


def _largest(values: Rows, count: int) -> NDArray[np.int64]:
    """The places of the `count` largest values of each row, largest first; ties by place."""
    groups = values.reshape(len(values), -1, GROUP)
    if groups.shape[1] > 2 * count:
        # As many groups as numbers are wanted hold them all: each other group's best is smaller.
        best = groups.max(axis=2)
        chosen = np.sort(np.argpartition(-best, count - 1, axis=1)[:, :count], axis=1)
        columns = (chosen[:, :, None] * GROUP + np.arange(GROUP)).reshape(len(values), -1)
        found = _first(np.take_along_axis(values, columns, axis=1), count)
        return np.take_along_axis(columns, found, axis=1)
    return _first(values, count)


def _first(values: Rows, count: int) -> NDArray[np.int64]:
    if count < values.shape[1]:
        places = np.sort(np.argpartition(-values, count - 1, axis=1)[:, :count], axis=1)
    else:
        places = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    order = np.argsort(-np.take_along_axis(values, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)
