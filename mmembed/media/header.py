"""Reads the facts in the header of an image file without its pixels, for files that were indexed
before."""

from __future__ import annotations

import io
import os
import struct
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from mmembed.media.decode import opened
from mmembed.media.exif import facts_of, header_facts
from mmembed.media.formats import FORMATS
from mmembed.media.image_limits import DEFAULT_LIMITS, ImageLimits
from mmembed.media.strip_metadata import PNG_SIGNATURE
from mmembed.types import HeaderFacts

_MOST_METADATA = 1_000_000
"""Bytes of a metadata chunk that are read."""
_MOST_CHUNKS = 50_000
"""Of a file that are looked at; the longest PNG has 8,192 bytes of pixels in each."""


def read_header(
    path: str | os.PathLike[str], *, limits: ImageLimits = DEFAULT_LIMITS
) -> HeaderFacts:
    """The facts that `decode` finds in a picture's file, in far less time; none if the header is
    broken. Raises ImageTooLarge, and ImageError if the file is gone or cannot be read."""
    with opened(path, limits=limits) as file:
        try:
            return _facts(file)
        except UnidentifiedImageError:
            return facts_of(file)  # as a TIFF of a kind that Pillow does not read
        except OSError as error:
            if error.errno is not None:  # of the system, not of Pillow
                raise
            return HeaderFacts()
        except Exception:  # Pillow and its plugins raise nearly everything on bad input
            return HeaderFacts()


def _facts(file: BinaryIO) -> HeaderFacts:
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        # Pillow takes memory for the whole picture as soon as a WebP is opened.
        metadata = _webp_metadata(file)
        return facts_of(io.BytesIO(metadata.get(b"EXIF", b"")), metadata.get(b"XMP "))
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        if head.startswith(PNG_SIGNATURE) and "exif" not in image.info:
            # Pillow reads chunks behind the pixels only after it has decoded the pixels.
            image.info.update(_png_metadata(file))
        return header_facts(image, file)


def _webp_metadata(file: BinaryIO) -> dict[bytes, bytes]:
    chunks, place = {}, 12
    for _ in range(_MOST_CHUNKS):
        head = _read(file, place, 8)
        if len(head) < 8:
            break
        kind, length = struct.unpack("<4sL", head)
        if kind in (b"EXIF", b"XMP "):
            chunks[kind] = file.read(min(length, _MOST_METADATA))
        place += 8 + length + length % 2
    return chunks


def _png_metadata(file: BinaryIO) -> dict[str, bytes]:
    place = len(PNG_SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        head = _read(file, place, 8)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">L4s", head)
        if kind == b"eXIf":
            return {"exif": file.read(min(length, _MOST_METADATA))}
        place += 12 + length
    return {}


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)
