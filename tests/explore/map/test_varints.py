"""Ids in few bytes"""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.explore.map.varints import packed, unpacked


@pytest.mark.parametrize(
    "ids",
    [
        [],
        [1],
        [1, 2, 3],
        [127, 128, 16_511, 16_512],
        [2**31, 2**40, 2**62, 2**63 - 1],
        np.cumsum(np.random.default_rng(0).integers(1, 10**12, 500)).tolist(),
    ],
)
def test_ids_come_back(ids: list[int]) -> None:
    assert unpacked(packed(np.array(ids, np.int64))).tolist() == ids


def test_a_gap_of_seven_bits_takes_a_byte() -> None:
    assert packed(np.array([1, 2, 129, 257])) == bytes([1, 1, 127, 0x80, 1])


@pytest.mark.parametrize("data", [b"\x80", b"\x01\xff", b"\xff" * 11 + b"\x01"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="id"):
        unpacked(data)
