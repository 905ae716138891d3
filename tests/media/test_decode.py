"""Every kind of picture comes out upright, in sRGB, on white, fully loaded."""

from __future__ import annotations

import io
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mmembed.media.decode import decode, image_facts, media_type, thumbnail
from mmembed.types import ImageFacts
from tests.media.decoded import pixels
from tests.pictures import ODD, UNDO, encoded, png, quarters, swapped_profile


@pytest.mark.parametrize(
    ("kind", "expected", "media", "options"),
    [
        ("JPEG", "JPEG", "image/jpeg", {"quality": 95, "subsampling": 0}),
        ("MPO", "MPO", "image/jpeg", {"save_all": True, "append_images": [quarters()]}),
        ("PNG", "PNG", "image/png", {}),
        ("WEBP", "WEBP", "image/webp", {"lossless": True}),
        ("BMP", "BMP", "image/bmp", {}),
        ("TIFF", "TIFF", "image/tiff", {"compression": "tiff_lzw"}),
        ("AVIF", "AVIF", "image/avif", {"quality": 95}),
        ("JPEG2000", "JPEG2000", "image/jp2", {}),
        ("HEIF", "HEIF", "image/heif", {"quality": 95}),
        ("GIF", "GIF", "image/gif", {}),
    ],
)
def test_every_format_that_we_name_opens(
    kind: str, expected: str, media: str, options: dict[str, Any]
) -> None:
    picture = decode(encoded(quarters(), kind, **options), name="cat")
    assert (picture.name, picture.format, media_type(picture.format)) == ("cat", expected, media)
    assert np.abs(np.asarray(picture.image).astype(int) - np.asarray(quarters())).mean() < 6
    assert picture.frames == (2 if kind == "MPO" else 1)


def test_other_formats_have_no_media_type() -> None:
    assert media_type("PSD") == "application/octet-stream"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    undo = UNDO[orientation - 1]
    turned = quarters() if undo is None else quarters().transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"PNG": {}, "TIFF": {"compression": "tiff_lzw"}}.get(kind, {"quality": 95})
    result = pixels(encoded(turned, kind, exif=exif, **options))
    assert result.shape == (48, 64, 3)
    assert np.abs(result - np.asarray(quarters())).mean() < 6


def test_nonsense_exif_is_ignored() -> None:
    for exif in (b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0nonsense"):
        assert pixels(encoded(quarters(), "JPEG", exif=exif)).shape == (48, 64, 3)
    impossible = Image.Exif()
    impossible[0x0112] = 77
    assert pixels(encoded(quarters(), "PNG", exif=impossible)).shape == (48, 64, 3)


def exif_of(kind: int, count: int, value: bytes) -> bytes:
    """EXIF with nothing but an orientation, of any type; a value of up to four bytes, or more."""
    head = struct.pack(">2sHLHHHL", b"MM", 42, 8, 1, 0x0112, kind, count)
    return b"Exif\0\0" + (
        head + value.ljust(4, b"\0") + bytes(4)
        if len(value) <= 4
        else head + struct.pack(">LL", 26, 0) + value
    )


SHORT, LONG, RATIONAL, ASCII, SIGNED = 3, 4, 5, 2, 8
NO_ORIENTATION = {
    "0": (SHORT, 1, b"\0\0"),
    "9": (SHORT, 1, b"\0\x09"),
    "77": (SHORT, 1, b"\0\x4d"),
    "65535": (SHORT, 1, b"\xff\xff"),
    "4294967295": (LONG, 1, b"\xff\xff\xff\xff"),
    "-6": (SIGNED, 1, b"\xff\xfa"),
    "13/2": (RATIONAL, 1, struct.pack(">LL", 13, 2)),
    "6/0": (RATIONAL, 1, struct.pack(">LL", 6, 0)),
    "text": (ASCII, 2, b"6\0"),
    "none": (SHORT, 0, b""),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("said", NO_ORIENTATION)
def test_an_orientation_that_is_none_turns_nothing(kind: str, said: str) -> None:
    if kind in ("TIFF", "AVIF") and said not in ("0", "9", "77", "65535"):
        pytest.skip("Pillow writes no such file")
    if kind == "TIFF":
        data = encoded(quarters(), kind, tiffinfo={0x0112: int(said)})
    else:
        data = encoded(quarters(), kind, exif=exif_of(*NO_ORIENTATION[said]))
    picture, facts = decode(data), image_facts(data)
    assert picture.image.size == (picture.width, picture.height) == (64, 48)
    assert (facts.width, facts.height) == (64, 48)
    assert np.abs(np.asarray(picture.image).astype(int) - np.asarray(quarters())).mean() < 6
    assert picture.box == (0, 0, 64, 48)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_said_of_the_size_is_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(quarters(), kind, exif=exif)
    upright = (48, 64) if orientation >= 5 else (64, 48)
    picture, facts = decode(data), image_facts(data)
    assert picture.image.size == (picture.width, picture.height) == upright
    assert (facts.width, facts.height) == upright


@pytest.mark.parametrize(("said", "size"), [("6", (48, 64)), ("66", (64, 48)), ("9", (64, 48))])
def test_an_orientation_in_xmp_counts_where_exif_has_none(said: str, size: tuple[int, int]) -> None:
    xmp = f'<rdf:Description tiff:Orientation="{said}"/>'.encode()
    for kind in ("JPEG", "PNG", "WEBP"):
        picture = decode(encoded(quarters(), kind, xmp=xmp) if kind != "PNG" else with_xmp(xmp))
        assert picture.image.size == (picture.width, picture.height) == size
    upright = Image.Exif()
    upright[0x0112] = 6
    both = encoded(quarters(), "JPEG", xmp=xmp, exif=upright)
    assert decode(both).image.size == (48, 64)


def with_xmp(xmp: bytes) -> bytes:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    return encoded(quarters(), pnginfo=info)


def test_transparent_is_white() -> None:
    red = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    half = Image.new("RGBA", (4, 4), (255, 0, 0, 128))
    grey = Image.new("LA", (4, 4), (0, 0))
    assert (pixels(encoded(red)) == 255).all()
    assert pixels(encoded(half))[0, 0].tolist() == [255, 127, 127]
    assert (pixels(encoded(grey)) == 255).all()
    assert (pixels(encoded(red, "WEBP", lossless=True, exact=True)) == 255).all()
    assert (pixels(encoded(red, "TIFF")) == 255).all()


def logo(colour: tuple[int, int, int], share: float = 0.5, edge: int = 0) -> Image.Image:
    """A square of one colour on a transparent ground; the alpha of its edge is half."""
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    side = round(100 * share**0.5)
    image.paste((*colour, 128), (0, 0, side, side))
    image.paste((*colour, 255), (edge, edge, side - edge, side - edge))
    return image


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("image", "ground"),
    [
        (logo((255, 255, 255)), 160),
        (logo((240, 240, 240)), 160),
        (logo((255, 255, 255), edge=3), 160),
        (logo((255, 255, 255), share=0.01), 160),
        (logo((255, 255, 255), share=0.95), 255),  # hardly any ground
        (logo((200, 200, 200)), 255),
        (logo((255, 240, 100)), 255),
        (logo((0, 0, 0)), 255),
        (logo((220, 30, 30), edge=3), 255),
        (Image.new("RGBA", (100, 100), (255, 255, 255, 0)), 255),
    ],
)
def test_the_ground_keeps_a_transparent_picture_visible(
    kind: str, image: Image.Image, ground: int
) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    result = pixels(encoded(image, kind, **options))
    assert result[-1, -1].tolist() == [ground] * 3


def test_an_opaque_picture_has_no_ground() -> None:
    white = Image.new("RGBA", (10, 10), (255, 255, 255, 255))
    assert (pixels(encoded(white)) == 255).all()


def test_a_white_drawing_of_any_kind_stays_visible() -> None:
    two = Image.new("P", (2, 1))
    two.putpalette([255, 255, 255, 0, 0, 0])
    two.putdata([0, 1])
    assert pixels(encoded(two, transparency=1))[0].tolist() == [[255] * 3, [160] * 3]
    grey = Image.new("LA", (2, 1), (255, 255))
    grey.putpixel((1, 0), (0, 0))
    assert pixels(encoded(grey))[0].tolist() == [[255] * 3, [160] * 3]


def test_transparent_palette_entries_are_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putdata([0, 1])
    assert pixels(encoded(palette))[0].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert pixels(encoded(palette, transparency=0))[0].tolist() == [[255, 255, 255], [0, 0, 255]]
    some = encoded(palette, transparency=bytes([128, 255]))
    assert pixels(some)[0].tolist() == [[255, 127, 127], [0, 0, 255]]
    assert pixels(encoded(palette, "GIF", transparency=1))[0].tolist()[1] == [255, 255, 255]


def test_colour_that_counts_as_transparent_is_white() -> None:
    two = Image.new("RGB", (2, 1), "red")
    two.putpixel((1, 0), (0, 0, 255))
    assert pixels(encoded(two, transparency=(255, 0, 0)))[0].tolist() == [[255] * 3, [0, 0, 255]]
    grey = Image.new("L", (2, 1), 7)
    grey.putpixel((1, 0), 100)
    assert pixels(encoded(grey, transparency=7))[0].tolist() == [[255] * 3, [100] * 3]
    deep = png(
        2, 1, 16, 2, b"\0" + struct.pack(">6H", 65535, 0, 0, 0, 0, 65535), b"tRNS\xff\xff\0\0\0\0"
    )
    assert pixels(deep)[0].tolist() == [[255] * 3, [0, 0, 255]]
    wide = png(
        2, 1, 16, 0, b"\0" + struct.pack(">2H", 1000, 30000), b"tRNS" + struct.pack(">H", 1000)
    )
    assert pixels(wide)[0].tolist() == [[255] * 3, [117] * 3]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    picture = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert picture.frames == 3
    np.testing.assert_allclose(np.asarray(picture.image)[4, 4], [255, 0, 0], atol=6)


def odd(name: str) -> NDArray[np.int16]:
    if not (ODD / name).is_file():
        pytest.skip(f"fixtures/odd has no {name}")
    return pixels(ODD / name)


def test_odd_orientations_are_one_picture() -> None:
    upright = odd("orientation-1.jpg")
    for orientation in range(2, 9):
        turned = odd(f"orientation-{orientation}.jpg")
        assert np.abs(turned - upright).mean() < 3


@pytest.mark.parametrize(
    "name", ["picture.heic", "picture.avif", "picture.jp2", "cmyk.jpg", "rgb-16-bit.png"]
)
def test_odd_formats_are_pictures(name: str) -> None:
    assert odd(name).std() > 20


def test_odd_palette_is_on_white() -> None:
    assert (odd("palette-alpha.png")[0] == 255).all()


def test_odd_animations_give_the_first_frame() -> None:
    for name in ("animated.gif", "animated.webp"):
        odd(name)
        assert decode(ODD / name).frames == 3


@pytest.mark.slow
def test_threads_decode_at_once() -> None:
    data = [encoded(quarters((64 + i, 48)), kind) for i in range(20) for kind in ("JPEG", "HEIF")]
    barrier = threading.Barrier(8)

    def work(worker: int) -> list[int]:
        barrier.wait()
        return [decode(d).image.width for d in data]

    with ThreadPoolExecutor(8) as pool:
        widths = [64 + i for i in range(20) for _ in range(2)]
        assert list(pool.map(work, range(8))) == [widths] * 8


def test_thumbnail_is_small_webp_without_metadata() -> None:
    image = quarters((1000, 500))
    image.info["exif"] = b"Exif\0\0II*\0\x08\0\0\0\0\0"
    image.info["icc_profile"] = swapped_profile()
    data = thumbnail(image)
    small = Image.open(io.BytesIO(data))
    assert (small.format, small.size) == ("WEBP", (320, 160))
    assert not {"exif", "icc_profile", "xmp"} & set(small.info)
    assert image.size == (1000, 500)
    assert Image.open(io.BytesIO(thumbnail(image, 50))).size == (50, 25)
    assert Image.open(io.BytesIO(thumbnail(quarters((8, 6))))).size == (8, 6)
    assert Image.open(io.BytesIO(thumbnail(quarters((2, 20_000))))).size == (1, 320)


def photograph(size: tuple[int, int], orientation: int = 1, kind: str = "JPEG") -> bytes:
    """A picture with structure at several scales."""
    rng = np.random.default_rng(5)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(buffer, kind, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("side", "shrunk"),
    [(None, (1600, 1200)), (700, (1600, 1200)), (512, (800, 600)), (100, (200, 150))],
)  # fmt: skip
def test_a_jpeg_is_shrunk_while_it_is_decoded(side: int | None, shrunk: tuple[int, int]) -> None:
    picture = decode(photograph((1600, 1200)), side=side)
    assert picture.image.size == shrunk
    assert (picture.width, picture.height) == (1600, 1200)


def test_what_is_shrunk_is_turned_upright_all_the_same() -> None:
    picture = decode(photograph((1600, 1200), orientation=6), side=300)
    assert picture.image.size == (300, 400)
    assert (picture.width, picture.height) == (1200, 1600)


@pytest.mark.slow
def test_other_kinds_are_decoded_in_full() -> None:
    picture = decode(photograph((1600, 1200), kind="PNG"), side=100)
    assert picture.image.size == (picture.width, picture.height) == (1600, 1200)


def test_shrinking_while_decoding_leaves_the_pixels_nearly_as_they_are() -> None:
    data = photograph((1600, 1200))
    small = (300, 224)
    full, quick = (
        np.asarray(decode(data, side=side).image.resize(small, Image.Resampling.BICUBIC), float)
        for side in (None, 2 * 224)
    )
    assert np.abs(full - quick).mean() < 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (photograph((160, 120), orientation=6), ImageFacts(120, 160, "jpeg", 24)),
        (encoded(Image.new("RGBA", (3, 2))), ImageFacts(3, 2, "png", 32)),
        (encoded(Image.new("L", (3, 2))), ImageFacts(3, 2, "png", 8)),
        (encoded(Image.new("I;16", (3, 2))), ImageFacts(3, 2, "png", 16)),
        (encoded(Image.new("1", (3, 2))), ImageFacts(3, 2, "png", 1)),
        (encoded(Image.new("RGB", (3, 2)), "WEBP"), ImageFacts(3, 2, "webp", 24)),
    ],
)
def test_what_a_header_says(data: bytes, expected: ImageFacts) -> None:
    assert image_facts(data) == expected
    picture = decode(data)
    assert (picture.width, picture.height) == (expected.width, expected.height)
