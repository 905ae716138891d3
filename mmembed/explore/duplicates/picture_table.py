"""The facts of all pictures of a collection that tell duplicates: numbers in a few arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.filters.tree import Where
from mmembed.media.perceptual_hash import LAYOUT, HashRows, PictureHashes, hash_rows
from mmembed.search.calibration import BACKGROUND_SIZE
from mmembed.search.copies import moment_of
from mmembed.search.likeness import FEWEST
from mmembed.store.protocol import Store
from mmembed.types import Item, Progress

PAGE = 1000
"""Pictures that are read at once."""
_SMALLEST = 1e-6

Ids = NDArray[np.int64]
Rows = NDArray[np.float16]


@dataclass(frozen=True)
class Likenesses:
    """The embeddings of n pictures, less what is common to all: their cosines are likenesses, see
    `search.likeness`. Cosines follow from these, so that the embeddings are kept once."""

    rows: Rows
    """float16 (n, dim), unit-norm; 0 for a picture that is the mean itself, or has no vector."""
    lengths: NDArray[np.float32]
    """(n,): of each before it was made unit-norm."""
    along: NDArray[np.float32]
    """(n,): the product of each embedding with the mean."""
    common: float
    """The square of the mean's length."""

    def among(self, some: Ids, others: Ids) -> NDArray[np.float64]:
        """(n, m): the likenesses of pictures at these places."""
        product = self.rows[some].astype(np.float32) @ self.rows[others].astype(np.float32).T
        return np.asarray(product, np.float64)

    def of_pairs(self, some: Ids, others: Ids) -> NDArray[np.float64]:
        """(n,): the likeness of each of n pairs."""
        found = np.empty(len(some), np.float64)
        for start in range(0, len(some), PAGE):
            part = slice(start, start + PAGE)
            left, right = self.rows[some[part]], self.rows[others[part]]
            found[part] = np.einsum("nd,nd->n", left.astype(np.float32), right.astype(np.float32))
        return found

    def cosines(
        self, likenesses: NDArray[np.float64], some: Ids, others: Ids
    ) -> NDArray[np.float64]:
        """The cosines of the embeddings themselves, from the likenesses of the same places, which
        are broadcast against each other."""
        scaled = likenesses * self.lengths[some] * self.lengths[others]
        return np.asarray(scaled + self.along[some] + self.along[others] - self.common, np.float64)


@dataclass(frozen=True)
class PictureTable:
    """Pictures by content, in the order of their first items; arrays of (n, …)."""

    contents: list[str]
    """sha256, hex."""
    items: list[tuple[int, ...]]
    """The ids of the items with each content, rising."""
    pixels: Ids
    bytes: Ids
    has_header: NDArray[np.bool_]
    """Whether the file says when or with what it was taken."""
    taken: NDArray[np.datetime64]
    """Local time by the file's header; NaT where that is not known."""
    camera: NDArray[np.int32]
    """A number for each name; 0 where it is not known."""
    alike: Likenesses
    hashes: PictureHashes
    is_centred: bool
    """Whether the collection is large enough for likenesses; else these are plain cosines."""

    def __len__(self) -> int:
        return len(self.contents)

    def equal_places(self) -> Ids:
        """(n,): for each picture the place of the first one with the same vector, hashes, time and
        camera."""
        first: dict[bytes, int] = {}
        hashes = np.stack([self.hashes.p, self.hashes.d, self.hashes.mirrored_d], axis=1)
        bits = hashes, self.hashes.colour, self.hashes.telling, self.hashes.parts
        seen = *bits, self.taken, self.camera
        places = np.empty(len(self), np.int64)
        for place in range(len(self)):
            digest = hashlib.blake2b(self.alike.rows[place].tobytes(), digest_size=16)
            for facts in seen:
                digest.update(facts[place].tobytes())
            places[place] = first.setdefault(digest.digest(), place)
        return places

    @property
    def unhashed(self) -> int:
        """Pictures without hashes of this version, or without those of parts."""
        return int((~self.hashes.complete).sum())


def read_pictures(
    store: Store, where: Where, leave_out: Callable[[Item], bool], progress: Progress
) -> PictureTable:
    """The pictures that pass. leave_out: whether an item is not looked at. progress: told the
    number of items that were read."""
    total, done = store.count("image", where), 0
    mean, is_centred = _mean_of(store)
    reading = _Reading(store, mean)
    for page in _pages(store, where):
        reading.take([item for item in page if not leave_out(item)])
        done += len(page)
        progress(done, max(done, total), 0)
    return reading.table(is_centred)


def _pages(store: Store, where: Where) -> Iterator[list[Item]]:
    after = 0
    while page := store.page(after=after, limit=PAGE, kind="image", where=where):
        after = page[-1].id
        yield page


def _mean_of(store: Store) -> tuple[NDArray[np.float32], bool]:
    sample = store.sample("image", BACKGROUND_SIZE)
    if len(sample) < FEWEST:
        return np.zeros(sample.shape[1] if len(sample) else 1, np.float32), False
    return sample.mean(axis=0, dtype=np.float32), True


class _Reading:
    """Takes in pages of items."""

    def __init__(self, store: Store, mean: NDArray[np.float32]) -> None:
        self._store = store
        self._mean = mean
        self._places: dict[str, int] = {}
        self._items: list[tuple[int, ...]] = []
        self._facts: list[tuple[int, int, bool, np.datetime64, int]] = []
        self._cameras: dict[str, int] = {}
        self._rows: list[Rows] = []
        self._lengths: list[NDArray[np.float32]] = []
        self._along: list[NDArray[np.float32]] = []
        self._hashes: list[HashRows] = []

    def take(self, items: Sequence[Item]) -> None:
        """Add a page, whose ids rise."""
        new: list[str] = []
        for item in items:
            place = self._places.get(item.sha256)
            if place is not None:
                self._items[place] += (item.id,)
                continue
            self._places[item.sha256] = len(self._items)
            self._items.append((item.id,))
            self._facts.append(self._facts_of(item))
            new.append(item.sha256)
        if new:
            self._add_vectors(new)
            self._hashes.append(hash_rows(new, self._store.image_hashes(new)))

    def _facts_of(self, item: Item) -> tuple[int, int, bool, np.datetime64, int]:
        camera = 0
        if item.camera is not None:
            camera = self._cameras.setdefault(item.camera, len(self._cameras) + 1)
        has_header = item.taken is not None or item.camera is not None
        pixels = (item.width or 0) * (item.height or 0)
        return pixels, item.bytes or 0, has_header, moment_of(item.taken), camera

    def _add_vectors(self, contents: list[str]) -> None:
        known = self._store.embeddings_of("image", contents)
        dim = len(self._mean)
        rows = np.zeros((len(contents), dim), np.float32)
        for place, sha256 in enumerate(contents):
            vector = known.get(sha256)
            if vector is not None and len(vector) == dim:
                rows[place] = vector
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _SMALLEST)
        present = rows.any(axis=1)
        self._along.append(rows @ self._mean)
        rest = np.where(np.expand_dims(present, 1), rows - self._mean, 0)
        lengths = np.linalg.norm(rest, axis=1)
        self._lengths.append(lengths)
        self._rows.append((rest / np.maximum(lengths, _SMALLEST)[:, None]).astype(np.float16))

    def table(self, is_centred: bool) -> PictureTable:
        """All that was taken in."""
        facts = np.array(
            self._facts,
            [("pixels", "i8"), ("bytes", "i8"), ("header", "?"), ("taken", "M8[ms]"),
             ("camera", "i4")],
        )  # fmt: skip
        mean = self._mean.astype(np.float64)
        alike = Likenesses(
            _joined(self._rows, np.empty((0, len(mean)), np.float16)),
            _joined(self._lengths, np.empty(0, np.float32)),
            _joined(self._along, np.empty(0, np.float32)),
            float(mean @ mean),
        )
        return PictureTable(
            list(self._places),
            self._items,
            facts["pixels"],
            facts["bytes"],
            facts["header"],
            facts["taken"],
            facts["camera"],
            alike,
            PictureHashes.of(_joined(self._hashes, np.empty(0, LAYOUT))),
            is_centred,
        )


def _joined(parts: list[Any], nothing: NDArray[Any]) -> Any:
    """The parts as one array; each is freed once it is copied: vectors are most of the memory."""
    if not parts:
        return nothing
    joined = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype)
    end = len(joined)
    while parts:
        part = parts.pop()
        joined[end - len(part) : end] = part
        end -= len(part)
    return joined
