"""Decodes image files to pictures that are safe to compute with. Owns Pillow and pillow-heif.

    bytes | path → read_file → refuse (kind, bytes, pixels) → load → upright → sRGB on white

Everything is decided here, at the boundary. The result is fully loaded. Every error of Pillow on
broken or hostile input becomes an ImageError that names the file.
"""

from __future__ import annotations

import io
import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import BinaryIO

from PIL import Image, ImageMode, UnidentifiedImageError

from mmembed.errors import Abandoned, ImageError, ImageTooLarge, Overloaded
from mmembed.media import tiff
from mmembed.media.bands import shrink_of, shrunk
from mmembed.media.colour import upright_box, upright_size, upright_srgb
from mmembed.media.decode_cost import planned, planned_tiff
from mmembed.media.decode_limits import BoundedFile, bound_tags, check_scans
from mmembed.media.exif import facts_of, header_facts
from mmembed.media.formats import FORMATS, media_type, unidentified, unread_variant
from mmembed.media.image_limits import DEFAULT_LIMITS, ImageLimits
from mmembed.media.memory_hold import holding, millions, reserved
from mmembed.media.strip_metadata import stripped
from mmembed.media.tiff_layout import XMP, Layout, layout_of
from mmembed.types import Box, ImageFacts, Picture

__all__ = [
    "THUMBNAIL_SIZE",
    "decode",
    "image_facts",
    "media_type",
    "opened",
    "printable",
    "read_file",
    "thumbnail",
]

THUMBNAIL_SIZE = 320  # pixels on the longer side
THUMBNAIL_QUALITY = 80  # WebP, of 100
THUMBNAIL_EFFORT = 2  # WebP's method, 0 to 6; 4 takes twice the time for files 3 % smaller
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\.|pillow_heif"), 0)


def decode(
    source: bytes | str | os.PathLike[str],
    *,
    name: str | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
    side: int | None = None,
) -> Picture:
    """An image file, or its bytes → an upright sRGB picture, fully loaded.

    Errors call it `name`; a path names itself. Transparent pictures are laid on white, 16-bit ones
    scaled to 8, animated ones give their first frame. Any thread may call. With `side`, a JPEG may
    come shrunk by 2, 4 or 8, and every large picture by a whole number. Its shorter side keeps at
    least that many pixels. That is faster, and the picture is never whole in memory twice.

    Raises ImageTooLarge over a limit, UnsupportedFormat for other kinds of file, and ImageError for
    missing, broken or hostile files. With a budget of memory, it also raises Overloaded and
    Abandoned.
    """
    if isinstance(source, bytes):
        data, name = source, name or "image"
    else:
        name = name or printable(source)
        data = read_file(source, name=name, limits=limits)
    _refuse_unusable(data, name, limits)
    _allow_pixels(limits.max_pixels)
    bound_tags()
    try:
        return _decode(data, name, limits, side)
    except (ImageError, Overloaded, Abandoned):
        raise
    except UnidentifiedImageError:
        raise unread_variant(data, name) or unidentified(data, name) from None
    except Image.DecompressionBombError as error:
        count = re.search(r"\d+", str(error))
        raise limits.too_many_pixels(name, int(count[0]) if count else 0) from None
    except Exception as error:  # Pillow and its plugins raise nearly everything on bad input
        raise unread_variant(data, name) or ImageError(name, _reason(error)) from None


def read_file(
    path: str | os.PathLike[str], *, name: str | None = None, limits: ImageLimits = DEFAULT_LIMITS
) -> bytes:
    """The bytes of a regular file; its size is checked before it is read.

    Raises ImageTooLarge, and ImageError for folders, pipes, devices and unreadable files.
    """
    with opened(path, name=name, limits=limits) as file:
        return file.read(limits.max_bytes + 1)


@contextmanager
def opened(
    path: str | os.PathLike[str], *, name: str | None = None, limits: ImageLimits = DEFAULT_LIMITS
) -> Iterator[BinaryIO]:
    """A regular file, open for reading. Raises as `read_file` does, also for errors of the system
    while the block reads."""
    name = name or printable(path)
    try:
        # Without O_NONBLOCK, opening a pipe that no process writes to would never return.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise ImageError(name, _irregular(status.st_mode))
            if status.st_size > limits.max_bytes:
                raise limits.too_many_bytes(name, status.st_size)
            with open(fd, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(fd)
    except (OSError, ValueError) as error:
        raise ImageError(name, f"cannot be read: {_reason(error)}") from None


def image_facts(data: bytes) -> ImageFacts:
    """The facts in the header of a file that `decode` has opened before; nothing is decoded."""
    layout = layout_of(data)
    if layout is not None and layout.is_odd:
        return _tiff_facts(layout)
    for some in chain([data], stripped(data)):
        with suppress(Exception), Image.open(io.BytesIO(some), formats=FORMATS) as image:
            width, height = upright_size(image, image.size)
            kind = media_type(image.format or "").rpartition("/")[2]
            return ImageFacts(width, height, kind, _bit_depth(image.mode))
    if layout is None:
        raise ImageError("image", "its header cannot be read")
    return _tiff_facts(layout)


def _tiff_facts(layout: Layout) -> ImageFacts:
    return ImageFacts(*layout.upright_size, "tiff", layout.bits * layout.samples)


def thumbnail(image: Image.Image, size: int = THUMBNAIL_SIZE, box: Box | None = None) -> bytes:
    """An RGB image, or a box of it → a WebP file of at most `size` pixels on the longer side,
    no metadata."""
    left, top, right, bottom = box = box or (0, 0, *image.size)
    shrunk = min(1.0, size / max(right - left, bottom - top))
    fitting = max(1, round((right - left) * shrunk)), max(1, round((bottom - top) * shrunk))
    small = image.resize(fitting, Image.Resampling.BICUBIC, box, reducing_gap=2.0)
    small.info.clear()
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=THUMBNAIL_QUALITY, method=THUMBNAIL_EFFORT)
    return buffer.getvalue()


def printable(path: str | os.PathLike[str]) -> str:
    """A path as printable text, even if its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _decode(data: bytes, name: str, limits: ImageLimits, side: int | None) -> Picture:
    layout = layout_of(data)
    if layout is not None and layout.is_odd:
        return _decode_tiff(data, name, limits, layout)
    try:
        return _decode_by_pillow(data, name, limits, side)
    except (ImageError, Overloaded, Abandoned, Image.DecompressionBombError, MemoryError):
        raise
    except Exception as error:
        if layout is not None and isinstance(error, UnidentifiedImageError):
            return _decode_tiff(data, name, limits, layout)
        for less in stripped(data):
            try:
                return _decode_by_pillow(less, name, limits, side)
            except (Overloaded, Abandoned):
                raise
            except Exception:
                continue
        raise


def _decode_tiff(data: bytes, name: str, limits: ImageLimits, layout: Layout) -> Picture:
    _refuse_pixels(layout, name, limits)
    if layout.segment_bytes > tiff.LARGEST_SEGMENT:
        size = millions(layout.segment_bytes)
        raise ImageTooLarge(name, f"{size} MB in one strip; store it in strips of a few rows")
    with reserved(planned_tiff(layout), name, limits.memory) as held:
        image = tiff.load(data, layout)
        width, height = upright_size(image, image.size)
        upright = upright_srgb(image)
    whole = (0, 0, width, height)
    header = facts_of(io.BytesIO(data), layout.tags.get(XMP))
    picture = Picture(upright, name, "TIFF", layout.frames, width, height, whole, header)
    return holding(picture, held)


def _decode_by_pillow(data: bytes, name: str, limits: ImageLimits, side: int | None) -> Picture:
    check_scans(data, name)
    file = BoundedFile(data, name)
    with Image.open(file, formats=FORMATS) as image:
        _refuse_pixels(image, name, limits)
        plan = planned(image, data, side)
        if plan.kind == "BMP":
            file.expect_runs()
        with reserved(plan, name, limits.memory) as held:
            image.load()
            _refuse_pixels(image, name, limits)  # some formats learn their size while decoding
            size = image.size if plan.box is None else plan.size
            box, shrink = plan.box or (0, 0, *image.size), shrink_of(image.size, side)
            width, height = upright_size(image, size)
            box = upright_box(image, *shrunk(box, image.size, shrink))
            header = header_facts(image, io.BytesIO(data))
            upright = upright_srgb(image, shrink)
            kind, frames = image.format or "", _frames(image)
    return holding(Picture(upright, name, kind, frames, width, height, box, header), held)


def _bit_depth(mode: str) -> int:
    """`RGB` → 24, `I;16` → 16, `1` → 1."""
    known = ImageMode.getmode(mode)
    size = int(known.typestr[-1])
    return 1 if mode == "1" else 8 * size * len(known.bands)


def _irregular(mode: int) -> str:
    return "a folder, not an image file" if stat.S_ISDIR(mode) else "a pipe or device, not a file"


def _refuse_unusable(data: bytes, name: str, limits: ImageLimits) -> None:
    if not data:
        raise ImageError(name, "the file is empty")
    if len(data) > limits.max_bytes:
        raise limits.too_many_bytes(name, len(data))


def _refuse_pixels(image: Image.Image | Layout, name: str, limits: ImageLimits) -> None:
    pixels = image.width * image.height
    if pixels > limits.max_pixels:
        raise limits.too_many_pixels(name, pixels)
    if pixels == 0:
        raise ImageError(name, "the picture has no pixels")


def _allow_pixels(max_pixels: int) -> None:
    """Lift Pillow's own limit if ours is higher, and silence its warnings.

    The filter is added for good. `warnings.catch_warnings` changes the whole process, which is not
    safe while several threads decode.
    """
    if Image.MAX_IMAGE_PIXELS is not None and max_pixels > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = max_pixels
    if _QUIET not in warnings.filters:
        warnings.filterwarnings("ignore", module=_QUIET[3].pattern)


def _reason(error: Exception) -> str:
    """One line without the memory addresses that Pillow puts into its messages."""
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    if not isinstance(error, (OSError, ValueError, SyntaxError, RuntimeError)):
        return f"cannot be decoded ({type(error).__name__})"
    text = (error.strerror or "") if isinstance(error, OSError) else ""
    text = text or re.sub(r"<[^<>]* at 0x[0-9a-fA-F]+>", "the file", str(error))
    text = " ".join(text.split())[:200]
    if not text:
        return f"cannot be decoded ({type(error).__name__})"
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def _frames(image: Image.Image) -> int:
    """Read last: counting the frames seeks through the file, and broken tails must not spoil frame
    one."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:
        return 1
