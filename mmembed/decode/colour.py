"""From any Pillow mode, orientation and profile to upright 8-bit sRGB on white."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from mmembed.decode.bands import converted, fits
from mmembed.types import Box

_TURNS = {  # EXIF orientation → what makes it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MIRRORED_ACROSS = {2, 3, 6, 7}  # EXIF orientations whose upright x runs against the stored axis
_MIRRORED_DOWN = {3, 4, 7, 8}
_EXIF_ORIENTATION = 0x0112


def upright_srgb(image: Image.Image, shrink: int = 1) -> Image.Image:
    """A loaded image of any mode → mode RGB, upright by EXIF, sRGB by its ICC profile,
    composited on white, 8 bits a channel; its metadata is dropped. Where it is large, it is
    shrunk by a whole number."""
    srgb = converted(image, _to_srgb, shrink) if fits(image) else _to_srgb(image)
    upright = _upright(srgb, _orientation(image))
    upright.info.clear()
    return upright


def upright_box(image: Image.Image, box: Box, size: tuple[int, int]) -> Box:
    """Where a box of an image, which has been shrunk to `size`, is once that is upright."""
    orientation, (wide, high) = _orientation(image), size
    left, top, right, bottom = box
    if orientation >= 5:
        left, top, right, bottom, wide, high = top, left, bottom, right, high, wide
    if orientation in _MIRRORED_ACROSS:
        left, right = wide - right, wide - left
    if orientation in _MIRRORED_DOWN:
        top, bottom = high - bottom, high - top
    return left, top, right, bottom


def turned(image: Image.Image) -> bool:
    """Whether making it upright swaps width and height."""
    return _orientation(image) >= 5


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # broken EXIF is no reason to refuse a picture
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Any mode → RGB in sRGB; what is transparent is laid on white."""
    colour, alpha = _split_alpha(image)
    rgb = _apply_profile(colour, image.info.get("icc_profile")).convert("RGB")
    if alpha is None:
        return rgb
    paper = Image.new("RGB", rgb.size, "white")
    paper.paste(rgb, mask=alpha)
    return paper


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour in one of the modes L, RGB, CMYK, LAB, and alpha (mode L) if there is any."""
    if image.mode.startswith("I") or image.mode == "F":
        return _from_wide(image)
    if image.mode in ("La", "RGBa"):  # colours already multiplied by alpha
        image = image.convert(image.mode.upper())
    if image.mode not in ("LA", "RGBA") and image.has_transparency_data:
        image = _keyed_to_rgba(image)
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode[:-1]), image.getchannel("A")
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image, None


def _keyed_to_rgba(image: Image.Image) -> Image.Image:
    """A palette, or one colour that counts as transparent → RGBA."""
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:  # 16 bits a channel, of which Pillow kept 8
        image.info["transparency"] = tuple(value >> 8 for value in key)
    return image.convert("RGBA")


def _from_wide(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """16-bit, 32-bit and float grey → L, scaled: Pillow's own conversion clips at 255."""
    values = np.asarray(image)
    alpha = None
    key = image.info.get("transparency")
    if isinstance(key, int):
        alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))
    white = 65535 if image.mode.startswith("I;16") else None
    return Image.fromarray(_scale_to_byte(values.astype(np.float32), white)), alpha


def _scale_to_byte(values: NDArray[np.float32], white: int | None) -> NDArray[np.uint8]:
    """Black at 0 and white at `white`, or else at the first usual white point that holds all
    values, or else at the smallest and largest value."""
    values = np.nan_to_num(values, posinf=0, neginf=0)
    low, high = 0.0, float(values.max())
    fitting = [w for w in (1, 255, 65535) if high <= w and values.min() >= 0]
    if white or fitting:
        high = white or fitting[0]
    else:
        low = float(values.min())
    scaled: NDArray[np.uint8] = np.rint((values - low) * (255 / max(high - low, 1e-12))).astype(
        np.uint8
    )
    return scaled


def _apply_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """To sRGB by the embedded ICC profile; a broken or unfitting one is ignored."""
    target = ImageCms.createProfile("sRGB")
    try:
        if profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if ImageCms.getProfileDescription(source).startswith("sRGB"):
                return image
        elif image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            return image
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except Exception:
        return image
    return converted or image
