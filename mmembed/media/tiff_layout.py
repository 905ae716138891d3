"""The layout of a TIFF's first picture, from its tags."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from PIL import TiffImagePlugin

COLOURS = {0: 1, 1: 1, 2: 3, 5: 4}  # photometric interpretation → samples of a colour
RAW, DEFLATED = {1}, {8, 32946}
BY_PILLOW = {5, 32773, 34925, 50000}  # LZW, PackBits, LZMA, Zstandard
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
ASSOCIATED, UNASSOCIATED = 1, 2
ORIENTATION, XMP = 274, 700
_PREFIXES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_SAMPLES = 8
_PLAIN_BITS = {1, 2, 4, 8}


@dataclass(frozen=True)
class Layout:
    """The layout of the first picture of a TIFF."""

    width: int
    height: int
    bits: int
    """Of one sample."""
    kind: int
    """SampleFormat: unsigned, signed or float."""
    photometric: int
    extra: tuple[int, ...]
    """ExtraSamples, one for every sample that is no colour."""
    planar: bool
    compression: int
    predictor: int
    reversed_bits: bool
    big_endian: bool
    segment: tuple[int, int]
    """Width and height of a strip or tile, in pixels."""
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    """Where the segments are in the file, and how many bytes they take."""
    tags: Any

    @property
    def samples(self) -> int:
        """Of a pixel."""
        return COLOURS[self.photometric] + len(self.extra)

    @property
    def alpha(self) -> int | None:
        """Which sample is alpha, if one is."""
        kinds = (ASSOCIATED, UNASSOCIATED)
        places = (i for i, kind in enumerate(self.extra) if kind in kinds)
        return next((COLOURS[self.photometric] + place for place in places), None)

    @property
    def segment_bytes(self) -> int:
        """Of the largest strip or tile, decompressed."""
        wide, high = self.segment
        return wide * high * self.bits // 8 * (1 if self.planar else self.samples)

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once it is turned."""
        on_its_side = self.tags.get(ORIENTATION) in (5, 6, 7, 8)
        return (self.height, self.width) if on_its_side else (self.width, self.height)

    @property
    def frames(self) -> int:
        """1, or 2 if more pictures follow; their number does not matter."""
        return 2 if self.tags.next else 1

    @property
    def is_odd(self) -> bool:
        """Whether Pillow may read it wrongly."""
        if self.bits == 8 and self.kind == SIGNED:
            return False  # files that say so hold unsigned samples, as Pillow takes them
        odd = self.bits not in _PLAIN_BITS or self.kind != UNSIGNED
        return odd or (self.planar and bool(self.extra))


def layout_of(data: bytes) -> Layout | None:
    """The layout from the tags; None for other files, and for pictures that are not read here."""
    if not data.startswith(_PREFIXES):
        return None
    try:
        layout = _layout(tags_of(data), data[:2] == b"MM")
    except Exception:  # broken tags: Pillow reports the fault
        return None
    return layout if _is_known(layout) else None


def tags_of(data: bytes) -> Any:
    """The tags of the first picture of a TIFF, as Pillow reads them. Raises Pillow's errors."""
    file = io.BytesIO(data)
    is_big = 43 in data[2:4]
    tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(16 if is_big else 8))
    file.seek(tags.next)
    tags.load(file)
    return tags


def _layout(tags: Any, big_endian: bool) -> Layout:
    bits, kinds = set(tags.get(258, (1,))), set(tags.get(339, (1,)))
    width, height, photometric = int(tags[256]), int(tags[257]), int(tags.get(262, 0))
    samples = int(tags.get(277, 1))
    extra = tuple(map(int, tags.get(338, ())))
    extra += (0,) * (samples - COLOURS.get(photometric, samples) - len(extra))
    if samples == 4 and photometric == 2 and 338 not in tags:
        extra = (UNASSOCIATED,)  # as Pillow reads it
    tiled = 324 in tags
    segment = (
        (int(tags[322]), int(tags[323]))
        if tiled
        else (width, min(height, int(tags.get(278, height))))
    )
    [bit], [kind] = bits, kinds
    return Layout(
        width=width,
        height=height,
        bits=int(bit),
        kind=UNSIGNED if kind == 4 else int(kind),
        photometric=photometric,
        extra=extra,
        planar=tags.get(284, 1) == 2 and samples > 1,
        compression=int(tags.get(259, 1)),
        predictor=int(tags.get(317, 1)),
        reversed_bits=tags.get(266, 1) == 2,
        big_endian=big_endian,
        segment=segment,
        offsets=tuple(map(int, tags[324 if tiled else 273])),
        counts=tuple(map(int, tags[325 if tiled else 279])),
        tags=tags,
    )


def _is_known(layout: Layout) -> bool:
    whole = {UNSIGNED: range(1, 33), SIGNED: (8, 16, 32), FLOAT: (16, 32, 64)}
    return (
        layout.photometric in COLOURS
        and layout.bits in whole.get(layout.kind, ())
        and layout.compression in RAW | DEFLATED | BY_PILLOW
        and (layout.predictor == 1 or layout.bits in (8, 16, 32, 64))
        and layout.predictor in ((1, 2, 3) if layout.kind == FLOAT else (1, 2))
        and layout.samples == int(layout.tags.get(277, 1)) <= _MOST_SAMPLES
        and min(layout.width, layout.height, *layout.segment) > 0
    )
