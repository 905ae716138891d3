"""Perceptual hashes of parts of a picture: a cropped copy shows nearly what one of them does.

    80 × 80 grey pixels → parts in grids of 2 × 2, 3 × 3 and 4 × 4 → p and d of each part

p and d are those of `perceptual_hash`. The rows and the columns of all parts are chosen by two
matrices, so that the hashes of all parts are two products.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.media.hash_matrices import DEAD_ZONE, STEPS, Matrix, cells, waves

SIDE = 80
"""Pixels on a side to which a picture is reduced, whatever its shape."""
GRIDS = ((2, 0.925), (3, 0.86), (4, 0.79))
"""Parts in a row and in a column, and the share of each side that they show."""
PARTS = sum(count * count for count, _ in GRIDS)
_CELLS = 32
"""On a side of a part, of which the waves are made."""
_SPANS = [
    (float(start) * SIDE, float(start + share) * SIDE)
    for count, share in GRIDS
    for start in np.linspace(0, 1 - share, count)
]
"""The first and the last pixel of rows of parts, and of columns."""


def _stacked(matrix: Matrix, count: int) -> Matrix:
    """float32 (spans · n, SIDE): a matrix of (n, count) cells, for each span."""
    return np.concatenate([matrix @ cells(count, SIDE, start, end) for start, end in _SPANS])


_WAVES = _stacked(waves(_CELLS), _CELLS)
_ROWS = _stacked(np.eye(STEPS[0], dtype=np.float32), STEPS[0])
_STEPS = _stacked(np.diff(np.eye(STEPS[1] + 1, dtype=np.float32), axis=0), STEPS[1] + 1)
_OF_BOTH = np.concatenate([_WAVES, _ROWS])


def _chosen() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(29,) twice: the spans of the rows and of the columns of each part."""
    first, rows, columns = 0, [], []
    for count, _ in GRIDS:
        row, column = np.divmod(np.arange(count * count), count)
        rows.append(first + row)
        columns.append(first + column)
        first += count
    return np.concatenate(rows), np.concatenate(columns)


_PLACES = _chosen()


def hashes_of_parts(grey: Matrix) -> bytes:
    """p of each part, then d of each, 8 bytes each. grey: (SIDE, SIDE), levels of 0 to 255."""
    down = _OF_BOTH @ grey
    signs = down[: len(_WAVES)] @ _WAVES.T > 0, down[len(_WAVES) :] @ _STEPS.T > DEAD_ZONE
    spans = len(_SPANS)
    p, d = (one.reshape(spans, 8, spans, 8).swapaxes(1, 2)[_PLACES] for one in signs)
    p[:, 0, 0] = False  # the mean
    return np.packbits(np.concatenate([p, d]).reshape(-1), bitorder="little").tobytes()
