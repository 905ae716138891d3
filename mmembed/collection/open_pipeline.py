"""The stages of an indexing, made as the settings of a collection say."""

from __future__ import annotations

from collections.abc import Callable

from mmembed.collection.open_models import decode_threads
from mmembed.config.limits import Limits
from mmembed.config.settings import Settings
from mmembed.fetch.fetcher import Fetcher
from mmembed.ingest import Pipeline, SaidLimits
from mmembed.media.header import HeaderReader
from mmembed.media.image_limits import ImageLimits
from mmembed.models.encoder import Encoder
from mmembed.sources.sources import Sources
from mmembed.store.protocol import Store

TAR_LISTS = "tars"
"""Folder of the cache with the lists of tars."""


def open_pipeline(
    settings: Settings,
    store: Store,
    load: Callable[[], Encoder],
    limits: ImageLimits,
    fetcher: Fetcher,
) -> Pipeline:
    """load: gives the model. fetcher: see `open_sources`."""
    return Pipeline(
        store=store,
        load=load,
        headers=HeaderReader(limits, places=settings.location),
        batch=settings.batch,
        threads=decode_threads(settings),
        thumbnails=settings.thumbnails,
        sources=open_sources(settings, fetcher),
        limits=SaidLimits(settings.max_text_chars, settings.max_items),
    )


def open_sources(settings: Settings, fetcher: Fetcher) -> Sources:
    """The reader of pictures that are no files. fetcher: is not used unless the settings allow
    it."""
    limits = ImageLimits.of(Limits.of(settings))
    allowed = fetcher if settings.fetch_urls else None
    return Sources(limits, allowed, settings.cache / TAR_LISTS)
