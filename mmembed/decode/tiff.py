"""TIFFs with samples of more than 8 bits, of odd bits, signed or float: what Pillow reads wrongly,
or not at all.

    tags → layout → segments (strips or tiles), decompressed → samples → 8 bits
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from mmembed.decode.scaling import USUAL_WHITES, scale_to_byte

ALPHA = "alpha"
"""Where `info` holds the alpha of a CMYK image, as an image of mode L."""
_PREFIXES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COLOURS = {0: 1, 1: 1, 2: 3, 5: 4}  # photometric interpretation → samples of a colour
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_RAW, _DEFLATED = {1}, {8, 32946}
_BY_PILLOW = {5, 32773, 34925, 50000}  # LZW, PackBits, LZMA, Zstandard
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_ASSOCIATED, _UNASSOCIATED = 1, 2
_ORIENTATION, _ICC_PROFILE = 274, 34675
SIGNED_WHITES = {16: (1, 255, 32_767)}
"""White points of signed samples by their bits, where none is negative."""
_PLAIN_BITS = {1, 2, 4, 8}


@dataclass(frozen=True)
class Layout:
    """How the first picture of a TIFF is stored."""

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
        return _COLOURS[self.photometric] + len(self.extra)

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once it is turned."""
        on_its_side = self.tags.get(_ORIENTATION) in (5, 6, 7, 8)
        return (self.height, self.width) if on_its_side else (self.width, self.height)

    @property
    def frames(self) -> int:
        """1, or 2 where more pictures follow; nobody asks how many."""
        return 2 if self.tags.next else 1

    @property
    def is_odd(self) -> bool:
        """Whether Pillow may read it wrongly."""
        if self.bits == 8 and self.kind == _SIGNED:
            return False  # files that say so hold unsigned samples, as Pillow takes them
        odd = self.bits not in _PLAIN_BITS or self.kind != _UNSIGNED
        return odd or (self.planar and bool(self.extra))


def layout_of(data: bytes) -> Layout | None:
    """What the tags say; None for other files, and for pictures that are not read here."""
    if not data.startswith(_PREFIXES):
        return None
    try:
        found = _layout(tags_of(data), data[:2] == b"MM")
    except Exception:  # broken tags: Pillow says what is wrong with them
        return None
    return found if _is_known(found) else None


def tags_of(data: bytes) -> Any:
    """The tags of the first picture of a TIFF, as Pillow reads them. Raises what it raises."""
    file = io.BytesIO(data)
    is_big = 43 in data[2:4]
    tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(16 if is_big else 8))
    file.seek(tags.next)
    tags.load(file)
    return tags


def load(data: bytes, layout: Layout) -> Image.Image:
    """The picture as it is stored, not upright: L, LA, RGB, RGBA or CMYK, its alpha in `info`;
    with its profile and orientation. Raises ValueError, struct.error, zlib.error, OSError."""
    colours = _COLOURS[layout.photometric]
    planes = _read(data, layout)
    image = _colour(planes[..., :colours], layout)
    alpha = next((i for i, kind in enumerate(layout.extra) if kind in (1, 2)), None)
    if alpha is not None:
        opacity = planes[..., colours + alpha]
        byte = _to_byte(opacity, layout)
        if layout.extra[alpha] == _ASSOCIATED:
            image = _unmultiplied(image, byte)
        mask = Image.fromarray(byte)
        if image.mode == "CMYK":
            image.info[ALPHA] = mask
        else:
            image.putalpha(mask)
    if _ICC_PROFILE in layout.tags:
        image.info["icc_profile"] = layout.tags[_ICC_PROFILE]
    orientation = layout.tags.get(_ORIENTATION)
    if isinstance(orientation, int):
        image.getexif()[_ORIENTATION] = orientation
    return image


def _layout(tags: Any, big_endian: bool) -> Layout:
    bits, kinds = set(tags.get(258, (1,))), set(tags.get(339, (1,)))
    width, height, photometric = int(tags[256]), int(tags[257]), int(tags.get(262, 0))
    samples = int(tags.get(277, 1))
    extra = tuple(map(int, tags.get(338, ())))
    extra += (0,) * (samples - _COLOURS.get(photometric, samples) - len(extra))
    if samples == 4 and photometric == 2 and 338 not in tags:
        extra = (_UNASSOCIATED,)  # as Pillow reads it
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
        kind=_UNSIGNED if kind == 4 else int(kind),
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
    whole = {_UNSIGNED: range(1, 33), _SIGNED: (8, 16, 32), _FLOAT: (16, 32, 64)}
    return (
        layout.photometric in _COLOURS
        and layout.bits in whole.get(layout.kind, ())
        and layout.compression in _RAW | _DEFLATED | _BY_PILLOW
        and (layout.predictor == 1 or layout.bits in (8, 16, 32, 64))
        and layout.predictor in ((1, 2, 3) if layout.kind == _FLOAT else (1, 2))
        and layout.samples == int(layout.tags.get(277, 1))
        and min(layout.width, layout.height, *layout.segment) > 0
    )


# -- segments ------------------------------------------------------------------------


def _read(data: bytes, layout: Layout) -> NDArray[Any]:
    """All samples as they are stored: (height, width, samples)."""
    planes, samples = (layout.samples, 1) if layout.planar else (1, layout.samples)
    wide, high = layout.segment
    across, down = math.ceil(layout.width / wide), math.ceil(layout.height / high)
    found: NDArray[Any] | None = None
    for index, (left, top, plane) in enumerate(_places(layout, planes, across, down)):
        rows = high if wide != layout.width else min(high, layout.height - top)
        part = _samples(_segment(data, layout, index, rows, samples), layout, rows, samples)
        part = part[: layout.height - top, : layout.width - left]
        if found is None:
            found = np.zeros((layout.height, layout.width, layout.samples), part.dtype)
        found[top : top + len(part), left : left + part.shape[1], plane : plane + samples] = part
    assert found is not None
    return found


def _places(layout: Layout, planes: int, across: int, down: int) -> Iterator[tuple[int, int, int]]:
    """Left, top and first sample of every segment, in the order of the file."""
    wide, high = layout.segment
    if len(layout.offsets) < planes * across * down:
        raise ValueError("a strip or tile is missing")
    for plane in range(planes):
        for row in range(down):
            for column in range(across):
                yield column * wide, row * high, plane


def _row_bytes(layout: Layout, samples: int) -> int:
    return math.ceil(layout.segment[0] * samples * layout.bits / 8)


def _segment(data: bytes, layout: Layout, index: int, rows: int, samples: int) -> NDArray[np.uint8]:
    """uint8 (rows, bytes of a row), decompressed."""
    size = rows * _row_bytes(layout, samples)
    start = layout.offsets[index]
    stored = data[start : start + layout.counts[index]]
    if layout.compression in _DEFLATED:
        stored = zlib.decompressobj().decompress(stored, size)
    elif layout.compression in _BY_PILLOW:
        stored = _unpacked(stored, layout.compression, size // rows, rows)
    if len(stored) < size:
        raise ValueError("a strip or tile is cut short")
    found = np.frombuffer(stored, np.uint8, size).reshape(rows, -1)
    if layout.reversed_bits and layout.compression in _RAW:
        found = np.packbits(np.unpackbits(found, axis=1, bitorder="little"), axis=1)
    return found


def _unpacked(stored: bytes, compression: int, wide: int, high: int) -> bytes:
    """What libtiff makes of a segment: it is given a grey picture whose pixels are the bytes."""
    entries = {
        256: wide, 257: high, 258: 8, 259: compression, 262: 1, 273: 8,
        277: 1, 278: high, 279: len(stored),
    }  # fmt: skip
    directory = b"".join(struct.pack("<HHLL", tag, 4, 1, n) for tag, n in entries.items())
    padding = b"\0" * (len(stored) % 2)
    where = 8 + len(stored) + len(padding)
    head = b"II*\0" + struct.pack("<L", where) + stored + padding
    file = head + struct.pack("<H", len(entries)) + directory + bytes(4)
    with Image.open(io.BytesIO(file), formats=("TIFF",)) as image:
        unpacked: bytes = image.tobytes()
    return unpacked


# -- samples -------------------------------------------------------------------------


def _samples(rows: NDArray[np.uint8], layout: Layout, high: int, samples: int) -> NDArray[Any]:
    """(rows, width, samples) of the numbers that a segment's bytes stand for."""
    shape = (high, layout.segment[0], samples)
    if layout.predictor == 3:
        return _float_predicted(rows, layout, shape)
    if layout.bits not in (8, 16, 32, 64):
        return _of_bits(rows, layout.bits, shape)
    order = ">" if layout.big_endian else "<"
    letter = {_UNSIGNED: "u", _SIGNED: "i", _FLOAT: "f"}[layout.kind]
    size = layout.bits // 8
    stored = np.ascontiguousarray(rows)
    if layout.predictor == 2:
        steps = stored.view(f"{order}u{size}").reshape(shape).astype(f"=u{size}")
        whole = np.cumsum(steps, axis=1, dtype=steps.dtype)
        return whole.view(f"={letter}{size}")
    return stored.view(f"{order}{letter}{size}").reshape(shape)


def _of_bits(rows: NDArray[np.uint8], bits: int, shape: tuple[int, int, int]) -> NDArray[np.uint32]:
    """Samples of any number of bits, the most significant first; rows start at whole bytes."""
    count = shape[1] * shape[2]
    found = np.empty((shape[0], count), np.uint32)
    weights = (1 << np.arange(bits - 1, -1, -1, dtype=np.uint64)).astype(np.uint64)
    for index, row in enumerate(rows):  # bits take eight times the room
        found[index] = np.unpackbits(row)[: count * bits].reshape(count, bits) @ weights
    return found.reshape(shape)


def _float_predicted(
    rows: NDArray[np.uint8], layout: Layout, shape: tuple[int, int, int]
) -> NDArray[Any]:
    """Differences of bytes, of which the most significant of all samples come first."""
    size, count = layout.bits // 8, shape[1] * shape[2]
    steps = rows.reshape(shape[0], -1, shape[2])
    whole = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(shape[0], size, count)
    stored = np.ascontiguousarray(whole.transpose(0, 2, 1))
    return stored.view(f">f{size}").reshape(shape)


# -- 8 bits --------------------------------------------------------------------------


def _colour(values: NDArray[Any], layout: Layout) -> Image.Image:
    found = _to_byte(values, layout)
    if layout.photometric == 0:
        found = 255 - found
    mode = _MODES[found.shape[-1]]
    plain = np.ascontiguousarray(found[..., 0] if mode == "L" else found)
    return Image.frombytes(mode, (layout.width, layout.height), plain.tobytes())


def _to_byte(values: NDArray[Any], layout: Layout) -> NDArray[np.uint8]:
    """0 to 255; unsigned samples of up to 24 bits by what their bits can hold."""
    if layout.kind == _UNSIGNED and layout.bits <= 24:
        white = (1 << layout.bits) - 1
        if layout.bits <= 16:
            table = np.rint(np.arange(white + 1) * (255 / white)).astype(np.uint8)
            found: NDArray[np.uint8] = table[values]
            return found
        return scale_to_byte(values.astype(np.float32), white)
    whites = SIGNED_WHITES.get(layout.bits) if layout.kind == _SIGNED else None
    return scale_to_byte(values.astype(np.float32), None, whites or USUAL_WHITES)


def _unmultiplied(image: Image.Image, alpha: NDArray[np.uint8]) -> Image.Image:
    """Colours that were multiplied by their alpha."""
    values = np.asarray(image).astype(np.float32)
    opacity = alpha.astype(np.float32) if values.ndim == 2 else alpha[..., None].astype(np.float32)
    whole = np.minimum(255, np.rint(values * (255 / np.maximum(opacity, 1))))
    return Image.frombytes(image.mode, image.size, whole.astype(np.uint8).tobytes())
