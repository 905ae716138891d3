"""Estimates the memory for decoding a picture, from its header alone.

The figures are measured, with a margin: `benchmarks/decode_memory.py` prints the bytes per pixel of
each format. A header may lie. So the estimate counts not only width and height, but everything that
a decoder sizes its buffers by. Examples are the tiles of a TIFF and the code blocks of a JPEG 2000.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image, Jpeg2KImagePlugin, JpegImagePlugin

from mmembed.media import jpeg2000
from mmembed.media.bands import LARGE_PIXELS, WHOLE_MODES, shrink_of, shrunk
from mmembed.media.tiff_layout import Layout
from mmembed.types import Box

PLANES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes of a pixel as Pillow keeps it; 4 in every other mode."""
COPIES = {"1": 6, "L": 5, "P": 14, "RGB": 14, "I": 20, "F": 20}
"""Bytes of a pixel that colours take beside the picture where it is converted as a whole."""
MORE_COPIES = 16
"""In other modes."""
BAND_BYTES = 28_000_000
"""Bytes that a band takes while it is converted."""
BAND_BYTES_A_ROW = 40
"""Bytes for a pixel of a row, if one row is larger than a band."""
BASE_BYTES = 1_000_000
WEBP = 12
"""Bytes of a pixel beside the picture: two canvases in RGBA, and the frame."""
AVIF, AVIF_ALPHA, AVIF_DEEP = 8, 3, 8
"""The planes of dav1d, and a copy in RGB; the planes of an alpha channel; more for samples of more
than 8 bits."""
HEIF, HEIF_ALPHA, HEIF_DEEP = 6, 3, 8
"""The same of libheif."""
COEFFICIENT_BYTES = 2
"""Of JPEG, for each sample, if a picture comes in several scans."""
ROW_BYTES = 24
"""For a pixel of one row: two rows of 64 bits each, and one unpacked."""
BITS, SAMPLES, STRIP_ROWS, TILE_WIDTH, TILE_LENGTH = 258, 277, 278, 322, 323  # tags of TIFF
SAMPLE_BYTES, SEGMENT_COPIES = 4, 4
"""Of a TIFF that we read ourselves: all samples as bytes, with copies; and a strip or tile
inflated, in parts as float32."""
PLAIN = frozenset(
    {"tiff_adobe_deflate", "tiff_deflate", "tiff_lzw", "packbits", "group3", "group4"}
)
"""Compressions of TIFF that need no more than the piece that they make."""


@dataclass(frozen=True)
class DecodePlan:
    """How a picture will be decoded."""

    size: tuple[int, int]
    """Of the whole picture, as it lies in the file."""
    kind: str
    box: Box | None
    """The box of the whole picture within the loaded image, if the decoder shrinks it."""
    bytes: int
    """Bytes for opening, loading and converting it, beside its file."""


def planned(image: Image.Image, data: bytes, side: int | None) -> DecodePlan:
    """Let the decoder shrink an opened image, if it can, to no less than `side` pixels on its
    shorter side. Returns the cost of decoding it."""
    size, kind = image.size, image.format or ""
    decoder = _of_decoder(image, data, size)
    box: Box | None = None
    loaded = size
    if side is not None and isinstance(image, JpegImagePlugin.JpegImageFile):
        drafted = image.draft(None, (side, side))
        box, loaded = (None if drafted is None else drafted[1]), image.size
    elif isinstance(image, Jpeg2KImagePlugin.Jpeg2KImageFile):
        halvings = _halvings(shrink_of(size, side), jpeg2000.levels(data))
        decoder = jpeg2000.cost(data, size, 1 << halvings)
        if halvings:
            image.reduce = halvings
            (_, _, *ends), _ = shrunk((0, 0, *size), size, 1 << halvings)
            box = (0, 0, ends[0], ends[1])
            loaded = int(ends[0] + 0.5), int(ends[1] + 0.5)  # as Pillow rounds them
    return DecodePlan(size, kind, box, BASE_BYTES + decoder + _of_picture(loaded, image.mode, side))


def planned_tiff(layout: Layout) -> DecodePlan:
    """Bytes for reading the samples of a TIFF ourselves."""
    size = layout.width, layout.height
    samples = layout.width * layout.height * layout.samples
    return DecodePlan(
        size,
        "TIFF",
        None,
        BASE_BYTES + samples * SAMPLE_BYTES + layout.segment_bytes * SEGMENT_COPIES,
    )


def _halvings(shrink: int, levels: int) -> int:
    return min(shrink.bit_length() - 1, levels)


def _of_picture(size: tuple[int, int], mode: str, side: int | None) -> int:
    """Bytes of the loaded picture and of its conversion to RGB."""
    loaded = plane(*size, mode)
    if size[0] * size[1] <= LARGE_PIXELS or mode in WHOLE_MODES:
        return loaded + size[0] * size[1] * _copies(mode)
    _, result = shrunk((0, 0, *size), size, shrink_of(size, side))
    return loaded + 2 * plane(*result, "RGB") + max(BAND_BYTES, BAND_BYTES_A_ROW * size[0])


def plane(width: int, height: int, mode: str) -> int:
    """Bytes of a picture in memory: rows of whole words, and a pointer to each."""
    return height * (-(-width * PLANES.get(mode, 4) // 4) * 4 + 8)


def _copies(mode: str) -> int:
    return COPIES.get(mode, MORE_COPIES)


def _of_decoder(image: Image.Image, data: bytes, size: tuple[int, int]) -> int:
    """Bytes that the decoder takes beside its result."""
    pixels = size[0] * size[1]
    rows = size[0] * ROW_BYTES
    match image.format:
        case "JPEG" | "MPO":
            return rows + _of_jpeg(image, data)
        case "WEBP":
            return WEBP * pixels
        case "AVIF":
            alpha = AVIF_ALPHA if image.mode == "RGBA" else 0
            return (AVIF + alpha + (AVIF_DEEP if _avif_is_deep(data) else 0)) * pixels
        case "HEIF":
            alpha = HEIF_ALPHA if image.mode == "RGBA" else 0
            deep = HEIF_DEEP if image.info.get("bit_depth", 8) > 8 else 0
            return (HEIF + alpha + deep) * pixels
        case "TIFF":
            return rows + _of_tiff(image, data)
        case "BMP":
            return rows + (2 * pixels if _is_run_length(image) else 0)
    return rows


def _of_jpeg(image: Image.Image, data: bytes) -> int:
    """The coefficients of the whole picture, unless one scan holds it all."""
    layers = getattr(image, "layer", None) or [(1, 1, 1, 0)] * 4
    across, down = max(layer[1] for layer in layers), max(layer[2] for layer in layers)
    if _in_one_scan(image, data, len(layers)):
        return 0
    share = sum(layer[1] * layer[2] for layer in layers) / max(1, across * down)
    return int((image.width + 64) * (image.height + 64) * share * COEFFICIENT_BYTES * 1.05)


def _in_one_scan(image: Image.Image, data: bytes, layers: int) -> bool:
    """Whether the first scan holds all components; it lies just before where Pillow reads on."""
    file = getattr(image, "fp", None)
    if image.info.get("progressive") or file is None:
        return False
    start = file.tell() - 8 - 2 * layers
    return start > 0 and data[start : start + 2] == b"\xff\xda" and data[start + 4] == layers


def _avif_is_deep(data: bytes) -> bool:
    """More than 8 bits, by the third byte of any `av1C` box."""
    place = data.find(b"av1C")
    while place >= 0:
        if data[place + 6 : place + 7] and data[place + 6] & 0x40:
            return True
        place = data.find(b"av1C", place + 4)
    return False


def _is_run_length(image: Image.Image) -> bool:
    """Decoded by Pillow in Python, into one piece."""
    return any(tile.codec_name == "bmp_rle" for tile in getattr(image, "tile", []))


def _of_tiff(image: Image.Image, data: bytes) -> int:
    """A strip or tile, which libtiff inflates as a whole, and its compressed bytes. The conversions
    of libtiff take RGBA."""
    if image.info.get("compression") == "raw":
        return 0
    tags = getattr(image, "tag_v2", {})
    width = _number(tags, TILE_WIDTH, image.width)
    height = _number(tags, TILE_LENGTH, min(_number(tags, STRIP_ROWS, image.height), image.height))
    bits = _number(tags, BITS, 1)
    piece = width * height * _number(tags, SAMPLES, 1) * max(1, -(-bits // 8))
    if image.info.get("compression") not in PLAIN:
        piece = 2 * max(piece, 4 * width * height)
    return piece + len(data)


def _number(tags: Mapping[int, object], tag: int, default: int) -> int:
    """The largest number of a tag; a value that is no number counts as the default."""
    value = tags.get(tag)
    numbers = value if isinstance(value, tuple) else (value,)
    return max((int(number) for number in numbers if isinstance(number, int)), default=default)
