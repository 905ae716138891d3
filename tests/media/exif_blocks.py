"""EXIF blocks, written by hand: a camera's, and those that no library would write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from PIL import PngImagePlugin

from mmembed.media import exif as tag
from mmembed.types import HeaderFacts
from tests.pictures import encoded, quarters

Entry: TypeAlias = tuple[int, int, bytes]
"""Type, count and content of a value, big-endian."""
Entries: TypeAlias = Mapping[int, Entry]
MAKE, MODEL = 0x010F, 0x0110


def text(value: str | bytes, kind: int = 2) -> Entry:
    content = (value.encode() if isinstance(value, str) else value) + b"\0"
    return kind, len(content), content


def fractions(*pairs: tuple[int, int]) -> Entry:
    return 5, len(pairs), b"".join(struct.pack(">LL", *pair) for pair in pairs)


def longs(*numbers: int) -> Entry:
    return 4, len(numbers), struct.pack(f">{len(numbers)}L", *numbers)


def shorts(*numbers: int) -> Entry:
    return 3, len(numbers), struct.pack(f">{len(numbers)}H", *numbers)


def doubles(*numbers: float) -> Entry:
    return 12, len(numbers), struct.pack(f">{len(numbers)}d", *numbers)


def block(
    main: Entries,
    exif: Entries | None = None,
    gps: Entries | None = None,
    pointers: Entries | None = None,
) -> bytes:
    """The three directories, one behind the other, in TIFF form. `pointers` stand in place of
    those to the second and third."""
    pointers = pointers or {}
    exif_at = 8 + _size({**main, 0x8769: longs(0), 0x8825: longs(0), **pointers})
    gps_at = exif_at + _size(exif or {})
    main = {**main, 0x8769: longs(exif_at), 0x8825: longs(gps_at), **pointers}
    places = zip((8, exif_at, gps_at), (main, exif or {}, gps or {}), strict=True)
    return b"MM\0*" + struct.pack(">L", 8) + b"".join(_directory(*each) for each in places)


def _size(entries: Entries) -> int:
    return len(_directory(0, entries))


def _directory(where: int, entries: Entries) -> bytes:
    values = b""
    rows = struct.pack(">H", len(entries))
    values_at = where + 2 + 12 * len(entries) + 4
    for number, (kind, count, content) in sorted(entries.items()):
        inline = content.ljust(4, b"\0")
        if len(content) > 4:
            inline = struct.pack(">L", values_at + len(values))
            values += content
        rows += struct.pack(">HHL", number, kind, count) + inline
    return rows + bytes(4) + values


CAMERA: Entries = {MAKE: text("NIKON CORPORATION"), MODEL: text("NIKON D90")}
DATES: Entries = {
    tag.ORIGINAL: text("2019:05:03 10:11:12"),
    tag.OFFSET_ORIGINAL: text("+05:30"),
    tag.LENS_MODEL: text("AF-S 50mm f/1.8"),
}
PLACE: Entries = {
    tag.GPS_LATITUDE_REF: text("N"),
    tag.GPS_LATITUDE: fractions((52, 1), (30, 1), (1550, 100)),
    tag.GPS_LONGITUDE_REF: text("W"),
    tag.GPS_LONGITUDE: fractions((13, 1), (22, 1), (0, 1)),
}


def whole() -> bytes:
    """What a camera writes."""
    return b"Exif\0\0" + block(CAMERA, DATES, PLACE)


def tiff_picture(
    size: tuple[int, int] = (8, 8),
    bits: Sequence[int] = (8, 8, 8),
    pointers: Entries | None = None,
) -> bytes:
    """A raw TIFF that has all of it, in the directory of its picture."""
    width, height = size
    content = bytes(width * height * sum(bits) // 8)
    main = {
        256: shorts(width), 257: shorts(height), 258: shorts(*bits), 259: shorts(1),
        262: shorts(2), 273: longs(0), 277: shorts(len(bits)), 278: shorts(height),
        279: longs(len(content)), **CAMERA,
    }  # fmt: skip
    main[273] = longs(len(block(main, DATES, PLACE, pointers)))
    return block(main, DATES, PLACE, pointers) + content


EXPECTED = HeaderFacts(
    taken="2019-05-03T10:11:12",
    taken_offset=330,
    camera="Nikon D90",
    lens="AF-S 50mm f/1.8",
    latitude=52.5043056,
    longitude=-13.3666667,
)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description '
    b'photoshop:DateCreated="1987-06-05T04:03:02.5+02:00"/></x:xmpmeta>'
)


def png_with_late_exif() -> bytes:
    data, content = encoded(quarters()), whole()[6:]
    length, checksum = struct.pack(">L", len(content)), zlib.crc32(b"eXIf" + content)
    chunk = length + b"eXIf" + content + struct.pack(">L", checksum)
    return data[:-12] + chunk + data[-12:]


def with_xmp(kind: str) -> bytes:
    said = PngImagePlugin.PngInfo()
    said.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options: dict[str, dict[str, Any]] = {
        "TIFF": {"tiffinfo": {700: XMP}},
        "PNG": {"pnginfo": said},
    }
    return encoded(quarters(), kind, **options.get(kind, {"xmp": XMP}))
