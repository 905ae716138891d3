"""TIFFs of every depth have their right values, and what is not read is called by name."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mmembed.errors import ImageError, UnsupportedFormat
from mmembed.media.decode import decode, image_facts
from tests.pictures import UNDO, encoded, png, quarters, swapped_profile

RAMP = np.arange(256).reshape(16, 16)
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
DEFLATE, LZW = 8, 5


def packed(row: NDArray[Any], bits: int) -> bytes:
    """Numbers of so many bits each, the most significant bit first."""
    written = "".join(format(int(number), f"0{bits}b") for number in row)
    written += "0" * (-len(written) % 8)
    return int(written, 2).to_bytes(len(written) // 8, "big")


def rows_of(values: NDArray[Any], bits: int, kind: int, order: str) -> list[bytes]:
    """The rows of (height, width × samples), as a TIFF holds them."""
    if bits not in (8, 16, 32, 64):
        return [packed(row, bits) for row in values]
    letter = {UNSIGNED: "u", SIGNED: "i", FLOAT: "f"}[kind]
    return [row.astype(f"{order}{letter}{bits // 8}").tobytes() for row in values]


def tiff(
    planes: Sequence[Sequence[bytes]],
    *,
    bits: int,
    kind: int = UNSIGNED,
    photometric: int = 1,
    samples: int = 1,
    order: str = "<",
    extra: Sequence[int] = (),
    compression: int = 1,
    predictor: int = 1,
    tags: Sequence[tuple[int, int, int]] = (),
    size: tuple[int, int] = (16, 16),
) -> bytes:
    """A TIFF written by hand, in strips of five rows."""
    strips = [b"".join(rows[top : top + 5]) for rows in planes for top in range(0, size[1], 5)]
    if compression == DEFLATE:
        strips = [zlib.compress(strip) for strip in strips]
    places = [8 + sum(map(len, strips[:index])) for index in range(len(strips))]
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)
    entries = [
        *((256, 4, [size[0]]), (257, 4, [size[1]]), (258, 3, [bits] * samples)),
        *((259, 3, [compression]), (262, 3, [photometric]), (273, 4, places)),
        *((277, 3, [samples]), (278, 4, [5]), (279, 4, [len(strip) for strip in strips])),
        *((284, 3, [2 if len(planes) > 1 else 1]), (317, 3, [predictor])),
        *((338, 3, list(extra)), (339, 3, [kind] * samples)),
        *((tag, size, [value]) for tag, size, value in tags),
    ]
    entries = sorted(entry for entry in entries if entry[2])
    after = 8 + len(body) + 2 + 12 * len(entries) + 4
    directory, more = struct.pack(f"{order}H", len(entries)), b""
    for tag, size_code, numbers in entries:
        value = struct.pack(f"{order}{len(numbers)}{'H' if size_code == 3 else 'L'}", *numbers)
        if len(value) > 4:
            place = struct.pack(f"{order}L", after + len(more))
            more, value = more + value, place
        directory += struct.pack(f"{order}HHL", tag, size_code, len(numbers))
        directory += value.ljust(4, b"\0")
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}L", 8 + len(body)) + body + directory + bytes(4) + more


def pixels(data: bytes) -> NDArray[np.int64]:
    return np.asarray(decode(data, name="cat").image).astype(int)


@pytest.mark.parametrize("compression", [1, DEFLATE])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14, 16, 24, 32])
def test_grey_of_any_depth(bits: int, photometric: int, order: str, compression: int) -> None:
    white = 2**bits - 1
    values = np.rint(RAMP / 255 * white).astype(np.uint64)
    data = tiff(
        [rows_of(values, bits, UNSIGNED, order)],
        bits=bits,
        photometric=photometric,
        order=order,
        compression=compression,
    )
    expected = np.rint(values * (255 / white))
    expected = expected if photometric else 255 - expected
    assert np.abs(pixels(data)[..., 0] - expected).max() <= 1


@pytest.mark.parametrize(("order", "photometric"), [*product("<>", [0, 1])])
@pytest.mark.parametrize(("bits", "kind"), [(16, 2), (32, 2), (16, 3), (32, 3), (64, 3)])
def test_grey_of_signed_and_float_samples(
    bits: int, kind: int, order: str, photometric: int
) -> None:
    white = 1.0 if kind == FLOAT else 2.0 ** (bits - 1) - 1
    values = RAMP / 255 * white
    rows = rows_of(values, bits, kind, order)
    data = tiff([rows], bits=bits, kind=kind, photometric=photometric, order=order)
    expected = RAMP if photometric else 255 - RAMP
    assert np.abs(pixels(data)[..., 0] - expected).max() <= 1


@pytest.mark.parametrize(("order", "planar"), [*product("<>", [False, True])])
@pytest.mark.parametrize(("bits", "kind"), [(8, 1), (12, 1), (16, 1), (32, 3)])
@pytest.mark.parametrize(
    ("photometric", "mode", "extra"),
    [
        *((1, "L", (2,)), (1, "L", (1,)), (2, "RGB", ()), (2, "RGB", (2,)), (2, "RGB", (0,))),
        *((5, "CMYK", ()), (5, "CMYK", (2,))),
    ],
)
def test_colours_of_any_depth(
    photometric: int, mode: str, extra: tuple[int, ...], bits: int, kind: int, order: str,
    planar: bool,
) -> None:  # fmt: skip
    if planar and bits == 8 and mode == "CMYK":
        pytest.skip("is Pillow's affair")
    count = len(mode)
    colours = np.random.default_rng(2).random((16, 16, count))
    whole = np.concatenate([colours, np.ones((16, 16, len(extra)))], axis=2)
    stored = whole if kind == FLOAT else np.rint(whole * (2**bits - 1))
    samples = whole.shape[2]
    layers = (
        [stored[..., index] for index in range(samples)] if planar else [stored.reshape(16, -1)]
    )
    data = tiff(
        [rows_of(layer, bits, kind, order) for layer in layers],
        bits=bits,
        kind=kind,
        photometric=photometric,
        samples=samples,
        order=order,
        extra=extra,
    )
    bytes_of = np.rint(colours * 255).astype(np.uint8)
    plain = Image.frombytes(mode, (16, 16), bytes_of.tobytes())
    assert np.abs(pixels(data) - np.asarray(plain.convert("RGB")).astype(int)).max() <= 2


def test_alpha_of_wide_samples() -> None:
    grey = np.full((16, 16, 2), 65535)
    grey[:, 8:] = 0
    rows = rows_of(grey.reshape(16, -1), 16, UNSIGNED, "<")
    clear = pixels(tiff([rows], bits=16, samples=2, extra=(2,)))
    assert clear[0, 0].tolist() == [255] * 3
    assert clear[0, 15].tolist() == [160] * 3  # a white drawing, whose ground is grey
    cmyk = np.zeros((16, 16, 5))
    cmyk[..., 0] = cmyk[:, :8, 4] = 255
    rows = rows_of(cmyk.reshape(16, -1), 8, UNSIGNED, "<")
    blue = pixels(tiff([rows], bits=8, photometric=5, samples=5, extra=(2,)))
    assert blue[0, 0].tolist() == [0, 255, 255]
    assert blue[0, 15].tolist() == [255] * 3


@pytest.mark.parametrize("order", "<>")
def test_predictors(order: str) -> None:
    values = np.rint(RAMP * 257).astype(np.uint16)
    steps = np.diff(values, axis=1, prepend=0).astype(np.uint16)
    rows = rows_of(steps, 16, UNSIGNED, order)
    data = tiff([rows], bits=16, predictor=2, compression=DEFLATE, order=order)
    assert (pixels(data)[..., 0] == RAMP).all()
    floats = (RAMP / 255).astype(">f4")
    parts = floats.view(np.uint8).reshape(16, 16, 4).transpose(0, 2, 1).reshape(16, 64)
    differences = np.diff(parts, axis=1, prepend=np.zeros((16, 1), np.uint8)).astype(np.uint8)
    rows = [row.tobytes() for row in differences]
    data = tiff([rows], bits=32, kind=FLOAT, predictor=3, compression=DEFLATE, order=order)
    assert (pixels(data)[..., 0] == RAMP).all()


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_compressed_wide_samples(compression: str, mode: str) -> None:
    values = (RAMP * 257).astype(np.uint16) if mode == "I;16" else (RAMP / 255).astype(np.float32)
    data = encoded(Image.fromarray(values), "TIFF", compression=compression)
    assert (pixels(data)[..., 0] == RAMP).all()


def test_bright_light_is_no_reason_to_darken_the_rest() -> None:
    values = np.full((16, 16), 0.5)
    values[0, 0] = 3.25
    result = pixels(tiff([rows_of(values, 32, FLOAT, "<")], bits=32, kind=FLOAT))
    assert result[0, 0].tolist() == [255] * 3
    assert result[8, 8].tolist() == [128] * 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_wide_samples_are_turned_and_keep_their_profile(orientation: int) -> None:
    undo = UNDO[orientation - 1]
    turned = quarters() if undo is None else quarters().transpose(Image.Transpose(undo))
    values = np.asarray(turned).astype(np.uint16) * 257
    rows = rows_of(values.reshape(len(values), -1), 16, UNSIGNED, "<")
    size, tag = (turned.width, turned.height), (274, 3, orientation)
    data = tiff([rows], bits=16, photometric=2, samples=3, tags=[tag], size=size)
    picture, facts = decode(data), image_facts(data)
    assert (np.asarray(picture.image) == np.asarray(quarters())).all()
    assert (picture.width, picture.height) == (facts.width, facts.height) == (64, 48)
    assert (facts.format, facts.bit_depth) == ("tiff", 48)


def test_wide_samples_have_their_profile() -> None:
    values = np.asarray(quarters()).astype(np.uint16) * 257
    image = tiff(
        [rows_of(values.reshape(48, -1), 16, UNSIGNED, "<")],
        bits=16, photometric=2, samples=3, size=(64, 48),
    )  # fmt: skip
    profile = swapped_profile()
    [where] = struct.unpack_from("<L", image, 4)
    [count] = struct.unpack_from("<H", image, where)
    entry = struct.pack("<HHLL", 34675, 7, len(profile), len(image))
    end = where + 2 + 12 * count
    moved = len(image) + len(profile)
    directory = struct.pack("<H", count + 1) + image[where + 2 : end] + entry + bytes(4)
    data = image[:4] + struct.pack("<L", moved) + image[8:] + profile + directory
    result = pixels(data)
    assert np.abs(result - np.asarray(quarters())[..., ::-1]).max() <= 6


def test_a_wide_tiff_that_is_cut_short_is_refused() -> None:
    data = tiff([rows_of(RAMP, 12, UNSIGNED, "<")], bits=12)
    broken = data.replace(struct.pack("<HHL", 273, 4, 4), struct.pack("<HHL", 273, 4, 1))
    with pytest.raises(ImageError, match=r"^cat: "):
        decode(broken, name="cat")


def test_a_png_of_grey_and_alpha_of_16_bits() -> None:
    rows = b"\0" + struct.pack(">4H", 25_700, 65_535, 0, 0)
    assert pixels(png(2, 1, 16, 4, rows))[0].tolist() == [[100] * 3, [255] * 3]


# -- by name ---------------------------------------------------------------------------


def jpeg(marker: int = 0xC0, bits: int = 8) -> bytes:
    data = bytearray(encoded(quarters(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 1], data[frame + 4] = marker, bits
    return bytes(data)


def iphone() -> bytes:
    data = encoded(quarters())
    return data[:8] + struct.pack(">L", 4) + b"CgBIP\0 \6" + bytes(4) + data[8:]


GREY = [[bytes(32)] * 16]
JP2 = encoded(quarters(), "JPEG2000")
SIZ = JP2.index(b"\xff\x4f\xff\x51") + 40


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (iphone(), "a PNG for iPhones (CgBI)"),
        (jpeg(0xC3), "a lossless JPEG"),
        (jpeg(0xC5), "a hierarchical JPEG"),
        (jpeg(0xF7), "a JPEG-LS picture"),
        (jpeg(bits=12), "a JPEG of 12 bits"),
        (JP2[:SIZ] + b"\0\7" + JP2[SIZ + 2 :], "a JPEG 2000 of 7 components"),
        (encoded(quarters(), "HEIF").replace(b"hvc1", b"vvc1"), "a HEIF picture stored as VVC"),
        (tiff(GREY, bits=16, photometric=32803), "a TIFF of 1 16-bit camera raw samples"),
        (tiff(GREY, bits=12, compression=7), "12-bit samples a pixel, stored as JPEG"),
        (tiff(GREY, bits=1, compression=34661), "stored as JBIG"),
        (tiff([[bytes(96)] * 16], bits=16, samples=3, photometric=8), "3 16-bit Lab samples"),
        (tiff([[bytes(64)] * 16], bits=32, kind=5), "32-bit complex samples"),
    ],
)
def test_what_is_not_read_is_called_by_name(data: bytes, said: str) -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        decode(data, name="cat")
    assert said in str(caught.value)
    assert str(caught.value).endswith(", which is not read here; convert it")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\x0a\xfa", "a JPEG XL file"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a -->\n<svg>', "an SVG drawing"),
        (b"%PDF-1.7", "a PDF file"),
        (b"\x76\x2f\x31\x01", "an OpenEXR file"),
        (b"II\xbc\x01", "a JPEG XR file"),
        (b"FUJIFILMCCD-RAW 0201", "a camera's raw file"),
        (b"\0\0\0\x18ftypcrx ", "a camera's raw file"),
        (b"#?RADIANCE\n", "a Radiance HDR file"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (b"P6\n1 1\n255\n", "a Netpbm file"),
    ],
)
def test_other_kinds_are_called_by_name(data: bytes, said: str) -> None:
    with pytest.raises(UnsupportedFormat, match=said):
        decode(data, name="cat")


@pytest.mark.parametrize(
    "data",
    [
        encoded(quarters(), "TIFF")[:200],
        encoded(quarters(), "TIFF")[:8],
        encoded(quarters(), "JPEG")[:100],
        encoded(quarters())[:60],
        encoded(quarters(), "HEIF")[:100],
        JP2[:60],
    ],
)
def test_what_is_broken_is_not_called_unsupported(data: bytes) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data, name="cat")
    assert not isinstance(caught.value, UnsupportedFormat)
