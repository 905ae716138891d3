"""Perceptual hashes: a decoded picture → a few bytes that differ little for copies of it.

    picture → 32 × 32 pixels → grey → p: signs of 63 low frequencies of its cosine transform
                                      d: signs of 64 differences of neighbouring cells of 8 × 9
            → 80 × 80 pixels → grey → p and d of 29 parts, see `part_hashes`

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

from mmembed.media.hash_matrices import DEAD_ZONE, FREQUENCIES, STEPS, cells, waves
from mmembed.media.part_hashes import PARTS, SIDE, hashes_of_parts
from mmembed.types import Picture

VERSION = 1
"""Of these hashes; those of another version count as missing."""
SIZE = 32
"""Pixels on a side to which a picture is reduced, whatever its shape."""
POINTS = 5
"""Points on a side of each of these that are looked at."""
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
        ("parts", "<u8", (2, PARTS)),
    ]
)
"""As a store keeps them: version, mean red, green and blue, the deviation of its grey levels, p, d,
and d of the mirrored picture; then p of each part, and d of each. The p of a mirrored picture
follows from p."""
WITHOUT_PARTS = LAYOUT.fields["parts"][1] if LAYOUT.fields else 0
"""Bytes of hashes that were made before parts had any."""
_AT_ONCE = 4096
"""Pairs whose parts are compared at a time: 8 MB."""
_NO_PARTS = 128
"""Differing bits of parts that are not known."""

_WAVES, _ROWS, _COLUMNS = waves(SIZE), cells(STEPS[0], SIZE), cells(STEPS[1] + 1, SIZE)
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
    grey = _grey(small)
    swings = _WAVES @ grey @ _WAVES.T
    mean, swings[0, 0] = float(swings[0, 0]) / grey.size, 0
    steps = np.diff(_ROWS @ grey @ _COLUMNS.T, axis=1)
    bits = swings > 0, steps > DEAD_ZONE, -steps[:, ::-1] > DEAD_ZONE
    contrast = round(math.sqrt(max(0.0, float(np.vdot(grey, grey)) / grey.size - mean * mean)))
    head = bytes([VERSION]) + small.reduce(SIZE).tobytes() + bytes([contrast])
    whole = b"".join(np.packbits(one, bitorder="little").tobytes() for one in bits)
    return head + whole + hashes_of_parts(_grey(points.reduce(POINTS * SIZE // SIDE)))


def _grey(image: Image.Image) -> NDArray[np.float32]:
    """float32 (side, side): the grey levels of a square picture."""
    levels = np.frombuffer(image.convert("L").tobytes(), np.uint8)
    return levels.reshape(image.size).astype(np.float32)


def differing_bits(some: Hashes, others: Hashes) -> NDArray[np.uint8]:
    """How many bits differ, 0 to 64; the arrays are broadcast against each other."""
    return np.asarray(_set_bits(np.bitwise_xor(some, others)))


def _set_bits_by_table(numbers: Hashes) -> NDArray[np.uint8]:
    parts = np.ascontiguousarray(numbers)[..., None].view(np.uint16)
    return np.asarray(_SET_BITS[parts].sum(axis=-1, dtype=np.uint8))


_set_bits = getattr(np, "bitwise_count", _set_bits_by_table)
"""NumPy 1 has no such function."""


def hash_rows(contents: Sequence[str], hashes: Mapping[str, bytes]) -> HashRows:
    """(n,): the hashes of n contents; 0 where there are none, or of another version. Hashes of an
    earlier mmembed have no parts, which are 0. hashes: by content, as `hash_of` gives them."""
    rows = np.zeros(len(contents), LAYOUT)
    for place, sha256 in enumerate(contents):
        row = hashes.get(sha256, b"")
        if len(row) in (WITHOUT_PARTS, LAYOUT.itemsize) and row[0] == VERSION:
            rows[place] = np.frombuffer(row.ljust(LAYOUT.itemsize, b"\0"), LAYOUT)[0]
    return rows


def is_complete(row: bytes) -> bool:
    """Whether hashes that a store keeps are of this version, with those of parts."""
    return len(row) == LAYOUT.itemsize and row[0] == VERSION


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
    parts: Hashes
    """(n, 2, PARTS): p of each part, and d of each; 0 where these are not known."""

    @classmethod
    def of(cls, rows: HashRows) -> PictureHashes:
        """rows: (n,), 0 where there are no hashes."""
        known = rows["version"] == VERSION
        telling = known & (rows["contrast"] >= FLAT)
        colour, *wholes = (
            np.ascontiguousarray(rows[name]) for name in ("colour", "p", "d", "mirrored_d")
        )
        p, d, mirrored_d = wholes
        parts = rows["parts"]  # most of the memory, which is not taken twice
        return cls(known, colour, telling, p, d, mirrored_d, parts)

    def __len__(self) -> int:
        return len(self.p)

    @property
    def complete(self) -> NDArray[np.bool_]:
        """(n,): whether all hashes are known, those of parts where the picture tells something."""
        return np.asarray(self.known & (~self.telling | self.parts.any(axis=(1, 2))))

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
        mirrored = self._apart(self.p[some] ^ _ODD, self.mirrored_d[some], others)
        return np.minimum(direct, mirrored), mirrored < direct

    def _apart(self, p: Hashes, d: Hashes, others: NDArray[np.int64]) -> NDArray[np.int64]:
        in_p = differing_bits(p, self.p[others]).astype(np.int64)
        return in_p + differing_bits(d, self.d[others])

    def part_distances(
        self, some: NDArray[np.int64], others: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """How many of 128 bits differ between a part of one picture of each of n pairs and the
        whole of the other, for the part with the fewest; and whether one of them is mirrored. 128
        where neither has parts."""
        bits = np.empty(len(some), np.int64)
        mirrored = np.empty(len(some), dtype=bool)
        for start in range(0, len(some), _AT_ONCE):
            at = slice(start, start + _AT_ONCE)
            in_some = self._in_parts(some[at], others[at])
            fewest = np.minimum(in_some, self._in_parts(others[at], some[at]))
            bits[at], mirrored[at] = fewest.min(axis=0), fewest[1] < fewest[0]
        return bits, mirrored

    def _in_parts(self, some: NDArray[np.int64], wholes: NDArray[np.int64]) -> NDArray[np.int64]:
        """(2, n): the fewest bits between a part of each and a whole, and a mirrored whole."""
        parts = self.parts[some]
        p, d = self.p[wholes, None], self.d[wholes, None]
        bits = np.stack([
            self._least(parts, p, d), self._least(parts, p ^ _ODD, self.mirrored_d[wholes, None])
        ])  # fmt: skip
        bits[:, ~parts.any(axis=(1, 2))] = _NO_PARTS
        return bits

    @staticmethod
    def _least(parts: Hashes, p: Hashes, d: Hashes) -> NDArray[np.int64]:
        bits = differing_bits(parts[:, 0], p) + differing_bits(parts[:, 1], d)
        return np.asarray(bits.min(axis=1), np.int64)
