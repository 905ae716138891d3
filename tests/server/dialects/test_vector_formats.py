"""What formats hold, against values computed by hand."""

from __future__ import annotations

import base64
import struct

import numpy as np
import pytest

from mmembed.server.dialects.input_shapes import Dtype
from mmembed.server.dialects.vector_formats import packed, quantised, written

ROW = np.array([0.5, -0.25, 0.125, 0.0, -0.5, 0.375, 0.25, -0.125, 0.125], np.float32)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("int8", [127, -64, 32, 0, -127, 95, 64, -32, 32]),
        ("uint8", [255, 64, 160, 128, 1, 223, 192, 96, 160]),
        # signs + - + 0 - + + - | +  →  10100110 10000000
        ("ubinary", [0b10100110, 0b10000000]),
        ("binary", [0b10100110 - 128, 0]),
    ],
)
def test_quantised(dtype: Dtype, expected: list[int]) -> None:
    assert quantised(ROW, dtype).tolist() == expected


def test_int8_hardly_turns_a_vector() -> None:
    rows = np.random.default_rng(1).normal(size=(200, 256)).astype(np.float32)
    for row in rows / np.linalg.norm(rows, axis=1, keepdims=True):
        steps = quantised(row, "int8").astype(np.float32)
        assert steps @ row / np.linalg.norm(steps) > 0.9995


def test_packed_is_little_endian() -> None:
    numbers = np.array([1.0, -2.5], np.float32)
    assert base64.b64decode(packed(numbers)) == struct.pack("<2f", 1.0, -2.5)
    assert base64.b64decode(packed(numbers.astype(">f4"))) == struct.pack("<2f", 1.0, -2.5)
    assert written(ROW, "binary", as_base64=True) == base64.b64encode(bytes([38, 0])).decode()
