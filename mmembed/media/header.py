"""Reads the facts in the header of an image file without its pixels, for files that were indexed
before."""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from mmembed.media.decode import opened
from mmembed.media.exif import VERSION, facts_of, header_facts
from mmembed.media.formats import FORMATS
from mmembed.media.image_limits import DEFAULT_LIMITS, ImageLimits
from mmembed.media.strip_metadata import PNG_SIGNATURE
from mmembed.types import HeaderFacts

_MOST_METADATA = 1_000_000
"""Bytes of a metadata chunk that are read."""
_MOST_CHUNKS = 50_000
"""Of a file that are looked at; the longest PNG has 8,192 bytes of pixels in each."""


@dataclass(frozen=True)
class HeaderReader:
    """Finds the facts that `decode` finds, in far less time. A broken header has no facts.

    places: whether latitude and longitude are kept.
    """

    limits: ImageLimits = DEFAULT_LIMITS
    places: bool = True

    @property
    def version(self) -> int:
        """A number other than zero. It differs for an older reader, and for a reader that treats
        places otherwise."""
        return VERSION if self.places else -VERSION

    def wanted(self, facts: HeaderFacts) -> HeaderFacts:
        """The facts, without the place if places are not kept."""
        return facts if self.places else replace(facts, latitude=None, longitude=None)

    def of_file(self, path: str | os.PathLike[str]) -> HeaderFacts:
        """The facts of a file. Raises ImageTooLarge, and ImageError if it is gone or cannot be
        read."""
        with opened(path, limits=self.limits) as file:
            return self.wanted(_facts(file))

    def of_bytes(self, data: bytes) -> HeaderFacts:
        """The facts of a file's bytes."""
        return self.wanted(_facts(io.BytesIO(data)))


def _facts(file: BinaryIO) -> HeaderFacts:
    """Raises OSError where the system cannot read the file."""
    try:
        return _facts_by_kind(file)
    except UnidentifiedImageError:
        return facts_of(file)  # as a TIFF of a kind that Pillow does not read
    except OSError as error:
        if error.errno is not None:  # of the system, not of Pillow
            raise
        return HeaderFacts()
    except Exception:  # Pillow and its plugins raise nearly everything on bad input
        return HeaderFacts()


def _facts_by_kind(file: BinaryIO) -> HeaderFacts:
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
