"""Reads TIFFs with samples of more than 8 bits, of odd bits, signed or float. Pillow reads them
wrongly, or not at all.

    tags → layout → segments (strips or tiles), decompressed → samples → 8 bits
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmembed.media.sample_scaling import USUAL_WHITES, Extent, black_and_white, extent_of, scaled
from mmembed.media.tiff_layout import (
    ASSOCIATED,
    COLOURS,
    ORIENTATION,
    SIGNED,
    UNSIGNED,
    Layout,
)
from mmembed.media.tiff_samples import parts

LARGEST_SEGMENT = 256 * 2**20
"""Bytes of a strip or tile, which is read in one piece."""
ALPHA = "alpha"
"""Key of `info` for the alpha of a CMYK image, as an image of mode L."""
SIGNED_WHITES = {16: (1, 255, 32_767)}
"""White points of signed samples by their bits, if no sample is negative."""
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_ICC_PROFILE = 34675


def load(data: bytes, layout: Layout) -> Image.Image:
    """The picture as it is stored, not upright, with its profile and orientation. The mode is L,
    LA, RGB, RGBA or CMYK with its alpha in `info`. Raises ValueError, struct.error, zlib.error,
    OSError."""
    colours = COLOURS[layout.photometric]
    planes = _read(data, layout)
    image = _colour(planes[..., :colours], layout)
    if layout.alpha is not None:
        opacity = np.ascontiguousarray(planes[..., layout.alpha])
        if layout.extra[layout.alpha - colours] == ASSOCIATED:
            image = _unmultiplied(image, opacity)
        mask = Image.fromarray(opacity)
        if image.mode == "CMYK":
            image.info[ALPHA] = mask
        else:
            image.putalpha(mask)
    if _ICC_PROFILE in layout.tags:
        image.info["icc_profile"] = layout.tags[_ICC_PROFILE]
    orientation = layout.tags.get(ORIENTATION)
    if isinstance(orientation, int):
        image.getexif()[ORIENTATION] = orientation
    return image


def _read(data: bytes, layout: Layout) -> NDArray[np.uint8]:
    """All samples as bytes, white at 255: (height, width, samples)."""
    to_byte = _scaling(data, layout)
    samples = np.zeros((layout.height, layout.width, layout.samples), np.uint8)
    for left, top, sample, part in parts(data, layout):
        high, wide, count = part.shape
        for index in range(count):
            target = samples[top : top + high, left : left + wide, sample + index]
            target[:] = to_byte(part[..., index], sample + index)
    return samples


def _scaling(data: bytes, layout: Layout) -> Callable[[NDArray[Any], int], NDArray[np.uint8]]:
    """The function that scales a plane's samples to bytes. Unsigned samples of up to 24 bits are
    scaled by the range of their bits, others by the range of their values."""
    if layout.kind == UNSIGNED and layout.bits <= 24:
        white = (1 << layout.bits) - 1
        if layout.bits > 16:
            return lambda values, sample: scaled(values, 0, white)
        table = np.rint(np.arange(white + 1) * (255 / white)).astype(np.uint8)
        return lambda values, sample: table[values]
    ranges = _ranges(data, layout)
    return lambda values, sample: scaled(values, *ranges[sample])


def _ranges(data: bytes, layout: Layout) -> list[tuple[float, float]]:
    """Black and white of every sample; all colours have the same."""
    extents: dict[int, Extent] = {}
    for _, _, first, part in parts(data, layout):
        for index in range(part.shape[2]):
            sample = first + index
            extent = extent_of(part[..., index])
            extents[sample] = extents[sample] | extent if sample in extents else extent
    colours = range(COLOURS[layout.photometric])
    together = extents[0]
    for sample in colours:
        together = together | extents[sample]
    whites = SIGNED_WHITES.get(layout.bits) if layout.kind == SIGNED else None
    return [
        black_and_white(together if sample in colours else extents[sample], whites or USUAL_WHITES)
        for sample in range(layout.samples)
    ]


def _colour(samples: NDArray[np.uint8], layout: Layout) -> Image.Image:
    if layout.photometric == 0:
        samples = 255 - samples
    mode = _MODES[samples.shape[-1]]
    return Image.frombytes(mode, (layout.width, layout.height), samples.tobytes())


def _unmultiplied(image: Image.Image, alpha: NDArray[np.uint8]) -> Image.Image:
    """Colours that were multiplied by their alpha."""
    values = np.asarray(image).astype(np.float32)
    opacity = alpha.astype(np.float32) if values.ndim == 2 else alpha[..., None].astype(np.float32)
    whole = np.minimum(255, np.rint(values * (255 / np.maximum(opacity, 1))))
    return Image.frombytes(image.mode, image.size, whole.astype(np.uint8).tobytes())
