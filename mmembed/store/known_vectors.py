"""The vectors of items that searches found, kept while the catalog does not change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

ImagesOf = Callable[[Sequence[int]], Mapping[int, Sequence[int]]]
"""Ids of vectors → ids of the images that carry each."""

MOST = 100_000
"""Items that are kept; some 100 bytes each."""


class KnownVectors:
    """Ids of vectors by the ids of their items. Any thread may ask."""

    def __init__(
        self, version: Callable[[], int], read: Callable[[Sequence[int]], Mapping[int, int]]
    ) -> None:
        """version: of the catalog; see Connections.version. read: the ids of the vectors of items
        that are still there."""
        self._version = version
        self._read = read
        self._kept: tuple[int, dict[int, int]] = -1, {}

    def of(self, item_ids: Sequence[int]) -> dict[int, int]:
        """The id of a vector of each item that is still there. Raises StoreError."""
        known = self._now()
        lacking = [item_id for item_id in item_ids if item_id not in known]
        if lacking:
            known.update(self._read(lacking))
        return {item_id: known[item_id] for item_id in item_ids if item_id in known}

    def noting(self, read: ImagesOf) -> ImagesOf:
        """Reads the images of vectors, and keeps what it read."""

        def images_of(vector_ids: Sequence[int]) -> Mapping[int, Sequence[int]]:
            known = self._now()
            images = read(vector_ids)
            known.update({image: vector for vector, some in images.items() for image in some})
            return images

        return images_of

    def _now(self) -> dict[int, int]:
        """As of the last change; what is read from now on may be added."""
        version = self._version()  # before what it stands for is read
        kept = self._kept
        if kept[0] != version or len(kept[1]) > MOST:
            self._kept = kept = version, {}
        return kept[1]
