"""Sound pixels are shown, whatever is broken around them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmembed.errors import ImageError
from mmembed.media.decode import decode, image_facts
from tests.pictures import UNDO, encoded, quarters, swapped_profile

PROFILE = swapped_profile()


def upright_exif(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def looks_right(data: bytes, size: tuple[int, int] = (64, 48)) -> None:
    """Decodes to the quarters, and its facts are those of the picture."""
    picture, facts = decode(data, name="cat"), image_facts(data)
    assert picture.image.size == (picture.width, picture.height) == size
    assert (facts.width, facts.height) == size
    assert np.abs(np.asarray(picture.image).astype(int) - np.asarray(quarters())).mean() < 6


# -- PNG -----------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + content) if checksum is None else checksum
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", checksum)


def with_chunks(*more: bytes, after: bool = False, data: bytes | None = None) -> bytes:
    data = data or encoded(quarters())
    place = len(data) - 12 if after else 33  # before IEND, or behind IHDR
    return data[:place] + b"".join(more) + data[place:]


BOMB = zlib.compress(bytes(3_000_000))
BROKEN_CHUNKS = {
    "zTXt": [chunk(b"zTXt", b"a\0\0" + BOMB)],
    "iTXt": [chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)],
    "iCCP": [chunk(b"iCCP", b"a\0\0" + BOMB)],
    "80 texts": [chunk(b"tEXt", b"k%d\0" % n + bytes(1_000_000)) for n in range(80)],
    "method of iCCP": [chunk(b"iCCP", b"a\0\7" + zlib.compress(PROFILE))],
    "method of zTXt": [chunk(b"zTXt", b"a\0\7" + zlib.compress(b"x"))],
    "checksum of tEXt": [chunk(b"tEXt", b"a\0b", checksum=7)],
    "checksum of unknown": [chunk(b"teSt", b"abc", checksum=7)],
    "checksum of eXIf": [chunk(b"eXIf", upright_exif(1)[6:], checksum=7)],
    "tIME": [chunk(b"tIME", b"")],
    "pHYs": [chunk(b"pHYs", b"\0")],
    "gAMA": [chunk(b"gAMA", b"\0")],
    "cHRM": [chunk(b"cHRM", b"\0" * 7)],
    "sRGB": [chunk(b"sRGB", b"")],
    "tRNS": [chunk(b"tRNS", b"\0")],
    "acTL": [chunk(b"acTL", b"\0")],
    "fcTL": [chunk(b"fcTL", b"\0")],
    "iCCP of nothing": [chunk(b"iCCP", b"")],
    "eXIf of nothing": [chunk(b"eXIf", b"")],
    "keyword": [chunk(b"tEXt", b"transparency\0abc")],
    "name": [chunk(b"a\xff\xffb", b"abc")],
}


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("case", BROKEN_CHUNKS)
def test_a_broken_chunk_of_a_png_is_skipped(case: str, after: bool) -> None:
    looks_right(with_chunks(*BROKEN_CHUNKS[case], after=after))


def test_what_is_sound_beside_a_broken_chunk_of_a_png_counts() -> None:
    swapped = Image.fromarray(np.asarray(quarters())[..., ::-1])
    turned = swapped.transpose(Image.Transpose(UNDO[5]))
    data = encoded(turned, icc_profile=PROFILE, exif=upright_exif())
    looks_right(with_chunks(chunk(b"tEXt", b"a\0b", checksum=7), data=data))
    clear = Image.new("RGB", (4, 4), "red")
    broken = with_chunks(
        chunk(b"zTXt", b"a\0\0" + BOMB), data=encoded(clear, transparency=(255, 0, 0))
    )
    assert (np.asarray(decode(broken).image) == 255).all()


def test_a_png_that_is_cut_behind_its_pixels_opens() -> None:
    data = with_chunks(chunk(b"tEXt", b"a\0" + bytes(500)), after=True)
    looks_right(data[:-200])
    looks_right(data[: -12 - 500])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_png_without_all_its_pixels_is_refused(share: float) -> None:
    rng = np.random.default_rng(3)
    data = encoded(Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)))
    with pytest.raises(ImageError):
        decode(data[: int(len(data) * share)], name="cat")


def test_a_wrong_checksum_of_what_a_png_needs_is_refused() -> None:
    data = bytearray(encoded(quarters()))
    data[29] ^= 1  # of IHDR
    with pytest.raises(ImageError):
        decode(bytes(data), name="cat")


# -- JPEG ----------------------------------------------------------------------------


def segment(marker: int, content: bytes, length: int | None = None) -> bytes:
    length = len(content) + 2 if length is None else length
    return struct.pack(">BBH", 0xFF, marker, length) + content


def mp_index(count: int, entries: bytes) -> bytes:
    head = b"MPF\0MM\0*\0\0\0\x08\0\2"
    number = struct.pack(">HHLL", 0xB001, 4, 1, count)
    return head + number + struct.pack(">HHLL", 0xB002, 7, len(entries), 38) + bytes(4) + entries


BROKEN_SEGMENTS = {
    "short JFIF": segment(0xE0, b"JFIF"),
    "short Adobe": segment(0xEE, b"Adobe"),
    "short ICC": segment(0xE2, b"ICC_PROFILE\0"),
    "short ICC by one": segment(0xE2, b"ICC_PROFILE\0\1"),
    "ICC that lacks parts": segment(0xE2, b"ICC_PROFILE\0\1\7" + PROFILE),
    "Photoshop": segment(0xED, b"Photoshop 3.0\x008BIM"),
    "Photoshop resolution": segment(0xED, b"Photoshop 3.0\x008BIM\3\xed\0\0\0\0\0\1a"),
    "MP index": segment(0xE2, b"MPF\0"),
    "MP index of nothing": segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    "MP index of more": segment(0xE2, mp_index(9, bytes(16))),
    "MP index cut": segment(0xE2, mp_index(2, bytes(32))[:40]),
    "EXIF": segment(0xE1, b"Exif\0\0"),
    "EXIF that points away": segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    "EXIF resolution": segment(
        0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\1" + struct.pack(">HHLL", 0x011A, 5, 1, 0xFFFFFF)
    ),
    "XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x"),
    "comments": segment(0xFE, b"x" * 60_000) * 200,
    "markers": segment(0xEB, b"x") * 5_000,
}


@pytest.mark.parametrize("case", BROKEN_SEGMENTS)
def test_a_broken_segment_of_a_jpeg_is_skipped(case: str) -> None:
    data = encoded(quarters(), "JPEG", quality=95)
    looks_right(data[:2] + BROKEN_SEGMENTS[case] + data[2:])


def test_what_is_sound_beside_a_broken_segment_of_a_jpeg_counts() -> None:
    turned = quarters().transpose(Image.Transpose(UNDO[5]))
    data = encoded(turned, "JPEG", quality=95, exif=upright_exif())
    looks_right(data[:2] + BROKEN_SEGMENTS["short ICC"] + data[2:])
    cmyk = encoded(quarters().convert("CMYK"), "JPEG", quality=95)
    looks_right(cmyk[:2] + BROKEN_SEGMENTS["short ICC"] + cmyk[2:])


def test_a_jpeg_without_all_its_pixels_is_refused() -> None:
    rng = np.random.default_rng(3)
    data = encoded(Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)), "JPEG")
    with pytest.raises(ImageError):
        decode(data[: len(data) // 2], name="cat")


# -- the others ----------------------------------------------------------------------


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    body = b"".join(
        kind + struct.pack("<L", len(content)) + content + b"\0" * (len(content) % 2)
        for kind, content in chunks
    )
    return b"RIFF" + struct.pack("<L", size or len(body) + 4) + b"WEBP" + body


def webp(*more: tuple[bytes, bytes], flags: int) -> bytes:
    simple = encoded(quarters(), "WEBP", lossless=True)
    size = struct.unpack_from("<L", simple, 16)[0]
    picture = (simple[12:16], simple[20 : 20 + size])
    head = bytes([flags, 0, 0, 0]) + (63).to_bytes(3, "little") + (47).to_bytes(3, "little")
    return riff((b"VP8X", head), picture, *more)


@pytest.mark.parametrize(
    "data",
    [
        webp((b"EXIF", b"nonsense"), flags=0x08),
        webp((b"EXIF", b""), flags=0x08),
        webp((b"XMP ", b"\xff\xfe"), flags=0x04),
        webp((b"ICCP", b"nonsense"), flags=0x20),
        webp(flags=0x2C),  # says that there are metadata, and there are none
        webp((b"EXIF", bytes(300)), flags=0x08)[:-100],
        webp((b"junk", bytes(301)), flags=0),
        webp((b"junk", bytes(301)), flags=0)[:-7],
    ],
)
def test_broken_metadata_of_a_webp_are_skipped(data: bytes) -> None:
    looks_right(data)


GIF = encoded(quarters(), "GIF")
GIF_HEAD = 13 + (3 << ((GIF[10] & 7) + 1))


@pytest.mark.parametrize(
    "extension",
    [
        b"!\xf9\0",
        b"!\xf9\1\0\0",
        b"!\xfe\0",
        b"!\xff\x0bNETSCAPE2.0\0",
        b"!\xff\x0bNETSCAPE2.0\1\1\0",
        b"!\xff\3abc\0",
        b"!\1\x0c" + bytes(12) + b"\0",
        b"!\xfe" + (b"\xff" + b"c" * 255) * 300 + b"\0",
    ],
)
def test_a_broken_extension_of_a_gif_is_skipped(extension: bytes) -> None:
    looks_right(GIF[:GIF_HEAD] + extension + GIF[GIF_HEAD:])


def tiff_with(*tags: tuple[int, int, int, bytes], following: int = 0) -> bytes:
    """A TIFF with more tags (tag, type, count, value)."""
    data = encoded(quarters(), "TIFF")
    [where] = struct.unpack_from("<L", data, 4)
    [count] = struct.unpack_from("<H", data, where)
    entries = [data[where + 2 + 12 * i : where + 14 + 12 * i] for i in range(count)]
    names = {tag for tag, *_ in tags}
    entries = [one for one in entries if struct.unpack("<H", one[:2])[0] not in names]
    entries += [struct.pack("<HHL", *head) + value.ljust(4, b"\0") for *head, value in tags]
    entries.sort(key=lambda one: struct.unpack("<H", one[:2]))
    place = len(data) + len(data) % 2
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<L", following)
    return data[:4] + struct.pack("<L", place) + data[8:].ljust(place - 8, b"\0") + directory


@pytest.mark.parametrize(
    "data",
    [
        tiff_with((65_000, 7, 0xFFFFFFF0, b"\xff\xff\xff\xff")),
        tiff_with((65_000, 99, 1, b"")),
        tiff_with((34_665, 4, 1, b"\xff\xff\xff\x7f")),  # EXIF that points away
        tiff_with((34_853, 2, 3, b"ab\0")),  # GPS that is text
        tiff_with((282, 2, 3, b"ab\0"), (283, 2, 3, b"ab\0"), (296, 3, 1, b"\3")),
        tiff_with((282, 5, 1, b"\xff\xff\xff\x7f")),
        tiff_with((700, 7, 9, b"\xff\xff\xff\x7f")),
        tiff_with((34_675, 7, 9, b"\xff\xff\xff\x7f")),
        tiff_with((34_377, 2, 5, b"\xff\xff\xff\x7f")),
        tiff_with(following=0x7FFFFFF0),
        tiff_with(following=8),
    ],
)
def test_broken_private_tags_of_a_tiff_are_skipped(data: bytes) -> None:
    looks_right(data)


def spoilt(kind: str, spoil: Callable[[bytes], bytes], **options: Any) -> bytes:
    return spoil(encoded(quarters(), kind, quality=95, **options))


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_broken_exif_of_an_avif_or_heif_is_skipped(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a picture"
    whole = exif.tobytes()
    data = encoded(quarters(), kind, quality=95, exif=whole)
    for old, new in ((b"MM\0*", b"XX\0*"), (b"MM\0*\0\0\0\x08", b"MM\0*\xff\xff\xff\xff")):
        assert old in data
        looks_right(data.replace(old, new))


def test_odd_boxes_of_a_jpeg_2000_are_skipped() -> None:
    data = encoded(quarters(), "JPEG2000")
    place = data.index(b"jp2c") - 4
    for box in (b"\0\0\0\x0cxml \xff\xfe\0\1", b"\0\0\0\x09uuidx", b"\0\0\0\x08res "):
        looks_right(data[:place] + box + data[place:])
    assert io.BytesIO(data).read() == data
