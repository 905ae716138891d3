"""The models of one collection, made as its settings say: that of the folder, and further ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from mmembed.collection.folder_model import Binding
from mmembed.config.batching import Batching
from mmembed.config.limits import Limits
from mmembed.config.settings import Settings, variable
from mmembed.media.image_limits import ImageLimits
from mmembed.memory_budget import MemoryBudget
from mmembed.models.encoder import Encoder
from mmembed.models.inputs import Embedder, Stored
from mmembed.models.lazy_encoder import LazyEncoder, Load
from mmembed.models.open_clip import loader, prepare_apart
from mmembed.models.registry import Prepare, ServedModels, prepare_nothing

TURN = 2
"""Images of one request that wait for each thread that decodes; then others have their turn."""
DECODED_AT_ONCE = 2
"""Pictures for each core, for all requests together."""


def open_models(
    settings: Settings,
    binding: Binding,
    content_of: Callable[[int], bytes],
    load: Load | None = None,
) -> ServedModels:
    """The models that answer; none is loaded yet.

    content_of: the file's bytes of an image item, which further models embed anew: the vectors of
    items are the first model's. load: replaces open_clip. Raises InputError for an unknown engine.
    """
    limits = Limits.of(settings)
    decoders = ThreadPoolExecutor(decode_threads(settings), "decode")
    images = ImageLimits.of(limits, _decoding_memory(settings))
    prepare = _preparing(settings) if load is None else prepare_nothing
    load_model = load or loader(settings.engine, settings.cache)

    def served(
        name: Callable[[], str],
        stored: Stored,
        check: Callable[[Encoder], None] = lambda encoder: None,
    ) -> Embedder:
        """An embedder whose model is loaded at first use, and checked then."""
        model = LazyEncoder(
            lambda: load_model(name()),
            batching=_batching(settings),
            limits=limits.texts,
            unload_after=settings.unload_after,
            check=check,
        )
        return Embedder(
            name,
            model,
            limits=images,
            decoders=decoders,
            turn=TURN * decode_threads(settings),
            stored=stored,
            texts=limits.texts,
        )

    first = served(lambda: binding.choice.name, binding.item, binding.check)
    more = [served(partial(str, name), content_of) for name in settings.more_models]
    return ServedModels(first, more, decoders=decoders, aliases=settings.aliases, prepare=prepare)


def decode_threads(settings: Settings) -> int:
    """How many threads decode pictures."""
    return settings.decode_threads or os.cpu_count() or 1


def _batching(settings: Settings) -> Batching:
    return Batching(settings.batch, settings.max_queue, settings.max_wait, settings.model_timeout)


def _preparing(settings: Settings) -> Prepare:
    engine, cache = settings.engine, settings.cache
    return lambda name, ended: prepare_apart(name, engine, cache, ended)


def _decoding_memory(settings: Settings) -> MemoryBudget:
    return MemoryBudget(
        int(settings.decode_mb * 1e6),
        slots=DECODED_AT_ONCE * max(decode_threads(settings), os.cpu_count() or 1),
        purpose="pictures that are being decoded",
        setting=variable("decode_mb"),
    )
