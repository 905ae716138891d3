"""When, where and with what a picture was taken; whatever is broken is missing, and no more."""

from __future__ import annotations

import io
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import PngImagePlugin

from mmembed.media import exif as tag
from mmembed.media.decode import decode
from mmembed.media.exif import exif_time, facts_of, offset_minutes
from mmembed.media.exif_tags import Value
from mmembed.types import HeaderFacts
from tests.media.exif_blocks import (
    CAMERA,
    DATES,
    EXPECTED,
    MAKE,
    MODEL,
    PLACE,
    XMP,
    Entries,
    Entry,
    block,
    doubles,
    fractions,
    longs,
    png_with_late_exif,
    shorts,
    text,
    tiff_picture,
    whole,
    with_xmp,
)
from tests.pictures import encoded, png, quarters

NONE: Entries = {}


def read(main: Entries = NONE, exif: Entries = NONE, gps: Entries = NONE) -> HeaderFacts:
    return facts_of(io.BytesIO(block(main, exif, gps)))


# -- every kind of file --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "AVIF", "HEIF"])
def test_every_kind_of_file_says_it(kind: str) -> None:
    assert decode(encoded(quarters(), kind, exif=whole())).header == EXPECTED


def test_a_tiff_says_it_in_its_own_directory() -> None:
    assert decode(tiff_picture()).header == EXPECTED


def test_a_tiff_that_pillow_does_not_read_says_it() -> None:
    assert decode(tiff_picture((8, 8), (12, 12, 12))).header == EXPECTED


def test_a_png_says_it_behind_its_pixels() -> None:
    assert decode(png_with_late_exif()).header == EXPECTED


def test_a_png_says_it_as_imagemagick_writes_it() -> None:
    said = PngImagePlugin.PngInfo()
    content = whole()
    said.add_text("Raw profile type exif", f"\nexif\n{len(content):8}\n{content.hex()}\n", zip=True)
    assert decode(encoded(quarters(), pnginfo=said)).header == EXPECTED


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000"])
def test_a_file_that_says_nothing_has_no_facts(kind: str) -> None:
    assert decode(encoded(quarters(), kind)).header == HeaderFacts()


def test_facts_are_read_whatever_size_a_picture_is_decoded_to() -> None:
    data = encoded(quarters((640, 480)), "JPEG", exif=whole())
    assert decode(data, side=32).header == EXPECTED


# -- when ----------------------------------------------------------------------------


def test_the_moment_it_was_taken_comes_before_others() -> None:
    others: Entries = {tag.DIGITIZED: text("2020:01:01 00:00:00"), tag.OFFSET: text("+01:00")}
    main: Entries = {tag.DATE_TIME: text("2021:01:01 00:00:00")}
    assert read(main, {**others, **DATES}).taken == "2019-05-03T10:11:12"
    assert read(main, others) == HeaderFacts(taken="2020-01-01T00:00:00")
    only_changed = read(main, {tag.OFFSET: text("+01:00")})
    assert (only_changed.taken, only_changed.taken_offset) == ("2021-01-01T00:00:00", 60)


@pytest.mark.parametrize(
    ("digits", "taken"),
    [
        ("25", "2019-05-03T10:11:12.250"),
        ("1234567", "2019-05-03T10:11:12.123"),
        ("00", "2019-05-03T10:11:12"),
        ("x", "2019-05-03T10:11:12"),
        ("²", "2019-05-03T10:11:12"),
        ("", "2019-05-03T10:11:12"),
    ],
)
def test_parts_of_seconds_are_kept(digits: str, taken: str) -> None:
    assert read({}, {**DATES, tag.SUBSEC_ORIGINAL: text(digits)}).taken == taken


@pytest.mark.parametrize(
    "garbage",
    [
        "0000:00:00 00:00:00", "9999:01:01 00:00:00", "2019:13:03 10:11:12", "2019:02:29 10:11:12",
        "2019:05:03 24:00:00", "2019:05:03 10:60:12", "2019:05:03", "    :  :     :  :  ", "",
        "now", "٢٠١٩:05:03 10:11:12", "1066:10:14 09:00:00", "2019:05:03 10:11:12 and more",
    ],
)  # fmt: skip
def test_no_date_is_none(garbage: str) -> None:
    assert exif_time(garbage) is None
    assert read({}, {tag.ORIGINAL: text(garbage), tag.DIGITIZED: DATES[tag.ORIGINAL]}).taken


@pytest.mark.parametrize(
    ("said", "minutes"),
    [
        ("+05:30", 330), ("-03:30", -210), ("+0200", 120), ("Z", 0), ("+14:00", 840),
        ("+15:00", None), ("+01:75", None), ("   :  ", None), ("", None), ("UTC", None),
        (None, None), ((2.0,), None),
    ],
)  # fmt: skip
def test_offsets(said: Value | None, minutes: int | None) -> None:
    assert offset_minutes(said) == minutes


def test_a_broken_offset_costs_no_date() -> None:
    facts = read({}, {**DATES, tag.OFFSET_ORIGINAL: longs(7)})
    assert (facts.taken, facts.taken_offset) == ("2019-05-03T10:11:12", None)


def test_satellites_say_utc_where_nothing_else_is_said() -> None:
    clock: Entries = {
        tag.GPS_DATE: text("2019:05:03"),
        tag.GPS_TIME: fractions((4, 1), (41, 1), (1250, 100)),
    }
    facts = read(gps=clock)
    assert (facts.taken, facts.taken_offset) == ("2019-05-03T04:41:12", 0)
    assert read(exif=DATES, gps=clock).taken_offset == 330
    broken: Entries = {**clock, tag.GPS_TIME: fractions((4, 1), (41, 0), (12, 1))}
    assert read(gps=broken) == HeaderFacts()


@pytest.mark.parametrize(
    ("packet", "taken", "offset"),
    [
        (XMP, "1987-06-05T04:03:02.500", 120),
        (b"<photoshop:DateCreated>1987-06-05</photoshop:DateCreated>", "1987-06-05T00:00:00", None),
        (b"<exif:DateTimeOriginal>1987-06-05T04:03Z<", "1987-06-05T04:03:00", 0),
        (b'photoshop:DateCreated="1987"', None, None),
        (b'photoshop:DateCreated="0000-00-00T00:00:00"', None, None),
        (b'xmp:ModifyDate="1987-06-05"', None, None),
    ],
)
def test_xmp_says_when_exif_does_not(packet: bytes, taken: str, offset: int | None) -> None:
    facts = facts_of(io.BytesIO(), packet)
    assert (facts.taken, facts.taken_offset) == (taken, offset)
    assert facts_of(io.BytesIO(whole()), packet) == EXPECTED


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_xmp_is_found_in_files(kind: str) -> None:
    facts = decode(with_xmp(kind)).header
    assert (facts.taken, facts.taken_offset) == ("1987-06-05T04:03:02.500", 120)


# -- where ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (tag.GPS_LATITUDE, fractions((91, 1), (0, 1), (0, 1))),
        (tag.GPS_LATITUDE, fractions((90, 1), (1, 1), (0, 1))),
        (tag.GPS_LATITUDE, fractions((52, 0), (30, 1), (0, 1))),
        (tag.GPS_LATITUDE, fractions((52, 1), (61, 1), (0, 1))),
        (tag.GPS_LATITUDE, fractions((1, 1), (2, 1), (3, 1), (4, 1))),
        (tag.GPS_LATITUDE, doubles(math.nan, 0, 0)),
        (tag.GPS_LATITUDE, doubles(math.inf, 0, 0)),
        (tag.GPS_LATITUDE, text("52 N")),
        (tag.GPS_LATITUDE, (10, 1, struct.pack(">ll", -52, 1))),
        (tag.GPS_LATITUDE, (5, 0, b"")),
        (tag.GPS_LATITUDE_REF, text("E")),
        (tag.GPS_LATITUDE_REF, text("")),
        (tag.GPS_LATITUDE_REF, longs(1)),
        (tag.GPS_LONGITUDE, fractions((181, 1), (0, 1), (0, 1))),
        (tag.GPS_LONGITUDE_REF, text("NS")),
    ],
)
def test_no_place_is_none(key: int, value: Entry) -> None:
    facts = read(exif=DATES, gps={**PLACE, key: value})
    assert (facts.latitude, facts.longitude) == (None, None)
    assert facts.taken == EXPECTED.taken


def test_places_on_all_quarters_of_the_earth() -> None:
    west = {**PLACE, tag.GPS_LATITUDE_REF: text("South"), tag.GPS_LONGITUDE_REF: text("e")}
    facts = read(gps=west)
    assert (facts.latitude, facts.longitude) == (-52.5043056, 13.3666667)
    degrees: Entries = {tag.GPS_LATITUDE: doubles(52.5), tag.GPS_LONGITUDE: shorts(180)}
    facts = read(gps={**PLACE, **degrees})
    assert (facts.latitude, facts.longitude) == (52.5, -180)


def test_zeros_are_no_place() -> None:
    nowhere = fractions((0, 1), (0, 1), (0, 1))
    zeros: Entries = {tag.GPS_LATITUDE: nowhere, tag.GPS_LONGITUDE: nowhere}
    assert read(gps={**PLACE, **zeros}) == HeaderFacts()
    assert read(gps={**PLACE, tag.GPS_LATITUDE: nowhere}).latitude == 0


# -- with what -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "lens"),
    [
        (text("  EF 24-70mm\tf/2.8  "), "EF 24-70mm f/2.8"),
        (text(b"EF 50mm\0\xff\xfejunk"), "EF 50mm"),
        (text("Zeiss Планар", kind=129), "Zeiss Планар"),
        (text(b"Plan\xe4r"), None),
        (text("----"), None),
        (text("None"), None),
        (text("a\x07b"), None),
        (text(""), None),
        (text("x" * 600), None),
        (longs(50), None),
    ],
)
def test_names(said: Entry, lens: str | None) -> None:
    assert read(exif={tag.LENS_MODEL: said}).lens == lens


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("Canon", "EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D90", "Nikon D90"),
        ("SONY", "DSC-RX100", "Sony DSC-RX100"),
        ("OLYMPUS IMAGING CORP.  ", "E-M5            ", "Olympus E-M5"),
        ("EASTMAN KODAK COMPANY", "KODAK DX4900 ZOOM", "Kodak DX4900 ZOOM"),
        ("CASIO COMPUTER CO.,LTD.", "EX-Z75", "Casio EX-Z75"),
        ("Konica Minolta Camera, Inc.", "DiMAGE A2", "Konica Minolta DiMAGE A2"),
        ("LEICA CAMERA AG", "LEICA Q2", "Leica Q2"),
        ("samsung", "SM-G991B", "Samsung SM-G991B"),
        ("Google", "Pixel 7", "Google Pixel 7"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("DJI", "FC3170", "DJI FC3170"),
        ("", "FinePix 40i", "FinePix 40i"),
        ("FUJIFILM", "", "Fujifilm"),
        ("Camera", "Camera", "Camera"),
        ("...", "----", None),
        ("", "", None),
    ],
)  # fmt: skip
def test_a_camera_has_its_make_once(make: str, model: str, camera: str | None) -> None:
    assert read({MAKE: text(make), MODEL: text(model)}).camera == camera


@pytest.mark.parametrize("make", [text(b"Cam\xe9ra"), longs(1), text("\x01\x02"), text("x" * 999)])
def test_a_make_that_is_no_text_leaves_the_model(make: Entry) -> None:
    assert read({MAKE: make, MODEL: text("D90")}).camera == "D90"


# -- hostile blocks ------------------------------------------------------------------


def test_directories_that_point_at_themselves_end() -> None:
    data = bytearray(block({}, DATES))
    for number in (b"\x87\x69\0\4", b"\x88\x25\0\4"):
        place = data.index(number) + 8
        data[place : place + 4] = struct.pack(">L", 8)
    assert facts_of(io.BytesIO(data)) == HeaderFacts()


def test_a_huge_directory_is_read_no_further_than_a_camera_would_write() -> None:
    row = struct.pack(">HHLL", 0x927C, 7, 0xFFFFFFFF, 8)
    data = b"MM\0*" + struct.pack(">LH", 8, 0xFFFF) + row * 0xFFFF
    file = _Counted(data)
    assert facts_of(file) == HeaderFacts()
    assert file.taken < 20_000


class _Counted(io.BytesIO):
    """Counts the bytes that are read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.taken += len(content)
        return content


@pytest.mark.slow
@given(st.binary(max_size=200))
def test_no_bytes_are_an_error(garbage: bytes) -> None:
    for head in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"Exif\0\0MM\0*\0\0\0\x08"):
        assert isinstance(facts_of(io.BytesIO(head + garbage), garbage), HeaderFacts)


@pytest.mark.slow
@given(
    st.dictionaries(
        st.sampled_from(sorted({*DATES, *PLACE, tag.GPS_DATE, tag.GPS_TIME, tag.DATE_TIME})),
        st.tuples(st.integers(0, 200), st.integers(0, 40), st.binary(max_size=40)),
    )
)
def test_a_strange_value_is_missing_or_makes_sense(entries: dict[int, Entry]) -> None:
    facts = facts_of(io.BytesIO(block(entries, entries, entries)))
    assert facts.latitude is None or -90 <= facts.latitude <= 90
    assert facts.longitude is None or -180 <= facts.longitude <= 180
    assert facts.lens is None or facts.lens.isprintable()
    assert facts.taken is None or "1826" <= facts.taken[:4] <= "2099"


@pytest.mark.slow
@given(st.integers(0, 500), st.integers(0, 255))
def test_a_flipped_byte_costs_no_picture(place: int, value: int) -> None:
    data = bytearray(encoded(quarters((16, 16)), "JPEG", exif=whole()))
    data[data.index(b"MM\0*") + place % len(block(CAMERA, DATES, PLACE))] = value
    assert decode(bytes(data)).width == 16


def test_text_in_place_of_a_block_is_nothing() -> None:
    data = png(1, 1, 8, 0, b"\0\0", b"tEXtRaw profile type exif\0no\nhex\nat\nall")
    assert decode(data).header == HeaderFacts()


POINTERS = {
    "NaN": doubles(math.nan),
    "infinite": doubles(math.inf),
    "huge": doubles(1e300),
    "fraction": fractions((1, 0)),
    "negative": (9, 1, struct.pack(">l", -1)),
    "behind the end": longs(0xFFFFFFFF),
    "two": longs(8, 8),
    "text": text("8"),
}


@pytest.mark.parametrize("pointer", POINTERS)
@pytest.mark.parametrize("directory", [0x8769, 0x8825])
def test_a_broken_pointer_costs_only_what_it_points_to(pointer: str, directory: int) -> None:
    pointers = {directory: POINTERS[pointer]}
    facts = facts_of(io.BytesIO(block(CAMERA, DATES, PLACE, pointers)))
    assert facts.camera == EXPECTED.camera
    assert facts.taken == (EXPECTED.taken if directory == 0x8825 else None)
    odd = tiff_picture((8, 8), (12, 12, 12), pointers)
    assert decode(odd).header.camera == EXPECTED.camera


def test_a_second_of_endless_digits_is_no_error() -> None:
    packet = b"exif:DateTimeOriginal='2020-01-02T03:04:05." + b"1" * 5000 + b"'"
    assert facts_of(io.BytesIO(), packet).taken == "2020-01-02T03:04:05.111"


def test_a_broken_profile_of_a_png_costs_no_date_of_xmp() -> None:
    said = PngImagePlugin.PngInfo()
    said.add_text("Raw profile type exif", "no\nhex\nat\nall")
    said.add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = encoded(quarters(), "PNG", pnginfo=said)
    assert decode(data).header.taken == "1987-06-05T04:03:02.500"
