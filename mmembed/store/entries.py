"""The plain data that goes into a store and comes out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mmembed.store.chunks import Chunk
from mmembed.types import HeaderFacts, Item

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# -- numbers -------------------------------------------------------------------------

LARGEST = 2**63 - 1
"""The largest integer that every store can hold."""

Mark: TypeAlias = tuple[int, int, int]
"""Device, inode and time of the last change of a file's state, in nanoseconds; each as a signed
64-bit number."""
Hashes: TypeAlias = bytes
"""Perceptual hashes of a picture, in a layout that their maker defines."""


def storable(number: int) -> int:
    """The number, or the nearest that a store can hold: files claim any time."""
    return max(-LARGEST - 1, min(LARGEST, number))


def signed(number: int) -> int:
    """A number of 64 bits without a sign, such as an inode, as one with a sign."""
    return (number + LARGEST + 1) % (2 * LARGEST + 2) - LARGEST - 1


# -- captions and tags, and where each was said ----------------------------------------

BY_HAND = ""
"""The source of a text that was set over the API: no file takes it away."""

Said: TypeAlias = Mapping[str, AbstractSet[str]]
"""Captions or tags of one image, in order, each with the sources that say it; with none where
that was not noted."""


@dataclass(frozen=True)
class Words:
    """The captions and tags of one image."""

    captions: Said = field(default_factory=dict)
    tags: Said = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    """Further fields of manifests: a JSON object as text, by the source that says it."""

    def __bool__(self) -> bool:
        return bool(self.captions or self.tags or self.fields)


@dataclass(frozen=True)
class Reading:
    """The captions and tags of an image in the files that were read."""

    words: Words
    current: Callable[[str], bool]
    """Whether a source was read whole, or is gone: texts that it no longer has are removed."""

    def after(self, before: Words) -> Words:
        """The words of an image that had these words before."""
        return Words(
            self._after(before.captions, self.words.captions),
            self._after(before.tags, self.words.tags),
            self._fields_after(before.fields),
        )

    def _fields_after(self, before: Mapping[str, str]) -> Mapping[str, str]:
        stay = {source: said for source, said in before.items() if not self.current(source)}
        return {**stay, **self.words.fields}

    def _after(self, before: Said, now: Said) -> Said:
        """The present texts come first, unless none of them is new: then the order stays."""
        said: dict[str, AbstractSet[str]] = {
            text: sources | self._stay(before.get(text, set())) for text, sources in now.items()
        }
        for text, sources in before.items():
            left = self._stay(sources)
            if text not in said and (left or not sources):
                said[text] = left
        if [text for text in before if text in now] == list(now):
            return {text: said[text] for text in before if text in said}
        return said

    def _stay(self, sources: AbstractSet[str]) -> AbstractSet[str]:
        return {source for source in sources if source == BY_HAND or not self.current(source)}


def by_hand(texts: Sequence[str]) -> Said:
    """Captions or tags that no file says."""
    return {text: {BY_HAND} for text in texts}


def same(words: Words, others: Words) -> bool:
    """Whether two images have the same words from the same sources; captions in the same order."""
    return (
        words.tags == others.tags
        and words.fields == others.fields
        and words.captions == others.captions
        and list(words.captions) == list(others.captions)
    )


# -- what is written -------------------------------------------------------------------


@dataclass(frozen=True)
class CaptionEntry:
    """A caption to write; without an embedding and chunks where its text has vectors already."""

    text: str
    embedding: NDArray[np.float32] | None
    """float32 (dim,), of any length but zero; None of a caption in chunks."""
    chunks: tuple[Chunk, ...] = ()
    """Of a long caption: its whole text, chunk after chunk."""
    added: int | None = None
    """When a new caption came into its first collection, in seconds since 1970; None for now."""

    @property
    def sha256(self) -> str:
        """Identity of the caption: of its UTF-8 text, hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class ImageEntry:
    """An image to write; without an embedding where its content has a vector already."""

    path: str
    sha256: str
    embedding: NDArray[np.float32] | None
    """float32 (dim,), of any length but zero."""
    width: int
    height: int
    bytes: int
    format: str
    mtime_ns: int
    header: HeaderFacts | None = None
    """None where it was not read."""
    header_read: int = 0
    """The version of the header's reader, which differs if it leaves places out."""
    captions: tuple[CaptionEntry, ...] = ()
    tags: tuple[str, ...] = ()
    reading: Reading | None = None
    """The files of the captions and tags; None for captions and tags that were set by hand."""
    mark: Mark | None = None
    """The mark of the file; None for a file of our own."""
    added: int | None = None
    """When a new image came into its first collection, in seconds since 1970; None for now."""
    hashes: Hashes | None = None
    """None leaves those that its content has."""


# -- what is read ----------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """An encoder that made vectors of a store."""

    name: str
    fingerprint: str
    """Hex digest over weights, preprocessing, tokenizer and pooling; it identifies the model."""
    dim: int
    """Length of its vectors."""


@dataclass(frozen=True)
class FieldFacts:
    """Facts of a field by which items can be filtered."""

    name: str
    """As filters spell it: `camera`, `meta.author`."""
    type: str
    """text, number or date; of a manifest's field all types that its values have, such as
    `number, text`."""
    items: int
    """How many items have a value."""
    examples: tuple[str, ...] = ()
    """A few values of a manifest's field."""
    indexed: bool = False
    """Whether a manifest's field has an index."""


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of an image file by which a store tells whether it changed."""

    id: int
    sha256: str
    bytes: int
    mtime_ns: int
    mark: Mark | None = None
    """The state of the file; None if it was not noted."""


class ImageFile(NamedTuple):
    """The file of an image: its item, its path as it was written, and its content."""

    item_id: int
    path: str
    sha256: str


class KeptOut(NamedTuple):
    """A file or folder that stays out of the collection."""

    sha256: str | None
    """Of a file."""
    device: int | None = None
    """On which a file was, where that was noted; as in a Mark."""


@dataclass(frozen=True)
class Place:
    """Where a page of results ended."""

    score: float
    """Of the page's last item."""
    item_id: int
    """The page's last item."""
    seen: int
    """The number of items up to here; a hint, which may save the store work."""
    newest: int = LARGEST
    """The largest id of an item when the first page was made; later items come on no page."""

    def precedes(self, score: float, item_id: int) -> bool:
        """Whether an item comes after this place in the order of results."""
        return item_id <= self.newest and (-self.score, self.item_id) < (-score, item_id)


@dataclass(frozen=True)
class Found:
    """Items with their cosines in [-1, 1], by falling cosine, ties by rising id."""

    hits: tuple[tuple[Item, float], ...]
    complete: bool
    """Whether no item comes after these."""


@dataclass(frozen=True)
class RankedImages:
    """Images by falling cosine, ties by rising id."""

    item_ids: NDArray[np.int64]
    """(n,), each once."""
    cosines: NDArray[np.float64]
    """(n,), rounded to 6 decimals."""
    complete: bool
    """Whether no image comes after these."""


@dataclass(frozen=True)
class WordMatches:
    """Images whose words match a query, by falling score, ties by rising id."""

    item_ids: NDArray[np.int64]
    """(n,)"""
    scores: NDArray[np.float64]
    """(n,), BM25, above 0."""
    words: tuple[tuple[str, ...], ...]
    """Of each image, the words of the query that it has, as the query spells them but without
    case and accents."""
    attainable: float
    """The score of an image of the usual length that has every word of the query once; 0 if the
    query has no word."""
    complete: bool
    """Whether no other image matches."""
    asked: tuple[str, ...] = ()
    """The distinct words of the query, spelt as in `words`."""
    weights: tuple[float, ...] = ()
    """How rare each of them is: `store.words.bm25.idf`."""
    is_prefix: bool = False
    """Whether the last of them stands for all words that begin with it."""


@dataclass(frozen=True)
class Trouble:
    """A condition that keeps a store from answering or keeping."""

    code: str
    """moved, damaged, full, unwritable, write_failed, unreadable, read_only, views_failed,
    blobs_away, shard_away."""
    message: str
