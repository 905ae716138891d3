"""What decoding takes of memory: reckoned before, refused where it is too much, given back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks import hostile
from mmembed.errors import ImageError, ImageTooLarge
from mmembed.media import bands, jpeg2000
from mmembed.media.decode import decode
from mmembed.media.image_limits import ImageLimits
from mmembed.memory_budget import MemoryBudget


def limits(megabytes: float = 440) -> ImageLimits:
    budget = MemoryBudget(
        int(megabytes * 1e6), slots=2, purpose="pictures", setting="MMEMBED_DECODE_MB"
    )
    return ImageLimits(memory=budget)


def used(of: ImageLimits) -> int:
    assert of.memory is not None
    return of.memory.used


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def drawn(mode: str = "RGB", size: tuple[int, int] = (90, 60)) -> Image.Image:
    """Four quarters and a line, partly transparent where the mode has alpha."""
    image = Image.new("RGBA", size, (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    wide, high = size[0] // 2, size[1] // 2
    draw.rectangle((0, 0, wide, high), (250, 250, 250, 255))
    draw.rectangle((wide, 0, 2 * wide, high), (200, 30, 30, 255))
    draw.rectangle((0, high, wide, 2 * high), (30, 200, 30, 120))
    draw.line((0, 0, *size), (0, 0, 90, 255), 3)
    return image.convert("RGB").convert(mode) if mode != "RGBA" else image


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (hostile.huge_jpeg_2000(num_resolutions=1), "6000 x 6000 pixels as JPEG2000"),
        (hostile.huge_jpeg_2000(codeblock_size=(4, 4)), "6000 x 6000 pixels as JPEG2000"),
        (hostile.with_a_large_tile(), "64 x 64 pixels as TIFF"),
    ],
)
def test_what_takes_more_than_the_budget_is_refused_by_its_header(data: bytes, said: str) -> None:
    ours = limits()
    with pytest.raises(ImageTooLarge, match=rf"^a: {said} take .* limit 440; .*MMEMBED_DECODE_MB"):
        decode(data, name="a", limits=ours, side=256)
    assert used(ours) == 0


def test_a_codestream_that_says_another_size_than_its_box_counts() -> None:
    data = bytearray(hostile.huge_jpeg_2000(num_resolutions=1))
    box = data.index(b"ihdr")
    data[box + 4 : box + 12] = (64).to_bytes(4, "big") * 2
    with pytest.raises(ImageTooLarge, match="64 x 64 pixels as JPEG2000"):
        decode(bytes(data), limits=limits(), side=256)


@pytest.mark.slow
def test_a_jpeg_2000_is_halved_as_often_as_it_can_be() -> None:
    image = Image.new("RGB", (2600, 1700), (10, 120, 30))
    data = saved(image, "JPEG2000", num_resolutions=3)
    assert jpeg2000.levels(data) == 2
    picture = decode(data, side=256)
    assert (picture.width, picture.height) == (2600, 1700)
    assert min(picture.image.size) < 800
    assert picture.image.getpixel((100, 100)) == (10, 120, 30)


def test_a_picture_holds_what_it_takes_until_it_is_dropped() -> None:
    ours = limits()
    picture = decode(saved(drawn(), "PNG"), limits=ours)
    assert used(ours) == pytest.approx(90 * 60 * 4, rel=0.2)
    del picture
    assert used(ours) == 0


def test_a_broken_picture_holds_nothing() -> None:
    ours = limits()
    with pytest.raises(ImageError):
        decode(saved(drawn(size=(400, 400)), "JPEG")[:900], limits=ours)
    assert used(ours) == 0


def float_tiff() -> Image.Image:
    return Image.fromarray(np.linspace(0, 1, 60 * 90, dtype=np.float32).reshape(60, 90))


@pytest.mark.parametrize(("image", "kind"), [(drawn(), "PNG"), (float_tiff(), "TIFF")])
def test_a_picture_whose_colours_fail_holds_nothing_for_the_next_try(
    image: Image.Image, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, held = limits(), []

    def fail(*_: object) -> Image.Image:
        held.append(used(ours))
        raise RuntimeError("strange")

    monkeypatch.setattr("mmembed.media.decode.upright_srgb", fail)
    with pytest.raises(ImageError, match="strange") as failed:
        decode(saved(image, kind), name="a", limits=ours)
    assert max(held) == min(held) > 0, "each try waits for the one before"
    assert used(ours) == 0, failed.value  # which still refers to what it was raised in


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_bands_give_what_the_whole_gives(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = drawn("L").convert("I").point(lambda v: v * 257) if mode == "I;16" else drawn(mode)
    data = saved(image.convert("I;16") if mode == "I;16" else image, kind)
    whole = np.asarray(decode(data).image)
    monkeypatch.setattr(bands, "LARGE_PIXELS", 100)
    monkeypatch.setattr(bands, "BAND_PIXELS", 700)
    assert np.array_equal(np.asarray(decode(data).image), whole)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_shrunk_in_bands_is_in_its_box(
    orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    ramp = Image.linear_gradient("L")
    across, down = ramp.rotate(90).resize((95, 61)), ramp.resize((95, 61))
    image = Image.merge("RGB", (across, down, down))
    data = saved(image, "PNG", exif=exif)
    size = (8, 8)
    whole = decode(data)
    expected = whole.image.resize(size, Image.Resampling.BILINEAR, whole.box)
    monkeypatch.setattr(bands, "LARGE_PIXELS", 100)
    monkeypatch.setattr(bands, "BAND_PIXELS", 700)
    small = decode(data, side=30)
    assert (small.width, small.height) == (whole.width, whole.height)
    assert min(small.image.size) == 31
    found = small.image.resize(size, Image.Resampling.BILINEAR, small.box)
    difference = np.asarray(found, np.float32) - np.asarray(expected, np.float32)
    assert np.abs(difference).max() <= 1.5
