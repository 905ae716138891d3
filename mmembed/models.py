"""Which models there are, and which engines can run one here, for people who choose."""

from __future__ import annotations

from collections.abc import Sequence

from mmembed.config import Settings
from mmembed.encoder import RECOMMENDED, list_models, measure_engines, resolve_model
from mmembed.engines import ENGINES, Measured

__all__ = ["ENGINES", "RECOMMENDED", "Measured", "engines_of", "models_like"]


def models_like(words: Sequence[str]) -> list[str]:
    """Model ids that hold all of these words, whatever their case; `bundled` first."""
    names = ["bundled", *(f"{architecture}/{tag}" for architecture, tag in list_models())]
    return [name for name in names if all(word.lower() in name.lower() for word in words)]


def engines_of(settings: Settings) -> tuple[str, list[Measured]]:
    """The model that the settings ask for, and a new trial of each engine that can run it
    here; from then on `auto` goes by it. Raises ModelError."""
    name = resolve_model(settings.model).name
    return name, measure_engines(name, cache=settings.cache)
