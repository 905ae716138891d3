"""From a model id to an encoder: as it was prepared before, or loaded, tried and prepared."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mmembed.config import Settings
from mmembed.encoder.model_names import resolve_model
from mmembed.encoder.open_clip_encoder import OpenClipEncoder
from mmembed.encoder.prepared import Prepared, keep
from mmembed.engines import AUTO, check_name

log = logging.getLogger(__name__)


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


def _loaded(
    name: str, asked: str, device: str | None, tokenizer: Any, cache: Path
) -> OpenClipEncoder:
    from mmembed.encoder.loading import load_model

    loaded = load_model(name, tokenizer)
    from mmembed.engines.choice import choose
    from mmembed.engines.openvino_engine import OpenVinoEngine
    from mmembed.engines.torch_engine import device_of_choice

    device = device or device_of_choice()
    known = Prepared.find(cache, name) if device == "cpu" and tokenizer is None else None
    wanted = (known and known.fastest) if asked == AUTO else asked
    engine, measured = choose(wanted or AUTO, loaded.towers, device)
    if device == "cpu" and tokenizer is None:
        compiled = engine if isinstance(engine, OpenVinoEngine) else None
        if measured or compiled:
            told = measured or (known.measured if known else ())
            keep(cache, loaded.facts, told, loaded.sources, loaded.tables, compiled)
    return OpenClipEncoder(loaded.facts, loaded.tokenizer, engine)
