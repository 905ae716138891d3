"""Large pictures, converted band by band and shrunk on the way: never twice in memory."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from mmembed.types import Box

LARGE_PIXELS = 4_000_000
"""Pixels from which a picture is large. Smaller pictures are converted whole, and keep all
pixels."""
BAND_PIXELS = 1_000_000
WHOLE_MODES = frozenset({"I", "F"})
"""Their white point depends on all pixels."""

Size = tuple[int, int]


def shrink_of(size: Size, side: int | None) -> int:
    """The divisor that shrinks a picture whose shorter side should keep `side` pixels."""
    if side is None or size[0] * size[1] <= LARGE_PIXELS:
        return 1
    return max(1, min(size) // side)


def shrunk(box: Box, size: Size, shrink: int) -> tuple[Box, Size]:
    """A box of a picture and the picture's size, both after shrinking. The size is rounded up,
    since the last pixels of a row or column may stand for fewer than the others."""
    left, top, right, bottom = (side / shrink for side in box)
    return (left, top, right, bottom), (-(-size[0] // shrink), -(-size[1] // shrink))


def fits(image: Image.Image) -> bool:
    """Whether a picture is large and its bands can be converted one by one."""
    return image.width * image.height > LARGE_PIXELS and image.mode not in WHOLE_MODES


def converted(
    image: Image.Image, convert: Callable[[Image.Image], Image.Image], shrink: int
) -> Image.Image:
    """A loaded image → RGB, each side shrunk by a whole number, rounded up.

    convert: a part of the image → mode RGB, of the same size.
    """
    width, height = image.size
    result = Image.new("RGB", (-(-width // shrink), -(-height // shrink)))
    rows = max(shrink, BAND_PIXELS // width // shrink * shrink)
    for top in range(0, height, rows):
        band = convert(image.crop((0, top, width, min(top + rows, height))))
        result.paste(band.reduce(shrink) if shrink > 1 else band, (0, top // shrink))
    return result
