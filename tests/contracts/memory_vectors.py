"""Vectors in memory: by content and model, with their changes; and search among all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import ModelMismatch, NotFound, StoreError, Unstorable
from mmembed.filters.matches import matches
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.chunks import Chunk, ChunkVector
from mmembed.store.entries import Found, Model, Place, RankedImages
from mmembed.store.mean_of_chunks import mean_of
from mmembed.store.rank_items import nearest_images, rank_items
from mmembed.types import Embeddings, Item, Kind, Ranked
from tests.contracts.memory_state import Change, Memory, State, Vector


class MemoryVectors(Memory):
    """See Vectors and Search."""

    # -- models ----------------------------------------------------------------------

    def model(self) -> Model | None:
        return next((self._state.models[digest] for digest in self._state.serving), None)

    def models(self) -> list[Model]:
        return list(self._state.models.values())

    def claim(self, model: Model) -> None:
        with self._change() as state:
            state.serving = state.serving or (model.fingerprint,)
            if state.serving != (model.fingerprint,):
                other = state.models[state.serving[0]].name
                raise ModelMismatch(f"memory holds vectors of {other}, not of {model.name}")
            state.models.setdefault(model.fingerprint, model)

    def serve(self, model: Model) -> None:
        with self._change() as state:
            state.models.setdefault(model.fingerprint, model)
            for item in state.items.values():
                if (item.kind, item.sha256, model.fingerprint) not in state.contents:
                    raise ModelMismatch(f"item {item.id} has no vector of {model.name} yet")
            state.serving = (model.fingerprint,)

    # -- by content ------------------------------------------------------------------

    def embeddings_of(
        self, kind: Kind, contents: Sequence[str], model: Model | None = None
    ) -> dict[str, NDArray[np.float16]]:
        state, digest = self._state, self._digest(model)
        found = {}
        for sha256 in contents:
            key = kind, sha256, digest
            if key in state.chunks:
                ids = [chunk.vector_id for chunk in state.chunks[key]]
                found[sha256] = mean_of(np.stack([state.vectors[one].row for one in ids]))
            elif key in state.contents:
                found[sha256] = state.vectors[state.contents[key]].row
        return found

    def chunks_of(self, item_ids: Sequence[int]) -> dict[int, list[ChunkVector]]:
        state, digest = self._state, self._digest(None)
        items = [state.items[one] for one in item_ids if one in state.items]
        keys = {item.id: (item.kind, item.sha256, digest) for item in items}
        return {one: list(state.chunks[key]) for one, key in keys.items() if key in state.chunks}

    def uncut_captions(self, limit: int) -> list[tuple[int, str]]:
        captions = [one for one in self._state.of_kind("caption") if one.id <= self._state.uncut]
        return [(one.id, one.caption or "") for one in reversed(captions)][:limit]

    def cut_captions(self, cuts: Mapping[str, Sequence[Chunk]], down_to: int) -> None:
        with self._change() as state:
            known = {item.sha256 for item in state.of_kind("caption")}
            for sha256, chunks in cuts.items():
                if sha256 in known:
                    state.contents.pop(("caption", sha256, self._digest(None)), None)
                    self._keep_chunks(state, sha256, chunks)
            state.uncut = down_to - 1
            self._let_go(state)

    def add_embeddings(
        self, kind: Kind, embeddings: Mapping[str, NDArray[np.float32]], model: Model
    ) -> None:
        with self._change() as state:
            state.models.setdefault(model.fingerprint, model)
            known = {item.sha256 for item in state.of_kind(kind)}
            for sha256, row in embeddings.items():
                if sha256 in known:
                    self._keep(state, kind, sha256, row, model)

    def contents_without(self, kind: Kind, model: Model, limit: int, after: str = "") -> list[str]:
        state = self._state
        known = {item.sha256 for item in state.of_kind(kind) if item.sha256 > after}
        lacking = [one for one in known if (kind, one, model.fingerprint) not in state.contents]
        return sorted(lacking)[:limit]

    def vector_of(self, item_id: int) -> NDArray[np.float16]:
        item = self._state.items.get(item_id)
        if item is None:
            raise NotFound(f"item {item_id}: no such item")
        return self.embeddings_of(item.kind, [item.sha256])[item.sha256]

    def vectors_of(self, item_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        ids = [item_id for item_id in item_ids if item_id in self._state.items]
        rows = [self.vector_of(item_id) for item_id in ids]
        return ids, np.stack(rows) if rows else np.empty((0, 0), dtype=np.float16)

    def _digest(self, model: Model | None) -> str:
        return model.fingerprint if model else next(iter(self._state.serving), "")

    def _keep(
        self,
        state: State,
        kind: Kind,
        sha256: str,
        embedding: NDArray[np.float32] | None,
        model: Model | None = None,
    ) -> None:
        """Give a content its vector, unless it has one."""
        if model is None and not state.serving:
            raise StoreError("memory belongs to no model yet; claim it for one before writing")
        of = model or state.models[state.serving[0]]
        key = kind, sha256, of.fingerprint
        if key in state.contents:
            return
        if embedding is None:
            raise Unstorable(f"content {sha256[:12]} has no vector")
        with np.errstate(over="ignore"):
            row = np.asarray(embedding).astype("<f2")
        if row.shape != (of.dim,) or not np.isfinite(row).all() or not row.any():
            raise Unstorable(f"an embedding is not a finite, non-zero vector of {of.dim} numbers")
        for vector_id, vector in state.vectors.items():
            same = (vector.kind, vector.model) == (kind, of.fingerprint)
            if same and np.array_equal(vector.row, row):
                state.contents[key] = vector_id
                return
        state.contents[key] = vector_id = self._new_id()
        state.vectors[vector_id] = Vector(kind, of.fingerprint, row)
        state.changes[len(state.changes) + 1] = Change(kind, of.fingerprint, vector_id, 1)

    def _keep_chunks(self, state: State, sha256: str, chunks: Sequence[Chunk]) -> None:
        """Give a caption the vectors of its chunks, unless it has any."""
        key: tuple[Kind, str, str] = "caption", sha256, self._digest(None)
        if key in state.contents:
            return
        kept = []
        for chunk in chunks:
            state.contents.pop(key, None)
            self._keep(state, "caption", sha256, chunk.embedding)
            kept.append(ChunkVector(chunk.start, chunk.stop, state.contents[key]))
        state.contents[key], state.chunks[key] = kept[0].vector_id, tuple(kept)

    def _let_go(self, state: State) -> None:
        """Drop the vectors of contents that no item has."""
        used = {(item.kind, item.sha256) for item in state.items.values()}
        state.contents = {key: one for key, one in state.contents.items() if key[:2] in used}
        state.chunks = {key: some for key, some in state.chunks.items() if key in state.contents}
        kept = {chunk.vector_id for some in state.chunks.values() for chunk in some}
        for vector_id in state.vectors.keys() - set(state.contents.values()) - kept:
            gone = state.vectors.pop(vector_id)
            change = Change(gone.kind, gone.model, vector_id, -1)
            state.changes[len(state.changes) + 1] = change

    # -- by id -----------------------------------------------------------------------

    def last_change(self) -> int:
        return len(self._state.changes)

    def changes(
        self, kind: Kind, after: int, until: int, model: Model | None = None
    ) -> tuple[list[int], list[int]]:
        ops: dict[int, list[int]] = {}
        for seq, change in self._state.changes.items():
            if after < seq <= until and (change.kind, change.model) == (kind, self._digest(model)):
                ops.setdefault(change.vector_id, []).append(change.op)
        return [one for one in ops if ops[one] == [1]], [one for one in ops if ops[one] == [-1]]

    def embeddings(self, vector_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        vectors = self._state.vectors
        ids = [one for one in vector_ids if one in vectors]
        rows = [vectors[one].row for one in ids]
        return ids, np.stack(rows) if rows else np.empty((0, 0), dtype=np.float16)

    def all_embeddings(
        self, kind: Kind, chunk: int = 10_000, model: Model | None = None
    ) -> Iterator[tuple[list[int], NDArray[np.float16]]]:
        ids = self._ids(kind, model)
        for start in range(0, len(ids), chunk):
            yield self.embeddings(ids[start : start + chunk])

    def _ids(self, kind: Kind, model: Model | None = None) -> list[int]:
        of = kind, self._digest(model)
        vectors = self._state.vectors
        return sorted(one for one, vector in vectors.items() if (vector.kind, vector.model) == of)

    def items_of_vectors(
        self, vector_ids: Sequence[int], where: Where = EVERYTHING
    ) -> dict[int, list[Item]]:
        joined: dict[int, list[Item]] = {}
        contents = self._state.contents
        for item in self._state.of_kind(None):
            for key, vector_id in contents.items():
                if key[:2] != (item.kind, item.sha256) or not matches(where, item):
                    continue
                parts = [
                    (one.vector_id, replace(item, chunk=one[:2]))
                    for one in self._state.chunks.get(key, ())
                ]
                for one, part in parts or [(vector_id, item)]:
                    if one in vector_ids:
                        joined.setdefault(one, []).append(part)
        return joined

    def images_of_vectors(
        self, vector_ids: Sequence[int], kind: Kind, where: Where = EVERYTHING
    ) -> dict[int, list[int]]:
        images = {item.id for item in self._state.images() if matches(where, item)}
        owners: dict[int, list[int]] = {}
        for vector_id, items in self.items_of_vectors(vector_ids).items():
            of = {one.id if kind == "image" else one.image_id for one in items if one.kind == kind}
            if passing := [image for image in of if image is not None and image in images]:
                owners[vector_id] = passing
        return owners

    # -- search ----------------------------------------------------------------------

    def search(
        self,
        query: NDArray[np.float32],
        count: int,
        where: Where = EVERYTHING,
        *,
        kind: Kind,
        after: Place | None = None,
    ) -> Found:
        with self._lock:
            return rank_items(
                lambda most: self._nearest(query, most, kind),
                lambda vector_ids: self.items_of_vectors(vector_ids, where),
                self.chunks_of,
                count=count,
                after=after,
            )

    def nearest_images(
        self, query: NDArray[np.float32], count: int, where: Where = EVERYTHING, *, by: Kind
    ) -> RankedImages:
        owners = self.images_of_vectors(self._ids(by), by, where)
        ranked = self._nearest(query, len(self._ids(by)) + 1, by)
        passing = [row for row, key in enumerate(ranked.ids.tolist()) if owners.get(key)]

        def passing_ones(most: int) -> Ranked:
            rows = passing[:most]
            return Ranked(ranked.ids[rows], ranked.scores[rows], len(passing) <= most)

        return nearest_images(passing_ones, lambda ids: {key: owners[key] for key in ids}, count)

    def _nearest(self, query: NDArray[np.float32], most: int, kind: Kind) -> Ranked:
        ids, rows = self._units(kind)
        if not len(ids):
            return Ranked(ids, np.empty(0), complete=True)
        scores = np.round((rows.astype(np.float64) * query).sum(axis=1), 6)
        order = np.lexsort((ids, -scores))[:most]
        return Ranked(ids[order], scores[order], complete=most >= len(ids))

    def _units(self, kind: Kind) -> tuple[NDArray[np.int64], Embeddings]:
        ids, stored = self.embeddings(self._ids(kind))
        rows = stored.astype(np.float32)
        return np.array(ids, dtype=np.int64), rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def sample(self, kind: Kind, count: int) -> Embeddings:
        _, rows = self._units(kind)
        return rows[:: max(1, -(-len(rows) // count))]

    def index_sizes(self) -> dict[Kind, int]:
        return {}

    def publish(self, *, build: bool = True) -> None:
        """Nothing is saved."""

    def rebuild(self) -> None:
        """Nothing is built."""
