"""Makes a map of a collection.

ids → even sample → vectors → principal axes → places on the plane, clusters with names
    → all others are placed on it, some at a time
"""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import InputError, NotFound
from mmembed.explore.clusters.clusters import clustered, usual_counts
from mmembed.explore.clusters.naming import Vocabulary
from mmembed.explore.map import tsne
from mmembed.explore.map.picture_map import MapFacts, PictureMap
from mmembed.explore.map.placing import Placing
from mmembed.explore.map.plane import Plane
from mmembed.explore.picture_vectors import (
    CHUNK,
    chunks_of_pictures,
    even_sample,
    ids_of_pictures,
    read_pictures,
)
from mmembed.explore.principal_axes import principal_axes
from mmembed.store.entries import Model
from mmembed.store.protocol import Store
from mmembed.types import Phase, Progress

MOST_FITTED = 50_000
"""Pictures that a map is fitted to; the others are placed on it."""
PCA = "PCA"
NEEDS = "the better map needs the library openTSNE: pip install 'mmembed[map]'"
NO_PICTURES = "the collection holds no pictures to draw a map of; index some first"

Method: TypeAlias = Literal["auto", "tsne", "pca"]
METHODS: tuple[Method, ...] = ("auto", "tsne", "pca")


def make_map(
    store: Store,
    model: Model,
    vocabulary: Vocabulary | None,
    *,
    method: Method,
    progress: Progress,
    phase: Phase,
) -> PictureMap:
    """A map of all pictures. method: `auto` is t-SNE where its library is installed, else PCA.

    Raises InputError for `tsne` without the library, NotFound without pictures, Abandoned.
    """
    if method == "tsne" and not tsne.is_installed():
        raise InputError(f"method tsne: {NEEDS}")
    started = time.monotonic()
    last_change, ids = store.last_change(), ids_of_pictures(store)
    phase("reading vectors", 0)
    fitted = read_pictures(store, even_sample(ids, MOST_FITTED))
    if not len(fitted):
        raise NotFound(NO_PICTURES)
    axes = principal_axes(fitted.rows)
    rows = axes.project(fitted.rows)
    points, by_neighbours = _reduced(rows, method, progress)
    plane = Plane.around(points)
    phase("clusters", 0)
    found = clustered(fitted, rows, usual_counts(len(ids)), vocabulary)
    whole = plane.whole(points)
    facts = MapFacts(
        version=secrets.token_hex(8),
        made=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        reducer=tsne.name() if by_neighbours else PCA,
        model=model.name,
        fingerprint=model.fingerprint,
        fitted=len(fitted),
        last_change=last_change,
        revision=0,
        seconds=0.0,
    )
    kept = rows if by_neighbours else rows[:0]
    made = PictureMap(
        facts,
        fitted.ids,
        whole,
        found.labels.astype(np.uint8),
        found.levels,
        found.centres,
        Placing(axes, plane, kept.astype(np.float16), whole),
    )
    made = with_all(made, store, np.setdiff1d(ids, fitted.ids, assume_unique=True), progress)
    return replace(made, facts=replace(facts, seconds=round(time.monotonic() - started, 1)))


def with_all(
    known: PictureMap, store: Store, ids: NDArray[np.int64], progress: Progress
) -> PictureMap:
    """The map with these pictures, which are read and placed some at a time. Raises Abandoned."""
    parts = []
    done = 0
    for part in chunks_of_pictures(store, ids):
        if len(part):
            parts.append(known.placed(part.ids, part.rows))
        done = min(done + CHUNK, len(ids))
        progress(done, len(ids), 0)
    return known.with_pictures(parts)


def _reduced(
    rows: NDArray[np.float32], method: Method, progress: Progress
) -> tuple[NDArray[np.float32], bool]:
    """Points of the plane, float32 (n, 2), and whether neighbours place further ones."""
    if method == "pca" or not tsne.is_installed():
        return rows[:, :2], False
    different, place = np.unique(rows, axis=0, return_inverse=True)
    if len(different) < tsne.FEWEST:
        return rows[:, :2], False
    return tsne.tsne(different, progress)[place.ravel()], True


def reducer_note(method: str, facts: MapFacts) -> str:
    """A sentence for people whose map could be a better one; empty otherwise."""
    if method == "pca" or facts.reducer != PCA or facts.fitted < tsne.FEWEST:
        return ""
    if tsne.is_installed():
        return "this map is by PCA; --anew makes one by t-SNE"
    return f"this map is by PCA; {NEEDS}"
