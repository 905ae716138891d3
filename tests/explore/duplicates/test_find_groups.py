"""The four classes, and how each heeds the ones before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmembed.explore.duplicates.decisions import Decisions
from mmembed.explore.duplicates.entries import DuplicateGroup
from mmembed.explore.duplicates.find_groups import find_groups
from mmembed.explore.duplicates.picture_table import Likenesses
from mmembed.media.perceptual_hash import WITHOUT_PARTS
from tests.explore.duplicates.tables import NOTHING_SAID, quiet, table_of
from tests.photographs import copies, hash_of_image, photograph

DIM = 16
FAR = np.eye(DIM)
"""Vectors of which no two are alike."""


def near(place: int, much: float = 0.05, seed: int = 0) -> NDArray[np.float64]:
    """A vector near one of FAR."""
    noise = np.random.default_rng(seed).normal(size=DIM)
    return np.asarray(FAR[place] + much * noise / np.linalg.norm(noise))


def found(vectors: list[NDArray[np.float64]], decisions: Decisions = NOTHING_SAID, **facts: Any
          ) -> list[tuple[str, tuple[int, ...]]]:  # fmt: skip
    groups = find_groups(
        table_of(np.array(vectors).reshape(-1, DIM), **facts), decisions, quiet
    ).groups
    return [(group.kind, group.item_ids) for group in groups]


def test_nothing_is_found_in_nothing() -> None:
    assert found([]) == []
    assert found([FAR[0]]) == []
    assert found([FAR[0], FAR[1]]) == []


def test_items_of_one_content_are_identical() -> None:
    items = [(3, 8, 9), (4,)]
    assert found([FAR[0], FAR[1]], items=items) == [("identical", (3, 8, 9))]
    wanted = Decisions({}, frozenset({"0"}))
    assert found([FAR[0], FAR[1]], wanted, items=items) == []


def test_copies_of_a_shot_are_found_also_where_the_model_sees_another_picture() -> None:
    image = photograph(5)
    forms = [hash_of_image(one) for one in (image, *copies(image).values())]
    others = [hash_of_image(photograph(seed)) for seed in (6, 7)]
    vectors = [near(0, 0.1, seed) for seed in range(len(forms))]
    vectors[2] = near(1, 0.1) * 0.5 + FAR[0]
    pixels = [9, 1, 2, 3, 4, 5, 6, 7]
    result = found([*vectors, FAR[3], FAR[4]], hashes=[*forms, *others], pixels=pixels)
    assert result == [("same_shot", (1, 2, 3, 4, 5, 6))]


def test_evidence_says_how_a_picture_compares_with_the_kept_one() -> None:
    image = photograph(5)
    hashes = [hash_of_image(one) for one in (image, copies(image)["mirrored"])]
    table = table_of(np.array([near(0, 0.1, 1), near(0, 0.1, 2)]), hashes=hashes, pixels=[4, 5])
    [group] = find_groups(table, NOTHING_SAID, quiet).groups
    assert group.item_ids == (2, 1)
    assert group.reason == "most pixels: 5, the next has 4"
    [evidence] = group.evidence
    assert evidence is not None
    assert evidence.mirrored
    assert evidence.bits is not None
    assert evidence.bits < 20
    assert 0.9 < evidence.cosine < 1
    assert evidence.seconds is None


def test_a_crop_is_the_same_shot_if_the_model_agrees() -> None:
    image = photograph(5)
    crop = image.crop((0, 0, 272, 204))
    hashes = [hash_of_image(image), hash_of_image(crop), hash_of_image(photograph(6))]
    table = table_of(np.array([near(0, 0.1, seed) for seed in range(3)]), hashes=hashes)
    [group, *_] = find_groups(table, NOTHING_SAID, quiet).groups
    assert (group.kind, group.item_ids) == ("same_shot", (1, 2))
    [evidence] = group.evidence
    assert evidence is not None
    assert evidence.cropped
    assert evidence.bits is not None
    assert evidence.bits <= 24
    vectors = [near(0, 0.1, seed) for seed in range(3)]
    earlier = [row[:WITHOUT_PARTS] for row in hashes]
    assert "same_shot" not in dict(found(vectors, hashes=earlier))
    assert "same_shot" not in dict(found([vectors[0], near(0, 1), vectors[2]], hashes=hashes))


def test_pictures_of_a_burst_are_no_copies() -> None:
    """Alike in hashes and vectors, but each was taken at its own time."""
    image = photograph(8)
    hashes = [hash_of_image(image, quality) for quality in (90, 80, 70, 60)]
    moments = ["2024-05-01T10:00:00", "2024-05-01T10:00:01.500", "2024-05-01T10:00:03", None]
    vectors = [near(0, 0.02, seed) for seed in range(4)]
    result = found(vectors, hashes=hashes, taken=moments)
    assert [kind for kind, _ in result] == ["same_shot", "burst"]
    assert sorted(result[1][1]) == [1, 2, 3], "the copy without a time goes with one of them"
    # Time zones and lost parts of seconds are no other time.
    moments = ["2024-05-01T10:00:00.300", "2024-05-01T12:00:00", "2024-05-01T10:00:00", None]
    assert found(vectors, hashes=hashes, taken=moments) == [("same_shot", (1, 2, 3, 4))]


def test_a_burst_is_of_one_camera_and_within_seconds() -> None:
    vectors = [near(0, 0.05, seed) for seed in range(3)]
    moments = ["2024-05-01T10:00:00", "2024-05-01T10:00:10", "2024-05-01T10:00:20"]
    assert found(vectors, taken=moments, camera=[1, 1, 0]) == [("burst", (1, 2, 3))]
    by_class = dict(found(vectors, taken=moments, camera=[1, 2, 2]))
    assert by_class["burst"] == (2, 3)
    late = ["2024-05-01T10:00:00", "2024-05-01T11:00:10", "2024-05-01T12:30:00"]
    assert [kind for kind, _ in found(vectors, taken=late)] == ["look_alike"]


def test_look_alikes_are_found_among_kept_pictures() -> None:
    image = photograph(9)
    hashes = [hash_of_image(image), hash_of_image(image, 50), hash_of_image(photograph(10))]
    vectors = [near(0, 0.05, seed) for seed in range(3)]
    result = found(vectors, hashes=hashes, pixels=[5, 9, 7])
    assert result == [("same_shot", (2, 1)), ("look_alike", (2, 3))]


def test_what_was_said_holds_in_later_classes_and_for_later_copies() -> None:
    image = photograph(9)
    hashes = [hash_of_image(image), hash_of_image(image, 50), hash_of_image(photograph(10))]
    vectors = [near(0, 0.05, seed) for seed in range(3)]
    said = Decisions({"0": frozenset({1}), "2": frozenset({1})}, frozenset())
    assert found(vectors, said, hashes=hashes, pixels=[5, 9, 7]) == [("same_shot", (2, 1))]


def test_flat_pictures_are_copies_only_with_the_same_colour() -> None:
    flat = [hash_of_image(Image.new("RGB", (64, 64), c)) for c in ("black", "black", "white")]
    vectors = [near(0, 0.0001, seed) for seed in range(3)]
    result = found(vectors, hashes=flat)
    assert result == [("same_shot", (1, 2)), ("look_alike", (1, 3))]


def test_black_frames_are_found_where_most_pictures_are_black() -> None:
    """They are the mean of the collection, so that their likeness to each other says nothing."""
    black = [hash_of_image(Image.new("RGB", (64, 64), "black"), quality) for quality in (80, 90)]
    frames = 100
    table = table_of(
        np.concatenate([np.zeros((frames, DIM)), FAR[:9]]),
        hashes=[*(black * (frames // 2)), *(hash_of_image(photograph(seed)) for seed in range(9))],
    )
    cosine = Likenesses(
        table.alike.rows,
        np.concatenate([np.zeros(frames, np.float32), np.ones(9, np.float32)]),
        np.concatenate([np.ones(frames, np.float32), np.zeros(9, np.float32)]),
        1.0,
    )
    [group] = find_groups(replace(table, alike=cosine), NOTHING_SAID, quiet).groups
    assert (group.kind, len(group.item_ids)) == ("same_shot", frames)


def test_many_equal_pictures_are_one_group() -> None:
    row = hash_of_image(photograph(1))
    count = 600
    groups = find_groups(
        table_of(np.repeat(FAR[:1], count, axis=0), hashes=[row] * count), NOTHING_SAID, quiet
    ).groups
    [group] = groups
    assert isinstance(group, DuplicateGroup)
    assert len(group.item_ids) == count
    assert len(group.evidence) == count - 1
