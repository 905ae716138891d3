"""The 8-bit engine: made on demand from the user's pictures, near the exact one, and not it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmembed.models.open_clip import load_encoder
from tests.cli.processes import real
from tests.pictures import GALLERY
from tests.random_models import cosines, picture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cache(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the 8-bit engine was made."""
    cache = tmp_path_factory.mktemp("cache")
    done = real("models", "--model", model, "--quantize", GALLERY, MMEMBED_CACHE=str(cache))
    assert done.returncode == 0, done.stderr
    said, header, row, remedy = done.stdout.splitlines()
    assert (said, header.split()[0], row.split()[0]) == (f"{model}:", "engine", "openvino-int8")
    assert "--engine openvino-int8" in remedy
    assert 0.9 < float(row.split()[3]) < 1
    return cache


def test_it_is_near_the_exact_one(model: str, cache: Path) -> None:
    exact = load_encoder(model, engine="torch-float32")
    quantised = load_encoder(model, engine="openvino-int8", cache=cache)
    pixels = np.stack([exact.preprocess(picture(seed)) for seed in range(20)])
    found = cosines(quantised.embed_preprocessed(pixels), exact.embed_preprocessed(pixels))
    assert 0.9 < found.min() < 0.999999
    texts = ["a dog", "two boats on a lake"]  # the text tower stays exact
    assert cosines(quantised.embed_texts(texts), exact.embed_texts(texts)).min() > 0.9995


def test_it_is_never_chosen_by_itself(model: str, cache: Path) -> None:
    assert load_encoder(model, cache=cache).facts.engine != "openvino-int8"


def test_too_few_pictures_are_refused(model: str, tmp_path: Path) -> None:
    picture(0).save(tmp_path / "one.png")
    done = real("models", "--model", model, "--quantize", tmp_path)
    assert done.returncode == 2
    assert "give at least 20" in done.stderr


def test_the_model_to_try_is_named_as_everywhere(tmp_path: Path) -> None:
    done = real("models", "ViT-B-32", "--quantize", tmp_path)
    assert done.returncode == 2
    assert "ViT-B-32: name the one model to try with --model" in done.stderr
