"""Every depth and colour of a picture becomes 8-bit sRGB."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.media.decoded import pixels
from tests.pictures import encoded, png, quarters, swapped_profile


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    result = pixels(encoded(Image.fromarray(ramp), kind))
    np.testing.assert_allclose(result[..., 0].ravel(), np.arange(256), atol=1)


def test_16_bit_colour_is_scaled() -> None:
    data = png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 65535, 32768, 256))
    np.testing.assert_allclose(pixels(data)[0, 0], [255, 128, 1], atol=1)


def test_big_endian_16_bit_tiff_is_scaled() -> None:
    ramp = np.linspace(0, 65535, 256).astype(">u2").reshape(16, 16)
    image = Image.frombytes("I;16B", (16, 16), ramp.tobytes())
    result = pixels(encoded(image, "TIFF"))
    np.testing.assert_allclose(result[..., 0].ravel(), np.arange(256), atol=1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1], [0, 128, 255]),
        ([0, 100, 255], [0, 100, 255]),
        ([0, 257, 65535], [0, 1, 255]),
        ([-1, 0, 1], [0, 128, 255]),
        ([0, 50_000, 100_000], [0, 128, 255]),
        ([0, 0, 0], [0, 0, 0]),
        ([0, float("nan"), 1], [0, 0, 255]),
    ],
)
def test_float_greys_are_scaled_by_their_range(values: list[float], expected: list[int]) -> None:
    image = Image.fromarray(np.array([values], np.float32))
    assert pixels(encoded(image, "TIFF"))[0, :, 0].tolist() == expected


def test_32_bit_integers_are_scaled() -> None:
    image = Image.fromarray(np.array([[0, 25_700, 65_535]], np.int32))
    assert pixels(encoded(image, "TIFF"))[0, :, 0].tolist() == [0, 100, 255]


def test_one_bit_and_grey_become_rgb() -> None:
    assert pixels(encoded(Image.new("1", (2, 2), 1)))[0, 0].tolist() == [255] * 3
    assert pixels(encoded(Image.new("L", (2, 2), 99)))[0, 0].tolist() == [99] * 3


def test_cmyk_looks_right() -> None:
    result = pixels(encoded(quarters().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(result - np.asarray(quarters())).mean() < 8
    result = pixels(encoded(quarters().convert("CMYK"), "TIFF"))
    assert np.abs(result - np.asarray(quarters())).mean() < 8


def test_lab_looks_right() -> None:
    profile = ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(
        quarters(), ImageCms.createProfile("sRGB"), profile, outputMode="LAB"
    )
    assert lab is not None
    assert np.abs(pixels(encoded(lab, "TIFF")) - np.asarray(quarters())).mean() < 4


def test_icc_profile_is_applied() -> None:
    image = Image.new("RGB", (4, 4), (250, 30, 20))
    result = pixels(encoded(image, icc_profile=swapped_profile()))
    np.testing.assert_allclose(result[0, 0], [20, 30, 250], atol=3)
    clear = image.convert("RGBA")
    clear.putalpha(0)
    assert (pixels(encoded(clear, icc_profile=swapped_profile())) == 255).all()


@pytest.mark.parametrize("profile", [b"nonsense", b"", swapped_profile()[:300]])
def test_broken_profiles_are_ignored(profile: bytes) -> None:
    data = encoded(quarters(), icc_profile=profile)
    np.testing.assert_array_equal(pixels(data), np.asarray(quarters()))


def test_profiles_for_other_colours_are_ignored() -> None:
    grey = Image.new("L", (4, 4), 77)
    assert pixels(encoded(grey, icc_profile=swapped_profile()))[0, 0].tolist() == [77] * 3


def test_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(quarters(), icc_profile=profile)
    np.testing.assert_array_equal(pixels(data), np.asarray(quarters()))
