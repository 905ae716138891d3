"""Rising ids in few bytes: the gaps between them as LEB128, seven bits a byte, lowest first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 9
"""Of a gap: ids have 63 bits."""


def packed(ids: NDArray[np.int64]) -> bytes:
    """Ids, rising and above 0, as bytes; most gaps take one."""
    gaps = np.diff(ids, prepend=0)
    lengths = np.ones(len(gaps), np.int64)
    for place in range(1, MOST_BYTES):
        lengths += gaps >> (7 * place) > 0
    starts = np.cumsum(lengths) - lengths
    found = np.zeros(int(lengths.sum()), np.uint8)
    for place in range(int(lengths.max(initial=0))):
        some = lengths > place
        more = (lengths[some] > place + 1) * 0x80
        found[starts[some] + place] = (gaps[some] >> (7 * place) & 0x7F) | more
    return found.tobytes()


def unpacked(data: bytes) -> NDArray[np.int64]:
    """The ids that were packed so. Raises ValueError for other bytes."""
    numbers = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(numbers < 0x80)
    if len(numbers) and (not len(ends) or ends[-1] != len(numbers) - 1):
        raise ValueError("the last id is cut off")
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lengths = ends - starts + 1
    if lengths.max(initial=0) > MOST_BYTES:
        raise ValueError("an id of too many bytes")
    gaps = np.zeros(len(ends), np.int64)
    for place in range(int(lengths.max(initial=0))):
        some = lengths > place
        gaps[some] |= (numbers[starts[some] + place].astype(np.int64) & 0x7F) << (7 * place)
    return np.cumsum(gaps)
