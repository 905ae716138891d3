"""What is broken, hostile, too large or of another kind is an ImageError that names it."""

from __future__ import annotations

import os
import struct
import tarfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmembed.errors import ImageError, ImageTooLarge, UnsupportedFormat
from mmembed.media.decode import ImageLimits, decode, read_file
from tests.pictures import ODD, encoded, png, quarters

HOSTILE = Path(__file__).parents[3] / "shared" / "data" / "hostile.tar.xz"


def test_truncated_file_fails_at_the_boundary() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8))
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        data = encoded(noise, kind)
        with pytest.raises(ImageError, match=r"^half\.jpg: "):
            decode(data[: len(data) // 2], name="half.jpg")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript file; expected"),
        (b"8BPS\0\1" + bytes(20), "a Photoshop file; expected"),
        (b"<svg xmlns='x'/>", "an SVG drawing; expected"),
        (b"P6 1 1 255\n\0\0\0", "an unknown kind of file; expected"),
        (b"hello, this is no picture\n", "a text file; expected"),
        (b"\0\0\0\x18ftypmp42" + bytes(16), "a video; expected"),
        (bytes(100), "an unknown kind of file; expected"),
    ],
)
def test_other_kinds_of_file_are_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(UnsupportedFormat, match=rf"^cat\.jpg: {message} one of JPEG, PNG"):
        decode(data, name="cat.jpg")


@pytest.mark.parametrize("kind", ["EPS", "PPM", "TGA", "ICO", "PCX", "SGI", "DDS"])
def test_what_pillow_opens_but_we_do_not(kind: str) -> None:
    with pytest.raises(UnsupportedFormat):
        decode(encoded(quarters(), kind), name="cat.png")


@pytest.mark.parametrize(
    "head",
    [
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n",
        b"II*\0",
        b"RIFF\0\0\0\0WEBP",
        b"GIF89a",
        b"\0\0\0\x18ftypheic",
    ],
)
def test_broken_heads_are_called_broken(head: bytes) -> None:
    with pytest.raises(ImageError, match=r"broken|truncated") as caught:
        decode(head + b"\1" * 9, name="x")
    assert not isinstance(caught.value, UnsupportedFormat)


def test_messages_hold_no_addresses_and_one_line() -> None:
    for data in (b"BM" + bytes(30), b"GIF89a" + bytes(30), b"II*\0" + bytes(30)):
        with pytest.raises(ImageError) as caught:
            decode(data, name="x")
        assert "0x" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_too_many_pixels_are_refused_before_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("loaded"))
    for size in [(15_000, 14_133), (50_000, 50_000)]:  # below and above Pillow's own limit
        data = png(*size, 1, 0, b"")
        number = rf"{size[0] * size[1] / 1e6:,.0f}"
        message = rf"^cat\.tif: {number} megapixels, limit 100; raise MMEMBED_MAX_MEGAPIXELS$"
        with pytest.raises(ImageTooLarge, match=message):
            decode(data, name="cat.tif")


def test_limits_can_be_changed() -> None:
    data = encoded(quarters())
    with pytest.raises(ImageTooLarge, match=r"^image: 0\.1 megapixels, limit 0\.001; raise"):
        decode(data, limits=ImageLimits(max_pixels=1000))
    with pytest.raises(
        ImageTooLarge, match=r"^image: 0\.1 MB, limit 0\.0001; raise MMEMBED_MAX_IM"
    ):
        decode(data, limits=ImageLimits(max_bytes=100))
    assert decode(data, limits=ImageLimits(max_bytes=len(data), max_pixels=64 * 48)).frames == 1


def test_limits_beyond_pillows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(encoded(quarters())).image.size == (64, 48)


def test_large_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(ImageTooLarge, match=r"large\.jpg: 200 MB, limit 100; raise MMEMBED_MAX_IM"):
        decode(path)


def test_paths_name_themselves(tmp_path: Path) -> None:
    path = tmp_path / "straße 猫.png"
    path.write_bytes(encoded(quarters()))
    assert decode(path).name == decode(str(path)).name == str(path)
    assert read_file(path) == path.read_bytes()
    bytes_path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")
    with pytest.raises(ImageError, match=r"/\\xff\.png: cannot be read: no such file"):
        decode(bytes_path)


def test_what_is_not_a_file_is_refused_without_hanging(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "empty.jpg").touch()
    cases = {
        "pipe.jpg": "a pipe or device, not a file",
        "folder.jpg": "a folder, not an image file",
        "empty.jpg": "the file is empty",
        "missing.jpg": "cannot be read: no such file or directory",
    }
    for name, reason in cases.items():
        with pytest.raises(ImageError) as caught:
            decode(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {reason}"
    with pytest.raises(ImageError, match="a pipe or device"):
        decode("/dev/zero")
    with pytest.raises(ImageError, match="cannot be read: "):
        decode("nul\0l.jpg")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_unreadable_files_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.touch(mode=0)
    with pytest.raises(ImageError, match="cannot be read: permission denied"):
        decode(path)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RecursionError("deep"), struct.error("short"), KeyError("x"), SyntaxError()],
)
def test_whatever_pillow_raises_is_an_image_error(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load_read", fail)
    with pytest.raises(ImageError, match=r"^cat: .+"):
        decode(encoded(quarters()), name="cat")


def test_pillows_warnings_stay_inside() -> None:
    exif_that_warns = b"Exif\0\0II*\0\x08\0\0\0\x05\0" + bytes(20)
    data = encoded(quarters(), "TIFF", compression="tiff_lzw")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode(encoded(quarters(), "JPEG", exif=exif_that_warns))
        decode(data + b"\0")
        decode(png(10_000, 9_000, 1, 0, (b"\0" + bytes(1250)) * 9_000))  # Pillow warns at 89 MP
    assert not caught


def outcome(data: bytes, name: str) -> str:
    """«ok», or the error's class; anything but an ImageError that names the file fails."""
    error = None
    try:
        picture = decode(data, name=name, limits=ImageLimits(max_pixels=30_000_000))
    except ImageError as caught:
        error = caught
    if error is None:
        assert picture.image.mode == "RGB"
        return "ok"
    assert str(error).startswith(f"{name}: ")
    assert "0x" not in error.reason
    return type(error).__name__


def test_hostile_files_decode_or_are_refused() -> None:
    if not HOSTILE.is_file():
        pytest.skip("the corpus of hostile files is not here")
    outcomes: Counter[str] = Counter()
    with tarfile.open(HOSTILE) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                outcomes[outcome(file.read(), member.name)] += 1
    assert outcomes.total() > 1500
    assert outcomes["ok"] > 500
    assert set(outcomes) == {"ok", "ImageError", "ImageTooLarge", "UnsupportedFormat"}


def odd_files() -> list[Path]:
    return sorted(p for p in ODD.iterdir() if p.suffix != ".md") if ODD.is_dir() else []


@pytest.mark.parametrize("path", odd_files(), ids=lambda path: path.name[:40])
def test_odd_files_decode_or_are_refused(path: Path) -> None:
    refused = {
        "bomb.png": "ImageTooLarge",
        "empty.jpg": "ImageError",
        "eps-named.jpg": "UnsupportedFormat",
        "psd-named.jpg": "UnsupportedFormat",
        "text.jpg": "UnsupportedFormat",
        "truncated.jpg": "ImageError",
    }
    assert outcome(path.read_bytes(), str(path)) == refused.get(path.name, "ok")
