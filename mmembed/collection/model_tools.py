"""Lists models, and tries or calibrates engines for one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.config.limits import Limits
from mmembed.config.settings import Settings
from mmembed.counted import counted
from mmembed.engines import ENGINES, Measured
from mmembed.errors import ImageError, InputError
from mmembed.ingest import scan
from mmembed.media.decode import decode
from mmembed.media.image_limits import ImageLimits
from mmembed.models.open_clip import (
    RECOMMENDED,
    list_models,
    load_encoder,
    measure_engines,
    quantise,
    resolve_model,
)

__all__ = ["ENGINES", "RECOMMENDED", "Measured", "engines_of", "models_like", "quantise_with"]

CALIBRATION, TRIAL = 300, 50
"""Pictures for the calibration, and further pictures for the trial of the result."""
FEWEST = 20


def models_like(words: Sequence[str]) -> list[str]:
    """Model ids that hold all of these words, in any case; `bundled` first."""
    names = ["bundled", *(f"{architecture}/{tag}" for architecture, tag in list_models())]
    return [name for name in names if all(word.lower() in name.lower() for word in words)]


def engines_of(settings: Settings) -> tuple[str, list[Measured]]:
    """The model of the settings, and a new trial of each engine that can run it here. From then on
    `auto` uses its result. Raises ModelError."""
    name = resolve_model(settings.model).name
    return name, measure_engines(name, cache=settings.cache)


def quantise_with(
    settings: Settings, paths: Sequence[Path], progress: Callable[[int, int, int], None]
) -> tuple[str, Measured]:
    """Make `openvino-int8` of the settings' model, calibrated on pictures in these folders. Raises
    InputError where there are too few, ModelError."""
    name = resolve_model(settings.model).name
    pixels = _pixels(name, settings, paths, progress)
    kept = max(1, len(pixels) * TRIAL // (CALIBRATION + TRIAL))
    return name, quantise(name, settings.cache, pixels[kept:], pixels[:kept])


def _pixels(
    name: str, settings: Settings, paths: Sequence[Path], progress: Callable[[int, int, int], None]
) -> NDArray[np.uint8]:
    """uint8 (n, height, width, 3): a random sample of the pictures in the folders."""
    encoder = load_encoder(name, engine="torch-float32", cache=settings.cache)
    files = sorted(scan(paths).files)
    order = np.random.default_rng(0).permutation(len(files))[: CALIBRATION + TRIAL]
    limits = ImageLimits.of(Limits.of(settings))
    rows: list[NDArray[np.uint8]] = []
    for done, index in enumerate(order, start=1):
        try:
            picture = decode(files[index], limits=limits, side=encoder.facts.decode_side)
        except ImageError:
            continue
        finally:
            progress(done, len(order), done - len(rows))
        rows.append(encoder.preprocess(picture.image, picture.box))
    if len(rows) < FEWEST:
        raise InputError(
            f"{counted(len(rows), 'picture')} can be read there; give at least {FEWEST}, better "
            f"{CALIBRATION}"
        )
    return np.stack(rows)
