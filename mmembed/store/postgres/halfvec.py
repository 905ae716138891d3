"""Vectors of float16 as values in statements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format


class Half:
    """A vector as a value in a statement."""

    def __init__(self, row: NDArray[np.float16]) -> None:
        """row: float16 (dim,), finite."""
        self.content = len(row).to_bytes(2, "big") + bytes(2) + row.astype(">f2").tobytes()


class HalfDumper(Dumper):  # type: ignore[misc]
    """halfvec in the binary form: two bytes of length, two that are zero, and the numbers."""

    format = Format.BINARY

    def dump(self, obj: Half) -> bytes:
        return obj.content
