"""From any Pillow mode, orientation and profile to upright 8-bit sRGB on white."""

from __future__ import annotations

import io
import re
from functools import partial

import numpy as np
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import TiffImageFile
from pillow_heif import HeifImageFile

from mmembed.media import tiff
from mmembed.media.bands import converted, fits
from mmembed.media.sample_scaling import black_and_white, extent_of, scaled
from mmembed.types import Box

_TURNS = {  # EXIF orientation → the transposition that makes it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WHITE, GREY, OPAQUE = 255, 160, 255
"""Backgrounds of transparent pictures. White drawings differ most on this grey."""
NEAR_WHITE = 224
"""A pixel is invisible on white if every channel is at least this bright."""
MOST_LOST = 0.6
"""The share of the visible pixels that may be invisible on white."""
LEAST_GROUND = 0.1
"""The share of a picture that must be transparent for its background to matter."""
SAMPLED_SIDE = 512
"""Pixels of a side of the sample that decides the background."""
_ON_THEIR_SIDES = {5, 6, 7, 8}
_MIRRORED_ACROSS = {2, 3, 6, 7}  # EXIF orientations whose upright x axis is reversed
_MIRRORED_DOWN = {3, 4, 7, 8}
_EXIF_ORIENTATION = 0x0112
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([^\"<]*)")


def upright_srgb(image: Image.Image, shrink: int = 1) -> Image.Image:
    """A loaded image of any mode → mode RGB, 8 bits a channel. It is upright by EXIF, sRGB by its
    ICC profile, and composited on white or grey. Its metadata is dropped. A large image is shrunk
    by a whole number."""
    if fits(image) and tiff.ALPHA not in image.info:
        # Computed for the whole picture, so that all bands are scaled alike.
        convert = partial(_to_srgb, ground=_ground_of(image))
        upright = _upright(converted(image, convert, shrink), _orientation(image))
    else:
        upright = _upright(_to_srgb(image), _orientation(image))
    upright.info.clear()
    return upright


def upright_box(image: Image.Image, box: Box, size: tuple[int, int]) -> Box:
    """The position of a box in the upright image. `size` is the image's size after shrinking."""
    orientation, (wide, high) = _orientation(image), size
    left, top, right, bottom = box
    if orientation in _ON_THEIR_SIDES:
        left, top, right, bottom, wide, high = top, left, bottom, right, high, wide
    if orientation in _MIRRORED_ACROSS:
        left, right = wide - right, wide - left
    if orientation in _MIRRORED_DOWN:
        top, bottom = high - bottom, high - top
    return left, top, right, bottom


def upright_size(image: Image.Image, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the upright image."""
    if isinstance(image, TiffImageFile) and image.tag_v2.get(_EXIF_ORIENTATION) in _ON_THEIR_SIDES:
        return size  # Pillow gives the upright size before it has turned the picture
    wide, high = size
    return (high, wide) if _orientation(image) in _ON_THEIR_SIDES else (wide, high)


def _orientation(image: Image.Image) -> int:
    """1 to 8; any other value in a file counts as 1."""
    if image.format == HeifImageFile.format:
        return 1  # the file's own boxes turn it, and the decoder has done so
    try:
        said = image.getexif().get(_EXIF_ORIENTATION)
        return int(said) if said in _TURNS and _is_meant(image) else 1
    except Exception:  # broken EXIF is no reason to refuse a picture
        return 1


def _is_meant(image: Image.Image) -> bool:
    """False if Pillow took the first digit of a longer XMP orientation for the whole."""
    xmp = image.info.get("xmp") or b""
    match = _XMP_ORIENTATION.search(xmp) if isinstance(xmp, bytes) else None
    return match is None or len(match[1]) == 1 or _in_exif(image)


def _in_exif(image: Image.Image) -> bool:
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    return _EXIF_ORIENTATION in exif


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _to_srgb(image: Image.Image, ground: int | None = None) -> Image.Image:
    """Any mode → RGB in sRGB, composited on a background of this brightness."""
    rgb, alpha = _colour_and_alpha(image)
    if alpha is None:
        return rgb
    paper = Image.new("RGB", rgb.size, (_ground(rgb, alpha) if ground is None else ground,) * 3)
    paper.paste(rgb, mask=alpha)
    return paper


def _colour_and_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """RGB in sRGB, and alpha (mode L) if there is any."""
    colour, alpha = _split_alpha(image)
    return _apply_profile(colour, image.info.get("icc_profile")).convert("RGB"), alpha


def _ground_of(image: Image.Image) -> int:
    """The background of a large picture, from a sample of its pixels."""
    sample = min(SAMPLED_SIDE, image.width), min(SAMPLED_SIDE, image.height)
    rgb, alpha = _colour_and_alpha(image.resize(sample, Image.Resampling.NEAREST))
    return WHITE if alpha is None else _ground(rgb, alpha)


def _ground(rgb: Image.Image, alpha: Image.Image) -> int:
    """The brightness of a background on which a transparent picture is visible: white, or grey for
    a white picture."""
    if alpha.getextrema()[0] == OPAQUE:
        return WHITE
    sample = min(SAMPLED_SIDE, rgb.width), min(SAMPLED_SIDE, rgb.height)
    opacity = np.asarray(alpha.resize(sample, Image.Resampling.NEAREST), np.float32) / OPAQUE
    if 1 - opacity.mean() < LEAST_GROUND or not opacity.any():
        return WHITE
    darkest = np.asarray(rgb.resize(sample, Image.Resampling.NEAREST)).min(axis=2)
    lost = opacity[darkest >= NEAR_WHITE].sum() / opacity.sum()
    return GREY if lost > MOST_LOST else WHITE


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour in one of the modes L, RGB, CMYK, LAB, and alpha (mode L) if there is any."""
    if tiff.ALPHA in image.info:
        return image, image.info[tiff.ALPHA]
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
    wide = image.mode.startswith("I;16")
    black, white = (0, 65_535) if wide else black_and_white(extent_of(values))
    return Image.fromarray(scaled(values, black, white)), alpha


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
