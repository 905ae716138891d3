"""Paints dots, small pictures and words on a plane, as a PNG file."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

SHARPER = 1.5
"""Pixels of a small picture for each pixel that it takes: a browser may show it larger."""
QUALITY = 80
FRAME = 3
HALO = 4


@dataclass(frozen=True)
class Painting:
    """A plane to paint on."""

    width: int
    height: int
    background: str
    ink: str


def paint(
    painting: Painting,
    dots: Iterable[tuple[str, NDArray[np.float64]]],
    radius: float,
    pictures: Iterable[tuple[float, float, int, str, bytes]],
    words: Iterable[tuple[float, float, int, str]],
) -> bytes:
    """A PNG file. dots: a colour, and places (n, 2) in pixels from the left and the top. pictures:
    the middle, the side, the colour of the frame, and an image file of a trusted origin. words:
    the middle, the height of letters, and the text."""
    image = Image.new("RGB", (painting.width, painting.height), painting.background)
    draw = ImageDraw.Draw(image)
    for colour, places in dots:
        for x, y in places.tolist():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    for x, y, side, colour, content in pictures:
        left, top = round(x - side / 2), round(y - side / 2)
        image.paste(_square(content, side), (left, top))
        draw.rectangle((left, top, left + side, top + side), outline=colour, width=FRAME)
    for x, y, height, text in words:
        font = ImageFont.load_default(height)
        draw.text(
            (x, y), _paintable(text), painting.ink, font, anchor="mm",
            stroke_width=HALO, stroke_fill=painting.background,
        )  # fmt: skip
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def square_picture(content: bytes, side: int) -> bytes:
    """The middle of an image file of a trusted origin, as a WebP file that takes `side` pixels."""
    buffer = io.BytesIO()
    _square(content, round(SHARPER * side)).save(buffer, "WEBP", quality=QUALITY)
    return buffer.getvalue()


def _square(content: bytes, side: int) -> Image.Image:
    with Image.open(io.BytesIO(content), formats=("WEBP",)) as image:
        return ImageOps.fit(image.convert("RGB"), (side, side))


def _paintable(text: str) -> str:
    """The font has Latin letters alone."""
    return text.encode("latin-1", "replace").decode("latin-1")
