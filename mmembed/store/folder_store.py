"""The store in one data folder: SQLite keeps the catalog, files lie beside it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.blobs import FolderBlobs
from mmembed.store.entries import Found, Known, Place, RankedImages, Trouble
from mmembed.store.index_sync import IndexSync
from mmembed.store.known_vectors import KnownVectors
from mmembed.store.passing import PassingVectors
from mmembed.store.rank_items import nearest_images, rank_items
from mmembed.store.sqlite import Catalog
from mmembed.store.uploads import is_of_any_folder
from mmembed.store.vectors import RECALL
from mmembed.store.vectors.exact_and_cells import ExactAndCells
from mmembed.types import Embeddings, Kind


class FolderStore(Catalog):
    """A catalog with the views that search it and its own files; see Store."""

    def __init__(self, folder: Path, *, exact_limit: int, recall: float = RECALL) -> None:
        """exact_limit: up to so many vectors of a kind are searched exactly, more in cells. recall:
        the share of the nearest ten vectors that cells must find. Raises StoreError if the
        folder cannot be used, StoreBusy while it is being restored."""
        super().__init__(folder)
        self._sync = partial(IndexSync, self, exact_limit=exact_limit, recall=recall)
        self._views = self._sync()
        self._filtered = PassingVectors(self.version)
        self._known = KnownVectors(self.version, self.vector_ids_of)

    @property
    def name(self) -> str:
        """See Store.name."""
        return str(self.folder)

    @cached_property
    def blobs(self) -> FolderBlobs:
        """See Store.blobs."""
        return FolderBlobs(self)

    def partially(self) -> AbstractContextManager[dict[str, None]]:
        """See Store.partially: a folder is there as a whole."""
        return nullcontext({})

    def close(self) -> None:
        """Close the catalog, once no cells are read any more."""
        if hasattr(self, "_views"):  # otherwise opening failed
            self._views.close()
        super().close()

    def known_files(self) -> dict[str, Known]:
        """See Files.known_files. Uploads are no files of a folder that is indexed: whether the
        data folder lies in it, is excluded, or was moved there, they stay."""
        return _without_uploads(super().known_files())

    def known_among(self, paths: Sequence[str]) -> dict[str, Known]:
        """See Files.known_among."""
        return _without_uploads(super().known_among(paths))

    @property
    def pieces(self) -> None:
        """See Store.pieces: one process at a time fills a folder."""

    def troubles(self) -> list[Trouble]:
        """See Store.troubles."""
        failed = self._views.failed
        return [*super().troubles(), *([Trouble("views_failed", failed)] if failed else [])]

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
        """See Search.search. The vectors of the items that pass are found first, and searched
        exactly."""
        view = self._views.view(kind)
        if view is None:
            return Found((), complete=True)
        among = None
        if where != EVERYTHING:
            among = self._filtered.of((kind, where), lambda: self.vectors_matching(kind, where))
        return rank_items(
            lambda most: view.nearest(query, most, among),
            lambda vector_ids: self.items_of_vectors(vector_ids, where),
            self.chunks_of,
            count=count,
            after=after,
        )

    def nearest_images(
        self, query: NDArray[np.float32], count: int, where: Where = EVERYTHING, *, by: Kind
    ) -> RankedImages:
        """See Search.nearest_images."""
        view = self._views.view(by)
        if view is None:
            return RankedImages(np.empty(0, np.int64), np.empty(0), complete=True)
        among = None
        if where != EVERYTHING:
            among = (
                self._filtered.of((by, where), lambda: self.vectors_matching(by, where))
                if by == "image"
                else self._filtered.of(
                    ("of images", where), lambda: self.caption_vectors_matching(where)
                )
            )

        def images_of(vector_ids: Sequence[int]) -> dict[int, list[int]]:
            return self.images_of_vectors(vector_ids, by, where)

        return nearest_images(
            lambda most: view.nearest(query, most, among),
            self._known.noting(images_of) if by == "image" else images_of,
            count,
        )

    def vectors_of(self, item_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """See Vectors.vectors_of. Vectors of images that are in memory are not read from the
        catalog."""
        view = self._views.loaded("image")
        known = {} if view is None else self._known.of(item_ids)
        if view is None or len(known) < len(item_ids):
            return super().vectors_of(item_ids)
        vectors = view.vectors([known[item_id] for item_id in item_ids])
        return super().vectors_of(item_ids) if vectors is None else (list(item_ids), vectors)

    def sample(self, kind: Kind, count: int) -> Embeddings:
        """See Search.sample: of the vectors as they were last searched."""
        view = self._views.last_view(kind)
        return np.empty((0, 0), dtype=np.float32) if view is None else view.sample(count)

    def index(self, kind: Kind) -> ExactAndCells | None:
        """See Search.index."""
        view = self._sync().view(kind)  # nobody else's
        if view is None or not len(view):
            return None
        return ExactAndCells(view)

    def index_sizes(self) -> dict[Kind, int]:
        """See Search.index_sizes."""
        return self._views.sizes()

    def publish(self, *, build: bool = True) -> None:
        """See Search.publish. Raises StoreBusy."""
        self._views.publish(build=build)

    def rebuild(self) -> None:
        """See Search.rebuild. Raises StoreBusy."""
        self._views.rebuild()
        self.rebuild_words()


def _without_uploads(known: dict[str, Known]) -> dict[str, Known]:
    return {path: file for path, file in known.items() if not is_of_any_folder(path, file.sha256)}
