"""What is broken, hostile, too large or of another kind is an ImageError that names it."""

from __future__ import annotations

import os
import struct
import tarfile
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmembed.errors import ImageError, ImageTooLarge, UnsupportedFormat
from mmembed.media.decode import decode, read_file
from mmembed.media.image_limits import ImageLimits
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


def with_scans(count: int) -> bytes:
    """A progressive JPEG that says its last scan again and again."""
    data = encoded(quarters(), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


def test_a_jpeg_of_thousands_of_scans_is_refused_undecoded() -> None:
    assert decode(with_scans(50)).image.size == quarters().size
    with pytest.raises(ImageTooLarge, match=r"^cat\.jpg: a JPEG of over 100 scans; save it anew"):
        decode(with_scans(200), name="cat.jpg")


def test_what_only_looks_like_scans_is_no_reason() -> None:
    data = encoded(quarters(), "JPEG")
    like = b"\xff\xda" * 500
    segment = b"\xff\xe5" + struct.pack(">H", len(like) + 2) + like
    assert decode(data[:2] + segment + data[2:]).image.size == quarters().size
    assert decode(data + like).image.size == quarters().size


PIECES = 250_000


def in_pieces() -> Iterator[tuple[str, bytes]]:
    """Small files whose heads Pillow would read piece by piece for a long time."""
    data = encoded(quarters(), "JPEG")
    yield "segments.jpg", data[:2] + b"\xff\xe9\0\2" * PIECES + data[2:]
    yield "fill.jpg", data[:2] + b"\xff" * PIECES + data[2:]
    data = encoded(quarters(), "PNG")
    end_of_head = 33
    chunk = struct.pack(">L4sL", 0, b"abCd", zlib.crc32(b"abCd"))
    yield "chunks.png", data[:end_of_head] + chunk * PIECES + data[end_of_head:]
    data = encoded(quarters(), "GIF")
    start = data.index(b",", 13 + (3 << ((data[10] & 7) + 1)))
    yield "blocks.gif", data[:start] + b"!\xfe" + b"\1a" * PIECES + b"\0" + data[start:]


@pytest.mark.slow
def test_a_file_in_too_many_pieces_is_refused() -> None:
    for name, data in in_pieces():
        with pytest.raises(ImageError, match=f"^{name}: its file is in more than 200,000 pieces"):
            decode(data, name=name)


def with_a_long_tag(tag: int, numbers: int) -> bytes:
    """A directory of TIFF tags, as EXIF is, of which one holds many numbers."""
    entries = [(256, 1, 8), (257, 1, 8), (258, 1, 8), (262, 1, 1), (278, 1, 8), (279, 1, 64)]
    entries = [one for one in entries if one[0] != tag]
    start = 8 + 2 + 12 * (len(entries) + 1) + 4
    packed = [struct.pack("<HHLL", one, 4, count, value) for one, count, value in entries]
    packed.append(struct.pack("<HHLL", tag, 4, numbers, start))
    head = b"II*\0" + struct.pack("<LH", 8, len(packed)) + b"".join(sorted(packed)) + bytes(4)
    return head + struct.pack("<L", 8) * numbers


@pytest.mark.parametrize("tag", [258, 273, 338, 339])
def test_a_tiff_whose_tag_holds_very_many_numbers_is_refused(tag: int) -> None:
    with pytest.raises(ImageError, match=r"^a\.tif: a tag holds more than 200,000 numbers"):
        decode(with_a_long_tag(tag, 300_000), name="a.tif")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_such_a_tag_in_exif_is_no_reason(kind: str) -> None:
    exif = with_a_long_tag(274, 300_000)
    data = encoded(quarters(), kind, exif=b"Exif\0\0" + exif)
    assert decode(data).image.size == quarters().size


@pytest.mark.slow
def test_a_bmp_of_many_runs_is_opened() -> None:
    width, height = 700, 400
    runs = b"".join(b"\1\1" * width + b"\0\0" for _ in range(height)) + b"\0\1"
    head = struct.pack("<LllHHLLllLL", 40, width, height, 1, 8, 1, len(runs), 0, 0, 2, 0)
    palette = b"\0\0\0\0\xff\xff\xff\0"
    start = 14 + len(head) + len(palette)
    file = b"BM" + struct.pack("<LHHL", start + len(runs), 0, 0, start) + head + palette + runs
    assert decode(file).image.getpixel((width - 1, height - 1)) == (255, 255, 255)


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


@pytest.mark.slow
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


@pytest.mark.slow
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
