"""Copies of a photograph in many forms: the rungs of a ladder from hardly to much changed."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

Form = Callable[[Image.Image, np.random.Generator], bytes]
QUALITY = 85
"""Of forms that are no matter of quality."""
ORIENTATION = 0x0112
TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""How the pixels of an upright picture are stored with an orientation."""


def _jpeg(image: Image.Image, quality: int = QUALITY, exif: Image.Exif | None = None) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, **({} if exif is None else {"exif": exif}))
    return buffer.getvalue()


def _quality(image: Image.Image, random: np.random.Generator, *, quality: int) -> bytes:
    return _jpeg(image, quality)


def _resized(image: Image.Image, random: np.random.Generator, *, share: float) -> bytes:
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    return _jpeg(image.resize(size, Image.Resampling.LANCZOS))


def _cropped(image: Image.Image, random: np.random.Generator, *, share: float) -> bytes:
    """Without a share of its width and of its height, from random sides."""
    less = round(image.width * share), round(image.height * share)
    left, top = (int(random.integers(0, one + 1)) for one in less)
    return _jpeg(
        image.crop((left, top, image.width - less[0] + left, image.height - less[1] + top))
    )


def _mirrored(image: Image.Image, random: np.random.Generator) -> bytes:
    return _jpeg(ImageOps.mirror(image))


def _brightness(image: Image.Image, random: np.random.Generator, *, factor: float) -> bytes:
    return _jpeg(ImageEnhance.Brightness(image).enhance(factor))


def _contrast(image: Image.Image, random: np.random.Generator, *, factor: float) -> bytes:
    return _jpeg(ImageEnhance.Contrast(image).enhance(factor))


def _grey(image: Image.Image, random: np.random.Generator) -> bytes:
    return _jpeg(image.convert("L").convert("RGB"))


def _bordered(image: Image.Image, random: np.random.Generator, *, share: float) -> bytes:
    return _jpeg(ImageOps.expand(image, round(min(image.size) * share), "white"))


def _with_text(image: Image.Image, random: np.random.Generator, *, share: float) -> bytes:
    """White words with a dark edge over the lower part."""
    written = image.copy()
    size = max(8, round(image.height * share))
    font = ImageFont.load_default(size)
    place = image.width // 20, image.height - 2 * size
    ImageDraw.Draw(written).text(
        place, "HAPPY BIRTHDAY 2024", "white", font, stroke_width=max(1, size // 12),
        stroke_fill="black",
    )  # fmt: skip
    return _jpeg(written)


def _turned_by_header(image: Image.Image, random: np.random.Generator, *, to: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = to
    return _jpeg(image.transpose(TURNS[to]), QUALITY, exif)


def _turned(image: Image.Image, random: np.random.Generator) -> bytes:
    return _jpeg(image.transpose(Image.Transpose.ROTATE_90))


def _webp(image: Image.Image, random: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=60)
    return buffer.getvalue()


def _small_png(image: Image.Image, random: np.random.Generator) -> bytes:
    """As a messenger's preview."""
    small = image.copy()
    small.thumbnail((200, 200))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return buffer.getvalue()


FORMS: Mapping[str, Form] = {
    **{f"JPEG quality {q}": partial(_quality, quality=q) for q in (75, 50, 30, 20, 10)},
    "WebP quality 60": _webp,
    **{f"resized to {round(100 * s)} %": partial(_resized, share=s) for s in (0.75, 0.5, 0.25)},
    "PNG of 200 pixels": _small_png,
    "brightness −20 %": partial(_brightness, factor=0.8),
    "brightness +20 %": partial(_brightness, factor=1.2),
    "brightness +50 %": partial(_brightness, factor=1.5),
    "contrast +40 %": partial(_contrast, factor=1.4),
    "grey": _grey,
    "mirrored": _mirrored,
    **{f"turned by EXIF, {to}": partial(_turned_by_header, to=to) for to in TURNS},
    **{
        f"cropped by {round(100 * s)} %": partial(_cropped, share=s)
        for s in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
    },
    "text, 6 % high": partial(_with_text, share=0.06),
    "text, 12 % high": partial(_with_text, share=0.12),
    "border of 3 %": partial(_bordered, share=0.03),
    "border of 8 %": partial(_bordered, share=0.08),
    "turned, not by EXIF": _turned,
}
"""By name; each takes an upright RGB picture, and is the same for the same random numbers."""
EXPECTED = tuple(name for name in FORMS if not name.startswith(("turned, not", "border")))
"""Forms that are to be found; the others show the limits."""
