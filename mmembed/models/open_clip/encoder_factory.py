"""Opens an encoder by its model id: prepared before, or loaded, tried and prepared now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmembed.config.library_privacy import keep_libraries_within
from mmembed.config.settings import DEFAULT_CACHE, expanded
from mmembed.engines import AUTO, OPENVINO, Engine, Measured, check_name
from mmembed.errors import ModelError
from mmembed.models.open_clip import hub
from mmembed.models.open_clip.bpe import BpeTokenizer
from mmembed.models.open_clip.engine_record import (
    EngineRecord,
    folder_of,
    keep,
    may_have_accelerator,
)
from mmembed.models.open_clip.import_open_clip import import_open_clip
from mmembed.models.open_clip.model_names import locate, resolve_model
from mmembed.models.open_clip.open_clip_encoder import OpenClipEncoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmembed.engines.towers import Towers
    from mmembed.models.open_clip.load_model import LoadedModel

log = logging.getLogger(__name__)


def load_encoder(
    name: str,
    *,
    engine: str = AUTO,
    device: str | None = None,
    tokenizer: Any = None,
    cache: Path = DEFAULT_CACHE,
) -> OpenClipEncoder:
    """Load a model by its id: `architecture/pretrained`, `hf-hub:org/name`, `local-dir:/path`,
    `bundled` or `auto`. Runs it once, so that the first request does not wait for that.

    engine: one of `mmembed.engines.ENGINES`; `auto` is the fastest on this machine, measured once
    for each model. device: as torch names it; by default the fastest one present. tokenizer:
    replaces the model's own; texts → int64 (n, context_length), with a keyword `context_length`.
    cache: folder for measurements and compiled models. Raises ModelError, with the remedy, for an
    unknown, missing, unreachable or broken model, and InputError for an unknown engine.
    """
    check_name(engine)
    cache = expanded(cache, "cache")
    keep_libraries_within(cache)
    name = resolve_model(name).name
    device = device or _device_for(engine)
    encoder = _prepared(name, engine, device, cache) if tokenizer is None else None
    return encoder or _tried(_loaded(name, engine, device, tokenizer, cache))


def _prepared(name: str, engine: str, device: str, cache: Path) -> OpenClipEncoder | None:
    """The model as it was prepared before; None if it was not, or is no longer usable."""
    prepared = EngineRecord.find(cache, name, device)
    encoder = prepared.encoder(engine) if prepared else None
    try:
        return encoder and _tried(encoder)
    except Exception as error:  # the compiler may raise anything
        log.warning("%s: as it was prepared it fails (%s); preparing it again", name, error)
        return None


def _tried(encoder: OpenClipEncoder) -> OpenClipEncoder:
    encoder.embed_texts(["a photo"])
    encoder.embed_preprocessed(encoder.blank_pixels())
    return encoder


def loader(engine: str, cache: Path) -> Callable[[str], OpenClipEncoder]:
    """`load_encoder` with an engine and a cache. Raises InputError for an unknown engine."""
    return partial(load_encoder, engine=check_name(engine), cache=cache)


def check_obtainable(name: str, cache: Path) -> None:
    """Raises ModelError for a model that is unknown, or not downloaded and unreachable, before
    anything is made for it. `auto` finds an available model."""
    if name == "auto" or EngineRecord.find(cache.expanduser(), name):
        return
    if locate(name).folder is None:
        hub.check_obtainable(name)


def measure_engines(name: str, cache: Path) -> list[Measured]:
    """Try every engine that can run a model here, and store the figures. Raises ModelError."""
    from mmembed.engines.choice import choose
    from mmembed.models.open_clip.load_model import load_model

    device = _device_for(AUTO)
    loaded = load_model(name)
    engine, measured = choose(AUTO, loaded.towers, device)
    _keep(folder_of(cache, name, device), loaded, engine, measured)
    return measured


def quantise(
    name: str, cache: Path, calibration: NDArray[np.uint8], trial: NDArray[np.uint8]
) -> Measured:
    """Make `openvino-int8` of a model, calibrated on pictures, and try it on others; both
    uint8 (n, height, width, 3). Raises ModelError."""
    from mmembed.engines.quantise_tower import quantised
    from mmembed.models.open_clip.load_model import load_model

    loaded = load_model(name)
    engine, measured = quantised(loaded.towers, calibration, trial)
    known = EngineRecord.find(cache, name)
    others = [trial for trial in (known.measured if known else ()) if trial.engine != engine.name]
    _keep(folder_of(cache, name, engine.device), loaded, engine, [*others, measured])
    return measured


def _device_for(engine: str) -> str:
    """The fastest device that an engine can run on, as torch names it."""
    if engine.startswith(OPENVINO) or not may_have_accelerator():
        return "cpu"
    import_open_clip()  # names the missing part if torch is not complete
    from mmembed.engines.torch_engine import device_of_choice

    return device_of_choice()


def _loaded(name: str, wished: str, device: str, tokenizer: Any, cache: Path) -> OpenClipEncoder:
    from mmembed.models.open_clip.load_model import load_model

    loaded = load_model(name, tokenizer)
    known = EngineRecord.find(cache, name, device) if tokenizer is None else None
    fastest = known.fastest if known and wished == AUTO else None
    engine, measured = _chosen(wished, fastest, loaded.towers, device)
    if tokenizer is None:
        folder = folder_of(cache, name, device)
        _keep(folder, loaded, engine, measured or (known.measured if known else ()))
    # open_clip's own tokenizer caches every word that it ever read.
    reader = loaded.tokenizer if loaded.tables is None else BpeTokenizer(loaded.tables)
    return OpenClipEncoder(loaded.facts, reader, engine)


def _chosen(
    name: str, fastest: str | None, towers: Towers, device: str
) -> tuple[Engine, list[Measured]]:
    """The engine that was the fastest in the trial, if it is still available; see `choose`."""
    from mmembed.engines.choice import choose

    if fastest is not None:
        try:
            return choose(fastest, towers, device)
        except ModelError as error:
            log.warning("%s; trying all engines again", error)
    return choose(name, towers, device)


def _keep(folder: Path, loaded: LoadedModel, engine: Engine, measured: Sequence[Measured]) -> None:
    from mmembed.engines.openvino_engine import OpenVinoEngine

    compiled = engine if isinstance(engine, OpenVinoEngine) else None
    if measured or compiled:
        keep(folder, loaded.facts, measured, loaded.sources, loaded.tables, compiled)
