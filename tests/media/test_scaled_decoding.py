"""What is shrunk while it is decoded is to the model what the whole picture is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mmembed import load_encoder
from mmembed.media.decode import decode
from mmembed.models.open_clip import OpenClipEncoder
from tests.pictures import GALLERY, UNDO, encoded, quarters

SIZES = [(2066, 1162), (1162, 2066), (1033, 777), (2400, 1800)]
"""The first three don't divide by what they are shrunk by: the last pixels are partly empty."""


@pytest.fixture(scope="module")
def bundled() -> OpenClipEncoder:
    return load_encoder("bundled", engine="torch-float32")


def gallery(count: int, size: tuple[int, int]) -> list[bytes]:
    """JPEG files of that size, of pictures from all over the gallery."""
    files = sorted(path for path in GALLERY.iterdir() if path.suffix != ".txt")
    return [
        encoded(Image.open(path).convert("RGB").resize(size), "JPEG", quality=90)
        for path in files[:: len(files) // count][:count]
    ]


@pytest.mark.parametrize("size", SIZES)
def test_vectors_are_those_of_the_whole_picture(
    bundled: OpenClipEncoder, size: tuple[int, int]
) -> None:
    whole, shrunk = [], []
    for data in gallery(6, size):
        first, second = decode(data), decode(data, side=bundled.facts.decode_side)
        assert second.image.width <= first.image.width / 2 + 1
        whole.append(bundled.preprocess(first.image, first.box))
        shrunk.append(bundled.preprocess(second.image, second.box))
    pairs = bundled.embed_preprocessed(np.stack(whole)) * bundled.embed_preprocessed(
        np.stack(shrunk)
    )
    assert pairs.sum(1).min() >= 0.999
    assert np.abs(np.stack(whole).astype(np.int16) - np.stack(shrunk)).mean() < 0.6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_box_is_turned_with_the_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.linear_gradient("L").resize((1033, 777)).convert("RGB")
    turn = UNDO[orientation - 1]
    upright = stored if turn is None else stored.transpose(Image.Transpose(turn))
    picture = decode(encoded(upright, "JPEG", quality=95, exif=exif), side=90)
    assert (picture.width, picture.height) == (1033, 777)
    assert picture.image.size == (130, 98)
    left, top, right, bottom = picture.box
    assert (right - left, bottom - top) == (1033 / 8, 777 / 8)
    # The stored picture begins where nothing is missing.
    assert (left == 0) == (orientation in (1, 4, 5, 8))
    assert (top == 0) == (orientation in (1, 2, 5, 6))
    assert 0 <= left <= right <= 130
    assert 0 <= top <= bottom <= 98


def test_a_picture_in_full_fills_its_box() -> None:
    for side in (None, 48):
        assert decode(encoded(quarters(), "JPEG"), side=side).box == (0, 0, 64, 48)
    assert decode(encoded(quarters()), side=8).box == (0, 0, 64, 48)


def test_the_first_of_several_pictures_in_a_jpeg_is_shrunk() -> None:
    image = quarters((640, 480))
    data = encoded(image, "MPO", save_all=True, append_images=[image])
    picture = decode(data, side=100)
    assert (picture.format, picture.frames) == ("MPO", 2)
    assert picture.image.size == (160, 120)
    with Image.open(io.BytesIO(data)) as opened:
        whole = np.asarray(opened.resize((160, 120), Image.Resampling.BOX), np.int16)
    assert np.abs(whole - np.asarray(picture.image)).mean() < 2
