"""Date, place, camera and lens of a picture, from its EXIF block, else the date in XMP.

Cameras, phones and programs write anything into these fields. An impossible value counts as
missing, and never spoils another value or the picture.
"""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import BinaryIO, TypeAlias

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from mmembed.media import exif_tags
from mmembed.media.exif_tags import Tags, Value
from mmembed.types import HeaderFacts

VERSION = 1
"""Version of this reader; a catalog reads items again that a lower version has read."""
EARLIEST_YEAR, LATEST_YEAR = 1826, 2099
"""The oldest photograph, and years of clocks that are merely set wrong."""

Moment: TypeAlias = tuple[str, int | None]
_ORIGINAL = exif_tags.ORIGINAL, exif_tags.SUBSEC_ORIGINAL, exif_tags.OFFSET_ORIGINAL
_DIGITIZED = exif_tags.DIGITIZED, exif_tags.SUBSEC_DIGITIZED, exif_tags.OFFSET_DIGITIZED
_CHANGED = exif_tags.DATE_TIME, exif_tags.SUBSEC, exif_tags.OFFSET
_EXIF_DATE = re.compile(
    r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d+))?", re.ASCII
)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_MOST_OFFSET = 14 * 60
_XMP_BYTES = 1_000_000
"""Of an XMP packet that is searched."""
_XMP_DATE = re.compile(
    rb"\b(?:exif:DateTimeOriginal|photoshop:DateCreated)(?:\s*=\s*[\"']|>)"
    rb"\s*(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d)?(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?)?\s*[\"'<]"
)


def header_facts(image: Image.Image, file: BinaryIO) -> HeaderFacts:
    """The facts in the header of an opened image, loaded or not; `file` is its source. Raises
    nothing: a missing or broken value is None."""
    try:
        return facts_of(_exif_block(image, file), image.info.get("xmp"))
    except Exception:  # Pillow left another type in place of a block
        return HeaderFacts()


def facts_of(block: BinaryIO, xmp: object = None) -> HeaderFacts:
    """The facts in an EXIF block, or a file in TIFF form, and in an XMP packet. Raises OSError
    where the file cannot be read."""
    tags, gps = exif_tags.read_tags(block)
    taken, offset = _taken(tags, gps, xmp if isinstance(xmp, bytes) else b"")
    latitude, longitude = _place(gps)
    return HeaderFacts(
        taken=taken,
        taken_offset=offset,
        lens=_name(tags.get(exif_tags.LENS_MODEL)),
        latitude=latitude,
        longitude=longitude,
    )


def _exif_block(image: Image.Image, file: BinaryIO) -> BinaryIO:
    if isinstance(image, TiffImageFile):
        return file  # the block's own first directory
    block = image.info.get("exif")
    if not isinstance(block, bytes):
        # ImageMagick's form in PNG: three lines of header, then hexadecimal digits.
        lines = str(image.info.get("Raw profile type exif", "")).split("\n")[3:]
        block = bytes.fromhex("".join(lines))
    return io.BytesIO(block)


# -- when ----------------------------------------------------------------------------


def _taken(tags: Tags, gps: Tags, xmp: bytes) -> tuple[str | None, int | None]:
    """Local time, and its minutes east of UTC if known. It is the first plausible date of these:
    taken, digitised, created as a person said, changed, located."""
    return (
        _exif_moment(tags, *_ORIGINAL)
        or _exif_moment(tags, *_DIGITIZED)
        or _xmp_moment(xmp)
        or _exif_moment(tags, *_CHANGED)
        or _gps_moment(gps)
        or (None, None)
    )


def _exif_moment(tags: Tags, at: int, fraction: int, offset: int) -> Moment | None:
    taken = exif_time(tags.get(at), tags.get(fraction))
    return None if taken is None else (taken, offset_minutes(tags.get(offset)))


def exif_time(said: Value | None, fraction: Value | None = None) -> str | None:
    """`2024:05:01 10:00:00`, `25` → `2024-05-01T10:00:00.250`; None for other texts."""
    match = _EXIF_DATE.fullmatch(said) if isinstance(said, str) else None
    if match is None:
        return None
    *moment, inside = match.groups()
    digits = inside or (fraction if isinstance(fraction, str) else "")
    return _iso([int(number) for number in moment], digits)


def offset_minutes(said: Value | str | None) -> int | None:
    """`+05:30` → 330 minutes east of UTC; None for other texts."""
    if said == "Z":
        return 0
    match = _OFFSET.fullmatch(said) if isinstance(said, str) else None
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    offset = int(hours) * 60 + int(minutes)
    if offset > _MOST_OFFSET or int(minutes) > 59:
        return None
    return -offset if sign == "-" else offset


def _xmp_moment(packet: bytes) -> Moment | None:
    match = _XMP_DATE.search(packet[:_XMP_BYTES])
    if match is None:
        return None
    day, minute, second, fraction, offset = (
        part.decode() if part is not None else None for part in match.groups()
    )
    taken = exif_time(f"{day} {minute or '00:00'}{second or ':00'}", fraction)
    return None if taken is None else (taken, offset_minutes(offset))


def _gps_moment(gps: Tags) -> Moment | None:
    """GPS times are UTC."""
    day, clock = gps.get(exif_tags.GPS_DATE), gps.get(exif_tags.GPS_TIME)
    if not isinstance(day, str) or not isinstance(clock, tuple) or len(clock) != 3:
        return None
    if not all(0 <= part < 60 for part in clock):  # false for NaN, too
        return None
    hours, minutes, seconds = map(int, clock)
    taken = exif_time(f"{day} {hours:02}:{minutes:02}:{seconds:02}")
    return None if taken is None else (taken, 0)


def _iso(moment: list[int], digits: str) -> str | None:
    if not EARLIEST_YEAR <= moment[0] <= LATEST_YEAR:
        return None
    try:
        year, month, day, hour, minute, second = moment
        text = datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None
    is_fraction = digits.isascii() and digits.isdigit() and int(digits) > 0
    return f"{text}.{digits[:3]:0<3}" if is_fraction else text


# -- where ---------------------------------------------------------------------------


def _place(gps: Tags) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees, both or none."""
    latitude = _degrees(gps, exif_tags.GPS_LATITUDE, exif_tags.GPS_LATITUDE_REF, "NS", 90)
    longitude = _degrees(gps, exif_tags.GPS_LONGITUDE, exif_tags.GPS_LONGITUDE_REF, "EW", 180)
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None, None  # devices write zeros where they know no place
    return latitude, longitude


def _degrees(gps: Tags, at: int, towards: int, directions: str, most: int) -> float | None:
    parts, direction = gps.get(at), gps.get(towards)
    if not isinstance(parts, tuple) or not isinstance(direction, str) or len(parts) > 3:
        return None
    limits = (most, 60, 60)  # false for NaN, too
    if not all(0 <= part <= limit for part, limit in zip(parts, limits, strict=False)):
        return None
    degrees = sum(part / float(60**power) for power, part in enumerate(parts))
    sign = direction[:1].upper()
    if degrees > most or not sign or sign not in directions:
        return None
    return round(-degrees if sign in "SW" else degrees, 7)  # to a centimetre


# -- with what -----------------------------------------------------------------------


def _name(said: Value | None) -> str | None:
    """The name of a thing; None where no letter or digit is in it, as in `----`."""
    if not isinstance(said, str) or not any(map(str.isalnum, said)):
        return None
    return None if said.lower() in ("none", "unknown", "n/a") else said
