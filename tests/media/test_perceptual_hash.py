"""Copies of a picture have nearly the same hashes, and other pictures do not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from mmembed.media.decode import decode
from mmembed.media.perceptual_hash import LAYOUT, PictureHashes, differing_bits, hash_of, hash_rows
from tests.photographs import copies, hash_of_image, jpeg, photograph

NEAR = 20


def hashes(*rows: bytes) -> PictureHashes:
    names = [str(number) for number in range(len(rows))]
    return PictureHashes.of(hash_rows(names, dict(zip(names, rows, strict=True))))


def apart(one: bytes, other: bytes) -> tuple[int, bool]:
    """Differing bits, and whether fewer with one mirrored."""
    bits, mirrored = hashes(one, other).distances(np.array([0]), np.array([1]))
    return int(bits[0]), bool(mirrored[0])


@pytest.mark.parametrize("form", copies(photograph(0)))
def test_copies_have_nearly_the_same_hashes(form: str) -> None:
    image = photograph(3)
    bits, mirrored = apart(hash_of_image(image), hash_of_image(copies(image)[form], quality=40))
    assert bits <= NEAR
    assert mirrored == (form == "mirrored")


def test_other_pictures_have_other_hashes() -> None:
    some = hashes(*(hash_of_image(photograph(seed)) for seed in range(20)))
    places = np.arange(20)
    bits, _ = some.distances(places[:, None], places[None, :])
    assert bits[~np.eye(20, dtype=bool)].min() > 30
    assert not bits[np.eye(20, dtype=bool)].any()


def test_all_orientations_of_a_file_have_the_same_hashes() -> None:
    image = photograph(1)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = jpeg(image.transpose(Image.Transpose.ROTATE_90), 95, exif)
    assert apart(hash_of(decode(jpeg(image, 95))), hash_of(decode(turned)))[0] <= 4


def test_a_picture_that_is_shrunk_while_decoding_has_nearly_the_same_hashes() -> None:
    data = jpeg(photograph(2, (1600, 1200)))
    assert apart(hash_of(decode(data)), hash_of(decode(data, side=128)))[0] <= 4


def test_mirroring_twice_gives_the_picture() -> None:
    once = hashes(hash_of_image(photograph(4)), hash_of_image(ImageOps.mirror(photograph(4))))
    assert int(differing_bits(once.mirrored_p[:1], once.p[1:])[0]) <= 6
    assert int(differing_bits(once.mirrored_d[:1], once.d[1:])[0]) <= 6


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (33, 2), (640, 480)])
@pytest.mark.parametrize("colour", ["black", "white"])
def test_a_picture_without_contrast_says_nothing(size: tuple[int, int], colour: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    row = hash_of(decode(buffer.getvalue()))
    assert len(row) == LAYOUT.itemsize
    some = hashes(row)
    assert (bool(some.known[0]), bool(some.telling[0])) == (True, False)
    assert some.colour[0].tolist() == [0 if colour == "black" else 255] * 3


def test_hashes_of_another_version_count_as_missing() -> None:
    row = bytearray(hash_of_image(photograph(0)))
    row[0] += 1
    assert not hashes(bytes(row), b"", bytes(row[:-1])).known.any()


def test_differing_bits_are_counted() -> None:
    some = np.array([0, 2**64 - 1, 5], np.uint64)
    assert differing_bits(some, np.uint64(0)).tolist() == [0, 64, 2]
    assert differing_bits(some[:, None], some[None, :]).shape == (3, 3)
    assert differing_bits(some[:0], some[:0]).tolist() == []
