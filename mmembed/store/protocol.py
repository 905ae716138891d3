"""The interface of every store; the program reaches stored data through it alone.

    Store = Items + Fields + ItemWriter + Files (`store.item_protocol`) + Vectors
            + Chunks (`store.chunks`) + Search + WordIndex
            + Records + ImageHashes + AutomaticTags (`store.record_protocol`),
            with the Blobs beside them

Rows and their vectors are the truth. A change is durable when its method returns, and a method
that raises has changed nothing. Every method may be called from any thread, and by several
processes that have the same store open.

Any method raises StoreError if the store cannot be read or written. A method that writes raises
StoreBusy if another process has been writing for too long, and StoreFull if there is no room. It
raises Unstorable if a single entry cannot be stored, although others can. Further errors are named
at their methods.

Ids of items and of vectors are positive integers that are never reused. A sha256 is the hash of an
image file's bytes or of a caption's UTF-8 text, in hex. A stored vector is float16 (dim,),
little-endian, finite and not zero, but of any length: `embeddings` of a model are compared by
cosine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.blob_protocol import Blobs
from mmembed.store.chunks import Chunks
from mmembed.store.entries import (
    Found,
    Model,
    Place,
    RankedImages,
    Trouble,
    WordMatches,
)
from mmembed.store.item_protocol import Fields, Files, Items, ItemWriter
from mmembed.store.pieces import Pieces
from mmembed.store.record_protocol import AutomaticTags, ImageHashes, Records
from mmembed.types import Embeddings, Item, Kind, Ranked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SearchedBy: TypeAlias = Literal["exact", "cells", "hnsw"]
"""Exactly, in cells of a folder, or by an HNSW graph of PostgreSQL."""
Purpose: TypeAlias = Literal["indexing", "publishing", "uploading"]
"""A purpose that only one process has at a time: bring files in or take them out; save an index;
write or delete an upload."""


class Vectors(Protocol):
    """The vectors, by content and model. One model serves: it answers searches, and the vectors of
    entries are its own. Other models may have vectors of the same contents.

    Equal vectors of a model and kind in one database are one vector, with one id. If no model is
    named, the serving model is meant. A caption that is longer than its model reads at once has a
    vector for each of its chunks. Where one vector is asked for, it is their mean, unit-norm.
    """

    def model(self) -> Model | None:
        """The model that serves; None while the store is bound to none."""

    def models(self) -> list[Model]:
        """Every model of the store, in the order of entry."""

    def claim(self, model: Model) -> None:
        """Bind an empty store to a model, or make sure that this one serves.

        Raises ModelMismatch, with the remedy, if another model serves.
        """

    def embeddings_of(
        self, kind: Kind, contents: Sequence[str], model: Model | None = None
    ) -> dict[str, NDArray[np.float16]]:
        """The vectors, float16 (dim,), that contents have already, by sha256."""

    def add_embeddings(
        self, kind: Kind, embeddings: Mapping[str, NDArray[np.float32]], model: Model
    ) -> None:
        """Add vectors of a model, float32 (dim,), by sha256; contents without an item are skipped.
        The model need not serve. Raises Unstorable.

        Awaits its caller, which re-embeds a collection under a second model; so do
        `contents_without` and `serve`.
        """

    def contents_without(self, kind: Kind, model: Model, limit: int, after: str = "") -> list[str]:
        """Up to `limit` contents of items above `after`, by rising sha256, that have no vector of
        a model."""

    def serve(self, model: Model) -> None:
        """Have a model serve from now on. Raises ModelMismatch if an item has no vector of it."""

    def vector_of(self, item_id: int) -> NDArray[np.float16]:
        """The item's vector, float16 (dim,). Raises NotFound."""

    def vectors_of(self, item_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """The items that are still there, in the given order, and their vectors: float16
        (n, dim)."""

    def last_change(self) -> int:
        """Number of the newest change of any vector, which rises with each; 0 at the beginning."""

    def changes(
        self, kind: Kind, after: int, until: int, model: Model | None = None
    ) -> tuple[list[int], list[int]]:
        """Ids of the added and of the removed vectors in (after, until], net of each other."""

    def embeddings(self, vector_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """The ids that are still there, and their vectors: float16 (n, dim)."""

    def all_embeddings(
        self, kind: Kind, chunk: int = 10_000, model: Model | None = None
    ) -> Iterator[tuple[list[int], NDArray[np.float16]]]:
        """Ids and float16 (n, dim) vectors of one kind by rising id, `chunk` at a time."""

    def items_of_vectors(
        self, vector_ids: Sequence[int], where: Where = EVERYTHING
    ) -> dict[int, list[Item]]:
        """The items that have each of these vectors and pass, by rising id; vectors without any
        are left out. A caption in chunks comes with the chunk of the vector, as its `chunk`; it
        comes for each of several equal chunks."""

    def images_of_vectors(
        self, vector_ids: Sequence[int], kind: Kind, where: Where = EVERYTHING
    ) -> dict[int, list[int]]:
        """Ids of the images that pass and carry each of these vectors, in any order; vectors
        without any are left out. kind: of the vectors; a caption's are its image's."""


class Index(Protocol):
    """The searched vectors of a kind, for measuring recall and speed."""

    @property
    def kind(self) -> Kind:
        """Of the vectors."""

    @property
    def in_use(self) -> SearchedBy:
        """How searches are answered today."""

    def __len__(self) -> int:
        """How many vectors there are."""

    def ids(self) -> NDArray[np.int64]:
        """Ids of all vectors, rising."""

    def exact(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The `count` nearest to a unit-norm float32 (dim,) query among all."""

    def approximate(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The same by the structure that answers if there are too many vectors for exact search."""


class Search(Protocol):
    """Finding items by a query vector."""

    def search(
        self,
        query: NDArray[np.float32],
        count: int,
        where: Where = EVERYTHING,
        *,
        kind: Kind,
        after: Place | None = None,
    ) -> Found:
        """The `count` items of a kind that pass and are nearest to the query, after a place.

        query: float32 (dim,), unit-norm, of the model that serves. The order does not depend on
        `count`, so that pages which begin where the last one ended neither overlap nor leave
        out an item. Cosines are rounded to 6 decimals, so that equal vectors tie in every store.
        The answer is as of the last change of any process. A caption in chunks comes once, ranked
        by its best chunk, which its `chunk` names. Raises QueryError where count is not positive.
        """

    def nearest_images(
        self, query: NDArray[np.float32], count: int, where: Where = EVERYTHING, *, by: Kind
    ) -> RankedImages:
        """The images that pass and are nearest to a query: up to `count` by their own vectors, or
        those of the `count` nearest captions, each by its best one.

        By their own vectors, the images are the first of `search`; fewer than `count` if more
        images tie with the last. The chunks of a few long captions leave room for the others.
        """

    def sample(self, kind: Kind, count: int) -> Embeddings:
        """Up to `count` vectors, float32 (n, dim), unit-norm, from all over the collection; the
        same ones until a vector changes."""

    def index(self, kind: Kind) -> Index | None:
        """The index of a kind, to be measured; missing parts are built in memory. None if there is
        no vector."""

    def index_sizes(self) -> dict[Kind, int]:
        """Vectors in each loaded index, as of its last use."""

    def publish(self, *, build: bool = True) -> None:
        """Save the indexes, which speed up searches and later starts. build: first build missing
        ones. No answer depends on them."""

    def rebuild(self) -> None:
        """Build all indexes anew from the vectors, and save them, and the index of words from the
        captions, tags and names."""


class WordIndex(Protocol):
    """Finding images by the words about them: captions, tags, and the names of the file and its
    folders. A change of these changes the index in the same transaction. The rule for words is
    `store.words.tokens`; English words match by their stems.
    """

    def match_words(
        self, text: str, count: int, where: Where = EVERYTHING, *, also: Sequence[int] = ()
    ) -> WordMatches:
        """The `count` images that pass and match words of a text best, and every image of `also`
        that matches one, whether it passes or not.

        The text has no syntax: every character is part of a word, or parts words. At most
        MOST_ASKED distinct words count. A last word that no image has stands for the words that
        begin with it. Of each word the first images by rising id are candidates. The candidates
        whose words weigh most together are ranked, at least LEAST_RANKED. Scores and limits are
        those of `store.words.bm25`. The answer is as of the last change of any process.
        """


class Store(
    Items, Fields, ItemWriter, Files, Vectors, Chunks, Search, WordIndex,
    Records, ImageHashes, AutomaticTags, Protocol,
):  # fmt: skip
    """The storage of one collection."""

    @property
    def name(self) -> str:
        """The store's name in errors: its folder, or its address."""

    @property
    def identity(self) -> str:
        """A random id given to the store when it was made; hex."""

    @property
    def blobs(self) -> Blobs:
        """The files that are the store's own."""

    @property
    def pieces(self) -> Pieces | None:
        """The work that several processes share; None for a store that one process fills."""

    def exclusive(
        self, purpose: Purpose, *, part: str = "", wait_s: float = 0
    ) -> AbstractContextManager[None]:
        """Hold this purpose alone for the block, among all threads and processes that have the
        store open. It is free again when the process dies, however it dies.

        part: narrows the purpose; holders of different parts need not wait for each other.
        Raises StoreBusy, which names the holder, after `wait_s` seconds.
        """

    def partially(self) -> AbstractContextManager[Mapping[str, None]]:
        """Within the block, this thread's reads answer although parts of the store are away. They
        then lack what is in these parts, whose titles are the keys."""

    def check(self) -> list[str]:
        """Check that the store is complete and sound. Returns the faults."""

    def troubles(self) -> list[Trouble]:
        """Check that the store can be read and written. Returns all faults."""

    def notes(self) -> tuple[str, ...]:
        """The known faults that matter to searches, without a new check."""

    def close(self) -> None:
        """Close everything; waits for a write in progress."""
