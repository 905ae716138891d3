"""Estimates the cost of decoding a JPEG 2000 by the markers of its codestream (ITU-T T.800, annex
A).

The header that Pillow reads may give another size than the codestream, and any tile may have its
own code blocks. So all markers count, wherever they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

SIZE = b"\xff\x4f\xff\x51"  # SOC and SIZ
CODING = (b"\xff\x52", b"\xff\x53")  # COD, COC
BLOCK_BYTES = 450
"""Bytes that OpenJPEG keeps for a code block."""
TILE_BYTES = 11_000
"""And of a tile's parameters, for all tiles at once."""
SAMPLE_BYTES = 6
"""Of a tile, for each sample: 32 bits in OpenJPEG, and up to 16 more as Pillow copies it."""
MOST_SIZES = 8
"""Markers that look like sizes; a file needs one."""


@dataclass(frozen=True)
class _Size:
    """A SIZ marker."""

    area: int
    tile_area: int
    tiles: int
    components: int


@dataclass(frozen=True)
class _Coding:
    """A COD or COC marker."""

    levels: int
    block_area: int
    """Of the smallest code block that it allows."""


def cost(data: bytes, size: tuple[int, int], shrunk: int) -> int:
    """Bytes that decoding takes beside the picture itself, which is shrunk by 1, 2, 4 …"""
    sizes = list(islice(_sizes(data), MOST_SIZES + 1)) or [
        _Size(size[0] * size[1], size[0] * size[1], 1, 4)
    ]
    blocks = min((coding.block_area for coding in _codings(data)), default=16)
    return max(_cost(size, blocks, shrunk) for size in sizes)


def levels(data: bytes) -> int:
    """How often every part of the picture can be halved while it is decoded."""
    return min((coding.levels for coding in _codings(data)), default=0)


def area(data: bytes) -> int:
    """Pixels of the largest picture that the codestream says it holds."""
    return max((size.area for size in islice(_sizes(data), MOST_SIZES + 1)), default=0)


def _cost(size: _Size, block_area: int, shrunk: int) -> int:
    samples = size.tile_area * size.components
    blocks = samples * 4 // 3 // block_area + 64
    return samples * SAMPLE_BYTES // shrunk**2 + blocks * BLOCK_BYTES + size.tiles * TILE_BYTES


def _sizes(data: bytes) -> Iterator[_Size]:
    for place in _places(data, SIZE):
        part = data[place + 8 : place + 42]  # behind the markers, Lsiz and Rsiz
        if len(part) < 34:
            continue
        right, bottom, left, top, wide, high, over, down = (
            int.from_bytes(part[start : start + 4], "big") for start in range(0, 32, 4)
        )
        components = int.from_bytes(part[32:34], "big")
        across, along = max(0, right - left), max(0, bottom - top)
        tiles = -(-max(0, right - over) // max(1, wide)) * -(-max(0, bottom - down) // max(1, high))
        tile = min(wide, across) * min(high, along)
        yield _Size(across * along, tile, min(tiles, 65_535), components)


def _codings(data: bytes) -> Iterator[_Coding]:
    for marker in CODING:
        for place in _places(data, marker):
            coding = _coding(data[place + 2 : place + 52], marker)
            if coding is not None:
                yield coding


def _coding(part: bytes, marker: bytes) -> _Coding | None:
    """None if the bytes are no such marker after all."""
    start = 7 if marker == CODING[0] else 4  # the fields of both: levels, blocks, precincts
    length = int.from_bytes(part[:2], "big")
    if len(part) < start + 5:
        return None
    halvings, across, down, _, _ = part[start : start + 5]
    uses_precincts = part[2 if marker == CODING[0] else 3] & 1
    expected = start + 5 + (halvings + 1 if uses_precincts else 0)
    if length not in (expected, expected + 1) or halvings > 32 or max(across, down) > 8:
        return None
    wide, high = across + 2, down + 2
    for precinct in part[start + 5 : expected] if uses_precincts else b"":
        wide, high = min(wide, max(0, (precinct & 15) - 1)), min(high, max(0, (precinct >> 4) - 1))
    return _Coding(halvings, 1 << (wide + high))


def _places(data: bytes, what: bytes) -> Iterator[int]:
    place = data.find(what)
    while place >= 0:
        yield place
        place = data.find(what, place + 1)
