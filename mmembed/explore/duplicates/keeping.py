"""Proposes which picture of a group to keep, and says why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.picture_table import PictureTable


def keeper_of(table: PictureTable, places: Sequence[int]) -> tuple[int, str]:
    """The place of the picture to keep, and the reason in words. It has most pixels; of equal ones,
    a header with date or camera; then most bytes; then it is the first of the collection."""
    some = np.array(places)
    columns = table.pixels[some], table.has_header[some], table.bytes[some]
    order = np.lexsort((some, *(-column.astype(np.int64) for column in reversed(columns))))
    best, second = int(order[0]), int(order[1])
    return int(some[best]), _reason(columns, best, second)


def _reason(columns: tuple[NDArray[np.generic], ...], best: int, second: int) -> str:
    pixels, has_header, size = (column[[best, second]].tolist() for column in columns)
    if pixels[0] != pixels[1]:
        return f"most pixels: {pixels[0]:,}, the next has {pixels[1]:,}"
    if has_header[0] != has_header[1]:
        return "its header says when or with what it was taken"
    if size[0] != size[1]:
        return f"as many pixels, and the largest file: {size[0]:,} bytes, the next has {size[1]:,}"
    return "the first in the collection; nothing else tells them apart"
