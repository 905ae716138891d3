"""Perceptual hashes: a decoded picture → a few bytes that differ little for copies of it.

    picture → 32 × 32 pixels → grey → p: signs of 63 low frequencies of its cosine transform
                                      d: signs of 64 differences of neighbouring cells of 8 × 9

`imagehash` computes the same kinds of hash, and needs SciPy and PyWavelets, 45 MB for one product
of two small matrices. It also reads a whole picture for each of its hashes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmembed.types import Picture

VERSION = 1
"""Of these hashes; those of another version count as missing."""
SIZE = 32
"""Pixels on a side to which a picture is reduced, whatever its shape."""
POINTS = 5
"""Points on a side of each of these that are looked at."""
FREQUENCIES = 8
STEPS = 8, 8
"""Rows of cells, and differences in a row."""
DEAD_ZONE = 1.0
"""Grey levels, of 255, by which cells must differ: noise on a white ground is no structure."""
FLAT = 6
"""Contrast, in grey levels, below which the hashes of a picture say nothing."""

Hashes = NDArray[np.uint64]
HashRows = NDArray[np.void]
"""(n,) in LAYOUT."""

LAYOUT = np.dtype(
    [
        ("version", "u1"),
        ("colour", "u1", (3,)),
        ("contrast", "u1"),
        ("p", "<u8"),
        ("d", "<u8"),
        ("mirrored_d", "<u8"),
    ]
)
"""As a store keeps them: version, mean red, green and blue, the deviation of its grey levels, p, d,
and d of the mirrored picture. The p of a mirrored picture follows from p."""


def _waves() -> NDArray[np.float32]:
    """float32 (8, 32): the low waves of the cosine transform."""
    places = (2 * np.arange(SIZE) + 1) * np.pi / (2 * SIZE)
    return np.asarray(np.cos(np.arange(FREQUENCIES)[:, None] * places), np.float32)


def _cells(count: int) -> NDArray[np.float32]:
    """float32 (count, 32): the means of `count` cells of equal width, which share pixels."""
    edges = np.linspace(0, SIZE, count + 1)
    pixels = np.arange(SIZE)
    starts, ends = edges[:-1, None], edges[1:, None]
    shares = np.clip(np.minimum(ends, pixels + 1) - np.maximum(starts, pixels), 0, None)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


_WAVES, _ROWS, _COLUMNS = _waves(), _cells(STEPS[0]), _cells(STEPS[1] + 1)
_ODD = np.uint64(sum(1 << bit for bit in range(64) if bit % FREQUENCIES % 2))
"""Bits of waves that change their sign where the picture is mirrored."""
_SET_BITS = np.array([bin(number).count("1") for number in range(1 << 16)], np.uint8)


def hash_of(picture: Picture) -> bytes:
    """The hashes of a picture in LAYOUT."""
    # To read every pixel takes five times as long, and the hashes of copies differ as little.
    points = picture.image.resize(
        (SIZE * POINTS, SIZE * POINTS), Image.Resampling.NEAREST, picture.box
    )
    small = points.reduce(POINTS)
    levels = np.frombuffer(small.convert("L").tobytes(), np.uint8).reshape(SIZE, SIZE)
    grey = levels.astype(np.float32)
    waves = _WAVES @ grey @ _WAVES.T
    mean, waves[0, 0] = float(waves[0, 0]) / grey.size, 0
    steps = np.diff(_ROWS @ grey @ _COLUMNS.T, axis=1)
    bits = waves > 0, steps > DEAD_ZONE, -steps[:, ::-1] > DEAD_ZONE
    contrast = round(math.sqrt(max(0.0, float(np.vdot(grey, grey)) / grey.size - mean * mean)))
    head = bytes([VERSION]) + small.reduce(SIZE).tobytes() + bytes([contrast])
    return head + b"".join(np.packbits(one, bitorder="little").tobytes() for one in bits)


def differing_bits(some: Hashes, others: Hashes) -> NDArray[np.uint8]:
    """How many bits differ, 0 to 64; the arrays are broadcast against each other."""
    differences = np.ascontiguousarray(np.bitwise_xor(some, others))
    parts = differences[..., None].view(np.uint16)
    return np.asarray(_SET_BITS[parts].sum(axis=-1, dtype=np.uint8))


def hash_rows(contents: Sequence[str], hashes: Mapping[str, bytes]) -> HashRows:
    """(n,): the hashes of n contents; 0 where there are none, or of another version. hashes: by
    content, as `hash_of` gives them."""
    rows = np.zeros(len(contents), LAYOUT)
    for place, sha256 in enumerate(contents):
        row = hashes.get(sha256, b"")
        if len(row) == LAYOUT.itemsize and row[0] == VERSION:
            rows[place] = np.frombuffer(row, LAYOUT)[0]
    return rows


@dataclass(frozen=True)
class PictureHashes:
    """The hashes of n pictures; all of (n, …)."""

    known: NDArray[np.bool_]
    """Whether there are hashes of this version. Rows without are 0."""
    colour: NDArray[np.uint8]
    """(n, 3): mean red, green and blue."""
    telling: NDArray[np.bool_]
    """Whether the picture has enough contrast for its hashes to say something."""
    p: Hashes
    d: Hashes
    mirrored_d: Hashes

    @classmethod
    def of(cls, rows: HashRows) -> PictureHashes:
        """rows: (n,), 0 where there are no hashes."""
        known = rows["version"] == VERSION
        telling = known & (rows["contrast"] >= FLAT)
        parts = (np.ascontiguousarray(rows[name]) for name in ("p", "d", "mirrored_d"))
        return cls(known, np.ascontiguousarray(rows["colour"]), telling, *parts)

    def __len__(self) -> int:
        return len(self.p)

    @property
    def mirrored_p(self) -> Hashes:
        """(n,): p of each mirrored picture."""
        return np.asarray(self.p ^ _ODD)

    def distances(
        self, some: NDArray[np.int64], others: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """How many of 128 bits differ between pictures at these places, broadcast against each
        other, as they are or with one mirrored, whichever are fewer; and whether mirrored."""
        direct = self._apart(self.p[some], self.d[some], others)
        mirrored = self._apart(self.mirrored_p[some], self.mirrored_d[some], others)
        return np.minimum(direct, mirrored), mirrored < direct

    def _apart(self, p: Hashes, d: Hashes, others: NDArray[np.int64]) -> NDArray[np.int64]:
        in_p = differing_bits(p, self.p[others]).astype(np.int64)
        return in_p + differing_bits(d, self.d[others])
