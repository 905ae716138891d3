"""Date, place, camera and lens of a picture, from its EXIF block, else the date in XMP.

Cameras, phones and programs write anything into these fields. An impossible value counts as
missing, and never spoils another value or the picture.
"""

from __future__ import annotations

import io
import logging
import re
from datetime import datetime
from typing import BinaryIO, TypeAlias

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from mmembed.media.exif_tags import Tags, Value, read_tags
from mmembed.types import HeaderFacts

log = logging.getLogger(__name__)

VERSION = 1
"""Version of this reader; indexing reads the headers again that another version has read."""
EARLIEST_YEAR, LATEST_YEAR = 1826, 2099
"""The oldest photograph, and years of clocks that are merely set wrong."""

DATE_TIME, ORIGINAL, DIGITIZED = 0x0132, 0x9003, 0x9004
OFFSET, OFFSET_ORIGINAL, OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
SUBSEC, SUBSEC_ORIGINAL, SUBSEC_DIGITIZED = 0x9290, 0x9291, 0x9292
MAKE, MODEL, LENS_MODEL = 0x010F, 0x0110, 0xA434
GPS_LATITUDE_REF, GPS_LATITUDE, GPS_LONGITUDE_REF, GPS_LONGITUDE = 1, 2, 3, 4
GPS_TIME, GPS_DATE = 7, 29
_ORIGINAL = ORIGINAL, SUBSEC_ORIGINAL, OFFSET_ORIGINAL
_DIGITIZED = DIGITIZED, SUBSEC_DIGITIZED, OFFSET_DIGITIZED
_CHANGED = DATE_TIME, SUBSEC, OFFSET
_TAGS = frozenset((*_ORIGINAL, *_DIGITIZED, *_CHANGED, MAKE, MODEL, LENS_MODEL))
_GPS_TAGS = frozenset(
    (GPS_LATITUDE_REF, GPS_LATITUDE, GPS_LONGITUDE_REF, GPS_LONGITUDE, GPS_TIME, GPS_DATE)
)

Moment: TypeAlias = tuple[str, int | None]
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

_CORPORATE = {
    *("co", "company", "corp", "corporation", "inc", "ltd", "ag", "gmbh", "ind", "industries"),
    *("camera", "cameras", "computer", "digital", "electric", "electronics", "imaging", "optical"),
    *("techwin", "technologies", "communications", "mobile"),
}
"""Words at the end of a make that are not part of the brand."""


def header_facts(image: Image.Image, file: BinaryIO) -> HeaderFacts:
    """The facts in the header of an opened image, loaded or not; `file` is its source. Raises
    nothing: a missing or broken value is None."""
    try:
        return facts_of(_exif_block(image, file), image.info.get("xmp"))
    except Exception:  # Pillow left another type in place of a block
        return HeaderFacts()


def facts_of(block: BinaryIO, xmp: object = None) -> HeaderFacts:
    """The facts in an EXIF block, or a file in TIFF form, and in an XMP packet. Raises OSError
    where the file cannot be read, and nothing else."""
    try:
        return _facts(block, xmp)
    except OSError:
        raise
    except Exception:  # a fault of ours, which must not cost the picture
        log.warning("the header of a picture cannot be read", exc_info=True)
        return HeaderFacts()


def _facts(block: BinaryIO, xmp: object) -> HeaderFacts:
    tags, gps = read_tags(block, _TAGS, _GPS_TAGS)
    taken, offset = _taken(tags, gps, xmp if isinstance(xmp, bytes) else b"")
    latitude, longitude = _place(gps)
    return HeaderFacts(
        taken=taken,
        taken_offset=offset,
        camera=camera_name(_name(tags.get(MAKE)), _name(tags.get(MODEL))),
        lens=_name(tags.get(LENS_MODEL)),
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
        try:
            block = bytes.fromhex("".join(lines))
        except ValueError:
            block = b""
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
    day, clock = gps.get(GPS_DATE), gps.get(GPS_TIME)
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
    is_fraction = digits.isascii() and digits.isdigit() and digits.strip("0")
    return f"{text}.{digits[:3]:0<3}" if is_fraction else text


# -- where ---------------------------------------------------------------------------


def _place(gps: Tags) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees, both or none."""
    latitude = _degrees(gps, GPS_LATITUDE, GPS_LATITUDE_REF, "NS", 90)
    longitude = _degrees(gps, GPS_LONGITUDE, GPS_LONGITUDE_REF, "EW", 180)
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


def camera_name(make: str | None, model: str | None) -> str | None:
    """A camera's name without its make twice: `Canon`, `Canon EOS 5D` → `Canon EOS 5D`;
    `NIKON CORPORATION`, `NIKON D90` → `Nikon D90`; `SONY`, `DSC-RX100` → `Sony DSC-RX100`.

    Where the model begins with a word of the make, the model alone is the name; else the brand,
    which is the make without `CORPORATION` and the like, comes before it. A word of
    the brand in capitals or small letters alone gets one capital if it has four letters or more.
    """
    words = re.split(r"[\s,.]+", make.strip(" ,.")) if make else []
    brand = list(words)
    while len(brand) > 1 and brand[-1].lower() in _CORPORATE:
        brand.pop()
    if model is None:
        return " ".join(map(_branded, brand)) or None
    first, *rest = model.split()
    if first.lower() in {word.lower() for word in words}:
        return " ".join([_branded(first), *rest])
    return " ".join([*map(_branded, brand), model])


def _branded(word: str) -> str:
    is_plain = word.isalpha() and (word.isupper() or word.islower())
    return word.capitalize() if is_plain and len(word) > 3 else word


def _name(said: Value | None) -> str | None:
    """The name of a thing; None where no letter or digit is in it, as in `----`."""
    if not isinstance(said, str) or not any(map(str.isalnum, said)):
        return None
    return None if said.lower() in ("none", "unknown", "n/a") else said
