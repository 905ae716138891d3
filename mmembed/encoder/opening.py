"""From a model id to an encoder: as it was prepared before, or loaded, tried and prepared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmembed.config import Settings
from mmembed.encoder.model_names import resolve_model
from mmembed.encoder.open_clip_encoder import OpenClipEncoder
from mmembed.encoder.prepared import Prepared, keep
from mmembed.engines import AUTO, Engine, Measured, check_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmembed.encoder.loading import LoadedModel


def load_encoder(
    name: str,
    *,
    engine: str = AUTO,
    device: str | None = None,
    tokenizer: Any = None,
    cache: Path = Settings.cache,
) -> OpenClipEncoder:
    """Load a model by its id: `architecture/pretrained`, `hf-hub:org/name`, `local-dir:/path`,
    `bundled` or `auto`. Runs it once, so that the first request does not wait for that.

    engine: what runs it, one of `mmembed.engines.ENGINES`; `auto` is the fastest here, which is
    measured once for each model. device: as torch names it; by default the fastest one present.
    tokenizer: replaces the model's own; texts → int64 (n, context_length), with a keyword
    `context_length`. cache: folder in which what was measured and compiled is kept.
    Raises ModelError, with the remedy, for what is unknown, missing, unreachable or broken, and
    InputError for an unknown engine.
    """
    check_name(engine)
    name = resolve_model(name).name
    cache = cache.expanduser()
    encoder = None
    if device in (None, "cpu") and tokenizer is None:
        prepared = Prepared.find(cache, name)
        encoder = prepared.encoder(engine) if prepared else None
    encoder = encoder or _loaded(name, engine, device, tokenizer, cache)
    encoder.embed_texts(["a photo"])
    encoder.embed_preprocessed(encoder.blank_pixels())
    return encoder


def loader(settings: Settings) -> Callable[[str], OpenClipEncoder]:
    """`load_encoder` with the engine and the cache of the settings. Raises InputError for an
    unknown engine."""
    return partial(load_encoder, engine=check_name(settings.engine), cache=settings.cache)


def measure_engines(name: str, cache: Path) -> list[Measured]:
    """Try every engine that can run a model here, and keep what that gave. Raises ModelError."""
    from mmembed.encoder.loading import load_model
    from mmembed.engines.choice import choose
    from mmembed.engines.torch_engine import device_of_choice

    loaded = load_model(name)
    engine, measured = choose(AUTO, loaded.towers, device_of_choice())
    _keep(cache, loaded, engine, measured)
    return measured


def quantise(
    name: str, cache: Path, calibration: NDArray[np.uint8], trial: NDArray[np.uint8]
) -> Measured:
    """Make `openvino-int8` of a model, calibrated on pictures, and try it on others; both
    uint8 (n, height, width, 3). Raises ModelError."""
    from mmembed.encoder.loading import load_model
    from mmembed.engines.quantising import quantised

    loaded = load_model(name)
    engine, measured = quantised(loaded.towers, calibration, trial)
    known = Prepared.find(cache, name)
    others = [one for one in (known.measured if known else ()) if one.engine != engine.name]
    _keep(cache, loaded, engine, [*others, measured])
    return measured


def _loaded(
    name: str, asked: str, device: str | None, tokenizer: Any, cache: Path
) -> OpenClipEncoder:
    from mmembed.encoder.loading import load_model

    loaded = load_model(name, tokenizer)
    from mmembed.engines.choice import choose
    from mmembed.engines.torch_engine import device_of_choice

    device = device or device_of_choice()
    known = Prepared.find(cache, name) if device == "cpu" and tokenizer is None else None
    wanted = (known and known.fastest) if asked == AUTO else asked
    engine, measured = choose(wanted or AUTO, loaded.towers, device)
    if device == "cpu" and tokenizer is None:
        _keep(cache, loaded, engine, measured or (known.measured if known else ()))
    return OpenClipEncoder(loaded.facts, loaded.tokenizer, engine)


def _keep(cache: Path, loaded: LoadedModel, engine: Engine, measured: Sequence[Measured]) -> None:
    from mmembed.engines.openvino_engine import OpenVinoEngine

    compiled = engine if isinstance(engine, OpenVinoEngine) else None
    if measured or compiled:
        keep(cache, loaded.facts, measured, loaded.sources, loaded.tables, compiled)
