"""Headers are read alone, and say what decoding would."""

from __future__ import annotations

import io
import math
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from mmembed.errors import ImageError, ImageTooLarge
from mmembed.media import exif
from mmembed.media.decode import decode
from mmembed.media.header import HeaderReader
from mmembed.media.image_limits import ImageLimits
from mmembed.types import HeaderFacts
from tests.media.exif_blocks import (
    CAMERA,
    DATES,
    EXPECTED,
    PLACE,
    block,
    doubles,
    png_with_late_exif,
    tiff_picture,
    whole,
    with_xmp,
)
from tests.pictures import encoded, quarters

READER = HeaderReader()
KINDS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "HEIF")
FILES = {
    **{kind: encoded(quarters(), kind, exif=whole()) for kind in KINDS},
    "TIFF": tiff_picture(),
    "odd TIFF": tiff_picture((8, 8), (12, 12, 12)),
    "late PNG": png_with_late_exif(),
    **{f"{kind} with XMP": with_xmp(kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF")},
    **{f"plain {kind}": encoded(quarters(), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP")},
}


@pytest.mark.parametrize("kind", FILES)
def test_a_header_says_what_decoding_would(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "cat"
    path.write_bytes(FILES[kind])
    assert READER.of_file(path) == decode(FILES[kind]).header
    assert READER.of_bytes(FILES[kind]) == decode(FILES[kind]).header
    if "XMP" not in kind and "plain" not in kind:
        assert READER.of_file(path) == EXPECTED


@pytest.mark.parametrize("kind", FILES)
def test_no_pixel_is_decoded(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    path = tmp_path / "cat"
    path.write_bytes(FILES[kind])
    expected = decode(FILES[kind]).header
    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    monkeypatch.setattr(Image.Image, "load", refuse)
    assert READER.of_file(path) == expected


@pytest.mark.parametrize("garbage", [b"", b"no picture", b"RIFF\0\0\0\0WEBP", FILES["PNG"][:40]])
def test_a_broken_header_says_nothing(garbage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cat"
    path.write_bytes(garbage)
    assert READER.of_file(path) == HeaderFacts()


def test_a_png_of_endless_chunks_ends(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(encoded(quarters())[:-12] + struct.pack(">L4sL", 0, b"teSt", 0) * 300_000)
    assert READER.of_file(path) == HeaderFacts()


def test_a_webp_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "cat.webp"
    path.write_bytes(FILES["WEBP"])
    with open(path, "r+b") as file:
        end = file.seek(0, io.SEEK_END)
        file.write(struct.pack("<4sL", b"EXIF", 2**31))
        os.truncate(path, end + 8 + 2**31)  # takes no room on the disk
    assert HeaderReader(ImageLimits(max_bytes=2**32)).of_file(path) == HeaderFacts()


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        READER.of_file(tmp_path / "cat.jpg")
    with pytest.raises(ImageError, match="a folder"):
        READER.of_file(tmp_path)


def test_a_file_over_the_limit_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(FILES["JPEG"])
    with pytest.raises(ImageTooLarge, match="MMEMBED_MAX_IMAGE_MB"):
        HeaderReader(ImageLimits(max_bytes=100)).of_file(path)


def test_places_may_be_left_out() -> None:
    without = HeaderReader(places=False)
    expected = replace(EXPECTED, latitude=None, longitude=None)
    assert without.of_bytes(FILES["JPEG"]) == without.wanted(EXPECTED) == expected
    assert len({0, without.version, READER.version}) == 3


@pytest.mark.parametrize("number", [math.nan, math.inf, 1e300])
def test_a_broken_pointer_costs_no_other_fact(number: float, tmp_path: Path) -> None:
    path = tmp_path / "cat"
    path.write_bytes(tiff_picture((8, 8), (12, 12, 12), {0x8825: doubles(number)}))
    expected = replace(EXPECTED, latitude=None, longitude=None)
    assert READER.of_file(path) == expected
    path.write_bytes(block(CAMERA, DATES, PLACE, {0x8825: doubles(number)}))  # not for Pillow
    assert READER.of_file(path) == expected


def test_a_fault_of_the_reader_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OverflowError

    monkeypatch.setattr(exif, "read_tags", fail)
    path = tmp_path / "cat"
    for data in (FILES["JPEG"], FILES["WEBP"], FILES["odd TIFF"], block(CAMERA)):
        path.write_bytes(data)
        assert READER.of_file(path) == HeaderFacts()
    assert decode(FILES["odd TIFF"]).header == HeaderFacts()
