"""A calibration is fitted on labelled pictures, kept in the collection, and used there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmembed.classify.zero_shot import SHORT_TEMPLATES, fill
from mmembed.collection.collection import Collection, ImageInput
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.eval import Task, calibrate, read_labelled, read_labels, read_templates
from tests.eval.encoders import LIMIT, FixedEncoder, OpenBench

COUNT = 120
CLASSES = {"cat": (1.0, 0.0, 0.0), "dog": (0.0, 1.0, 0.0)}


def unsure(noise: float = 0.9) -> FixedEncoder:
    """Says the right one of two labels most of the time, and is far too sure."""
    generator = np.random.default_rng(0)
    images: dict[int, Sequence[float]] = {}
    for red in range(COUNT):
        row = np.array(list(CLASSES.values())[red % 2]) + noise * generator.normal(size=3)
        images[red] = tuple(row / np.linalg.norm(row))
    texts: dict[str, Sequence[float]] = {
        fill(template, name): row
        for name, row in CLASSES.items()
        for template in (*SHORT_TEMPLATES, "{}")
    }
    return FixedEncoder(images, texts)


@pytest.fixture
def pictures(photos: Path) -> Path:
    for red in range(COUNT):
        folder = photos / list(CLASSES)[red % 2]
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (red, 0, 0)).save(folder / f"{red}.png")
    return photos


def asked(pictures: Path) -> Task:
    data = read_labelled(pictures)
    return Task(data, read_labels(data.classes, None, limit=LIMIT), read_templates("usual"))


def collection_of(folder: Path, encoder: FixedEncoder) -> Collection:
    settings = Settings.from_env({}, data=folder, model="fixed", bank="off", cache=folder / "c")
    return Collection(settings, load=lambda name: encoder)


@pytest.mark.slow
def test_a_calibration_is_fitted_kept_and_used(
    bench: OpenBench, pictures: Path, tmp_path: Path
) -> None:
    encoder = unsure()
    with collection_of(tmp_path / "data", encoder) as collection:
        image = ImageInput("x", path=pictures / "cat" / "0.png")
        [before] = collection.classify([image], list(CLASSES))
        report = calibrate(bench(encoder, model="fixed"), "fixed", asked(pictures))
        [after] = collection.classify([image], list(CLASSES))
    assert report.calibration.temperature > 1.5
    assert report.calibration.templates == ("{}",), "more prompts say the same"
    assert report.calibration.images == COUNT
    figures = report.figures
    error = figures["calibration_error_after"]
    assert error.value < figures["calibration_error_before"].value
    assert error.low is not None
    assert error.high is not None
    assert error.low <= error.value <= error.high
    assert 0.5 < after.labels[0].probability < before.labels[0].probability
    with collection_of(tmp_path / "data", encoder) as collection:
        [again] = collection.classify([image], list(CLASSES))
    assert again.labels == after.labels, "it survives a restart"


def test_without_a_collection_there_is_no_place_for_it(bench: OpenBench, pictures: Path) -> None:
    with pytest.raises(InputError, match="holds no collection to keep a calibration in"):
        calibrate(bench(unsure()), "fixed", asked(pictures))


def test_few_pictures_are_refused(bench: OpenBench, pictures: Path, tmp_path: Path) -> None:
    for red in range(40, COUNT):
        (pictures / list(CLASSES)[red % 2] / f"{red}.png").unlink()
    encoder = unsure()
    collection_of(tmp_path / "data", encoder).close()
    with pytest.raises(InputError, match="40 pictures to calibrate with; at least 50"):
        calibrate(bench(encoder, model="fixed"), "fixed", asked(pictures))
