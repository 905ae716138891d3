"""What every store does: the one interface through which the program reaches what is kept.

    Store = Items + Fields + ItemWriter + Files + Vectors + Search, with the Blobs beside them

Rows and their vectors are the truth. A change is durable when its method returns, and a method
that raises has changed nothing. Every method may be called from any thread, and by several
processes that have the same store open.

Any method raises StoreError where the store cannot be read or written; a method that writes raises
StoreBusy where another process has been writing for too long, StoreFull where there is no room,
and Unstorable where one entry is to blame and others could be stored. Further errors are named
where they are raised.

Ids of items and of vectors are positive integers that are never given again. A sha256 is the hash
of an image file's bytes or of a caption's UTF-8 text, in hex. A stored vector is float16 (dim,),
little-endian, finite and not zero, but of any length: `embeddings` of a model are compared by
cosine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from mmembed.store.entries import (
    CaptionEntry,
    FieldFacts,
    Found,
    ImageEntry,
    KeptOut,
    Known,
    Mark,
    Model,
    Place,
    Reading,
    Trouble,
    Upload,
    Words,
)
from mmembed.store.where import EVERYTHING, Where
from mmembed.types import Embeddings, Failure, Item, Kind, Ranked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Purpose: TypeAlias = Literal["indexing", "publishing", "uploading"]
"""What only one process does at a time: bring files in or take them out; save what speeds up
searches; write or delete an upload."""


class Items(Protocol):
    """Reading items: images and captions."""

    def count(self, kind: Kind | None = None, where: Where = EVERYTHING) -> int:
        """How many items pass, of one kind or of all."""

    def item(self, item_id: int) -> Item:
        """One item with all its captions. Raises NotFound."""

    def page(
        self, *, after: int, limit: int, kind: Kind | None, where: Where = EVERYTHING
    ) -> list[Item]:
        """Up to `limit` items that pass, with an id above `after`, by rising id."""

    def content(self, kind: Kind, sha256: str) -> Item | None:
        """Some item with this content, which therefore has a vector already; or None."""

    def contents_among(self, contents: Sequence[str]) -> set[str]:
        """The sha256 of these that some image has."""

    def paths_among(self, paths: Sequence[str]) -> set[str]:
        """The paths of these at which some image lies."""

    def images_below(self, path: str) -> dict[int, str]:
        """Paths by id of the images below a folder, and of the image at that very path."""

    def captions_of(self, image_ids: Sequence[int]) -> dict[int, list[str]]:
        """The captions of images by image id, in the order they were given; images without
        any are left out."""

    def words_of(self, image_ids: Sequence[int]) -> dict[int, Words]:
        """Captions and tags of images, by id, each with the sources that say it."""

    def described_by_files(self) -> set[int]:
        """Ids of the images of which some file says a caption or tag."""

    def tags(self) -> dict[str, int]:
        """Every tag with the number of items that carry it, by tag."""


class Fields(Protocol):
    """The fields by which items can be filtered."""

    def fields(self) -> list[FieldFacts]:
        """Every field with the number of items that have a value: those of every collection,
        then those of manifests by name."""

    def index_field(self, name: str) -> None:
        """Index a field of manifests, named without `meta.`: conditions on it then need not read
        every item. An index that is there stays. Raises LimitError for one too many."""

    def drop_field_index(self, name: str) -> None:
        """Drop the index of a field of manifests. Raises NotFound where it has none."""


class ItemWriter(Protocol):
    """Changing items. Each call is one transaction."""

    def write(self, entries: Sequence[ImageEntry], failures: Sequence[Failure] = ()) -> list[int]:
        """Add images, or replace what was known under their paths; returns their ids.

        Failures of the same batch are noted; a path that succeeds loses its old failure. Raises
        Unstorable for a vector that is not finite, is zero or has another length than the
        model's, and for an entry without one whose content has none.
        """

    def write_caption(self, entry: CaptionEntry, tags: Sequence[str] = ()) -> int:
        """Add a caption that belongs to no image; the same text keeps its id. Raises Unstorable."""

    def set_captions(self, image_id: int, captions: Sequence[CaptionEntry]) -> None:
        """Make these the image's captions, by hand; captions that stay keep their ids. Raises
        NotFound, Unstorable."""

    def set_tags(self, item_id: int, tags: Sequence[str]) -> None:
        """Make these the item's tags, by hand. Raises NotFound."""

    def describe(self, described: Sequence[tuple[int, Reading, Sequence[CaptionEntry]]]) -> None:
        """Bring the captions and tags of images up to what files say of them; entries are needed
        for the captions that are new. What was set by hand stays. An image that is gone is passed
        over."""

    def remove(self, item_ids: Sequence[int]) -> int:
        """Remove items, with the captions of removed images; returns how many were there. A full
        disk does not hinder it."""


class Files(Protocol):
    """What an indexing remembers of files, besides their items."""

    def known_files(self) -> dict[str, Known]:
        """Every indexed image file by path; uploads are not among them."""

    def move(self, moves: Sequence[tuple[int, str, int, Mark]]) -> None:
        """Images, by id, whose file lies at another path, or has another modification time in
        nanoseconds or another mark; the content stays."""

    def mark_files(self, marks: Sequence[tuple[int, Mark]]) -> None:
        """Remember the marks of images' files, by id, where nothing else of them is new."""

    def failures(self) -> list[Failure]:
        """What failed in the last indexing of each path, by path."""

    def forget_failures(self, gone: Callable[[str], bool]) -> None:
        """Drop the noted failures of paths for which `gone` is true."""

    def kept_out(self) -> dict[str, KeptOut]:
        """Files and folders that stay out of the collection, by path."""

    def keep_out(self, paths: Mapping[str, KeptOut]) -> None:
        """Have later indexings pass over files and folders, by path."""

    def let_in(self, paths: Sequence[str]) -> None:
        """Let later indexings take these files and folders again."""


class Vectors(Protocol):
    """The vectors, by content and model. One model serves: it answers searches, and the vectors
    of entries are its own. Others may have vectors of the same contents beside it.

    Equal vectors of a model and kind are one vector, with one id. Except where a model is named,
    the vectors are those of the model that serves.
    """

    def model(self) -> Model | None:
        """The model that serves; None while the store is bound to none."""

    def models(self) -> list[Model]:
        """Every model that the store knows, in the order in which they came."""

    def claim(self, model: Model) -> None:
        """Bind an empty store to a model, or make sure that this one serves.

        Raises ModelMismatch, with the remedy, where another does.
        """

    def embeddings_of(
        self, kind: Kind, contents: Sequence[str], model: Model | None = None
    ) -> dict[str, NDArray[np.float16]]:
        """The vectors, float16 (dim,), that contents have already, by sha256."""

    def add_embeddings(
        self, kind: Kind, embeddings: Mapping[str, NDArray[np.float32]], model: Model
    ) -> None:
        """Vectors of a model, float32 (dim,), by the sha256 of contents that items have; the
        others are passed over. The model need not serve. Raises Unstorable."""

    def contents_without(self, kind: Kind, model: Model, limit: int) -> list[str]:
        """Up to `limit` contents of items, by rising sha256, that have no vector of a model."""

    def serve(self, model: Model) -> None:
        """Have a model serve from now on. Raises ModelMismatch where some item has no vector
        of it."""

    def vector_of(self, item_id: int) -> NDArray[np.float16]:
        """The item's vector, float16 (dim,). Raises NotFound."""

    def last_change(self) -> int:
        """Number of the newest change of any vector, which rises with each; 0 at the beginning."""

    def changes(self, kind: Kind, after: int, until: int) -> tuple[list[int], list[int]]:
        """Ids of the vectors added and of those removed in (after, until], net of each other."""

    def embeddings(self, vector_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float16]]:
        """The ids of these that are still there, and their vectors: float16 (n, dim)."""

    def all_embeddings(
        self, kind: Kind, chunk: int = 10_000
    ) -> Iterator[tuple[list[int], NDArray[np.float16]]]:
        """Ids and float16 (n, dim) vectors of one kind by rising id, `chunk` at a time."""

    def items_of_vectors(
        self, vector_ids: Sequence[int], where: Where = EVERYTHING
    ) -> dict[int, list[Item]]:
        """The items that have each of these vectors and pass, by rising id; vectors without any
        are left out."""


class Index(Protocol):
    """The vectors of a kind as they are searched, for measuring how well."""

    @property
    def kind(self) -> Kind:
        """Of the vectors."""

    @property
    def in_use(self) -> Literal["exact", "hnsw"]:
        """How searches are answered today."""

    def __len__(self) -> int:
        """How many vectors there are."""

    def ids(self) -> NDArray[np.int64]:
        """Ids of all of them, rising."""

    def exact(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The `count` nearest to a unit-norm float32 (dim,) query among all."""

    def approximate(self, query: NDArray[np.float32], count: int) -> Ranked:
        """The same by the structure that answers where there are too many to compare with all."""


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
        out an item. As of the last change of any process. Raises QueryError where count is not
        positive.
        """

    def sample(self, kind: Kind, count: int) -> Embeddings:
        """Up to `count` vectors, float32 (n, dim), unit-norm, from all over the collection; the
        same ones until a vector changes."""

    def index(self, kind: Kind) -> Index | None:
        """How vectors of a kind are searched, to be measured; what is missing of it is built in
        memory. None where there is no vector."""

    def index_sizes(self) -> dict[Kind, int]:
        """Vectors in each index that is loaded, as of when it was last used."""

    def publish(self, *, build: bool = True) -> None:
        """Save what speeds up searches and later starts; build first what is missing of it,
        unless that is not wanted now. No answer depends on it."""

    def rebuild(self) -> None:
        """Make all of that anew from the vectors, and save it."""


class Blobs(Protocol):
    """Files that are the store's own: uploaded pictures, and a cache of small ones."""

    def keeping(self, sha256: str, suffix: str, data: bytes) -> AbstractContextManager[Upload]:
        """Keep an uploaded file durably, and let the block write its item: then both are there, or
        neither. suffix: `.png`. Raises StoreError."""

    def discarding(self, item: Item) -> AbstractContextManager[None]:
        """Delete the file of an upload with its item, which the block removes; where that fails,
        it stays. Raises NotFound where the item is gone, StoreError."""

    def is_upload(self, path: str | None) -> bool:
        """Whether an item's path is that of an upload in this store."""

    def local_path(self, path: str, sha256: str) -> str:
        """Where the file of an image item can be opened now: an upload may lie elsewhere than
        when it was written."""

    def thumbnail(self, sha256: str, size: int) -> bytes | None:
        """The WebP file of a content, `size` pixels on its longer side; None where it is not
        there, or damaged."""

    def has_thumbnail(self, sha256: str, size: int) -> bool:
        """Whether it is there, without a look into it."""

    def keep_thumbnail(self, sha256: str, size: int, content: bytes) -> None:
        """Put a WebP file into the cache. Where it cannot be written, nothing happens."""

    def forget_thumbnails(self, sha256: str) -> None:
        """Delete the WebP files of a content. Where that fails, nothing happens."""

    def collect(self) -> int:
        """Delete what nothing points to, and finish what was interrupted; returns how many files
        were deleted. Raises StoreError."""


class Store(Items, Fields, ItemWriter, Files, Vectors, Search, Protocol):
    """One collection, as it is kept."""

    @property
    def name(self) -> str:
        """What errors call the store: its folder, or its address."""

    @property
    def identity(self) -> str:
        """A random id given to the store when it was made; hex."""

    @property
    def blobs(self) -> Blobs:
        """The files that are the store's own."""

    def exclusive(
        self, purpose: Purpose, *, part: str = "", wait_s: float = 0
    ) -> AbstractContextManager[None]:
        """Be the only one with this purpose, of all threads and processes that have the store
        open, for the length of the block; free again when the process dies, however it dies.

        part: narrows the purpose; holders of different parts need not wait for each other.
        Raises StoreBusy, which names the holder, after `wait_s` seconds.
        """

    def check(self) -> list[str]:
        """Whether all is there and sound: an empty list, or what is wrong."""

    def troubles(self) -> list[Trouble]:
        """Look whether the store can be read and written: all that is wrong."""

    def notes(self) -> tuple[str, ...]:
        """What a user who searches should know of the store, without a new look."""

    def close(self) -> None:
        """Let go of all that is open; waits for a write in progress."""
