"""A cropped picture has nearly the hashes of a part of the whole one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from mmembed.media import perceptual_hash
from mmembed.media.part_hashes import PARTS, SIDE, hashes_of_parts
from mmembed.media.perceptual_hash import (
    LAYOUT,
    WITHOUT_PARTS,
    PictureHashes,
    differing_bits,
    hash_rows,
    is_complete,
)
from tests.photographs import hash_of_image, photograph

ONE, OTHER = np.array([0]), np.array([1])


def hashes(*rows: bytes) -> PictureHashes:
    names = [str(number) for number in range(len(rows))]
    return PictureHashes.of(hash_rows(names, dict(zip(names, rows, strict=True))))


def cropped(image: Image.Image, share: float, seed: int) -> Image.Image:
    """Without a share of each side, from random sides."""
    across, down = (round(share * side) for side in image.size)
    random = np.random.default_rng(seed)
    left, top = int(random.integers(across + 1)), int(random.integers(down + 1))
    width, height = image.size
    return image.crop((left, top, width - across + left, height - down + top))


def detailed(seed: int) -> Image.Image:
    """With more that changes between its places than `photograph` has."""
    fine = Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    )
    return Image.blend(photograph(seed), fine.resize((320, 240), Image.Resampling.BICUBIC), 0.5)


@pytest.mark.parametrize("share", [0.1, 0.15, 0.2])
def test_a_crop_is_near_a_part_and_not_the_whole(share: float) -> None:
    of_parts, of_wholes = [], []
    for seed in range(20):
        image = detailed(seed)
        pair = hashes(hash_of_image(image), hash_of_image(cropped(image, share, seed), 60))
        of_parts.append(int(pair.part_distances(ONE, OTHER)[0][0]))
        of_wholes.append(int(pair.distances(ONE, OTHER)[0][0]))
        assert pair.part_distances(OTHER, ONE)[0][0] == of_parts[-1]
    assert np.median(of_parts) <= 20
    assert np.median(of_wholes) > np.median(of_parts) + 10


def test_a_mirrored_crop_is_known_as_such() -> None:
    image = detailed(3)
    crop = hash_of_image(ImageOps.mirror(cropped(image, 0.15, 1)))
    bits, mirrored = hashes(hash_of_image(image), crop).part_distances(ONE, OTHER)
    assert bits[0] <= 24
    assert mirrored[0]


def test_the_parts_are_those_of_the_grids() -> None:
    """The part at a corner has the hashes of that corner, seen alone."""
    grey = np.asarray(detailed(1).convert("L").resize((SIDE, SIDE)), np.float32)
    parts = np.frombuffer(hashes_of_parts(grey), "<u8").reshape(2, PARTS)
    left = Image.fromarray(grey).crop((0, 0, SIDE * 0.79, SIDE * 0.79))
    alone = hashes(hash_of_image(left.convert("RGB"), 100))
    first_of_last_grid = 4 + 9
    apart = int(differing_bits(parts[0, first_of_last_grid], alone.p[0]))
    apart += int(differing_bits(parts[1, first_of_last_grid], alone.d[0]))
    assert apart <= 8
    assert not (parts[0] & np.uint64(1)).any(), "the mean is no sign"


def test_hashes_without_parts_are_known_and_not_complete() -> None:
    row = hash_of_image(detailed(0))
    assert len(row) == LAYOUT.itemsize
    assert is_complete(row)
    assert not is_complete(row[:WITHOUT_PARTS])
    both = hashes(row, row[:WITHOUT_PARTS])
    assert both.known.all()
    assert both.complete.tolist() == [True, False]
    assert both.distances(ONE, OTHER)[0][0] == 0
    assert hashes(*[row[:WITHOUT_PARTS]] * 2).part_distances(ONE, OTHER)[0][0] == 128


def test_a_picture_without_contrast_is_complete() -> None:
    assert hashes(hash_of_image(Image.new("RGB", (64, 64)))).complete.all()


def test_bits_are_counted_alike_without_numpy_2() -> None:
    numbers = np.random.default_rng(0).integers(0, 2**64, (7, 5), dtype=np.uint64)
    counted = [[bin(int(one)).count("1") for one in row] for row in numbers]
    assert perceptual_hash._set_bits_by_table(numbers).tolist() == counted
    assert differing_bits(numbers, np.uint64(0)).tolist() == counted
