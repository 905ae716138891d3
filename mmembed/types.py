"""The few small types that the whole program speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

# NumPy is named here and not imported: the command line needs these types before it computes.
Kind: TypeAlias = Literal["image", "caption"]
Embedding: TypeAlias = "NDArray[np.float32]"
"""float32 (dim,), unit-norm."""
Embeddings: TypeAlias = "NDArray[np.float32]"
"""float32 (n, dim), each row unit-norm, so that a dot product is the cosine similarity."""

Pixels: TypeAlias = "NDArray[np.uint8]"
"""uint8 (height, width, 3), sRGB, of the size that the model takes; many: (n, height, width, 3)."""

Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom; parts of pixels

Progress: TypeAlias = Callable[[int, int, int], None]
"""Called with the numbers of finished, all and failed files."""
Phase: TypeAlias = Callable[[str, int], None]
"""Called with the work besides the pictures, and the number of items found so far."""

KINDS: tuple[Kind, ...] = ("image", "caption")

Strategy: TypeAlias = Literal["sum", "best", "exclude"]
"""The rule by which the terms of a query order the items; see search.ordering."""
STRATEGIES: tuple[Strategy, ...] = ("sum", "best", "exclude")

DuplicateClass: TypeAlias = Literal["identical", "same_shot", "burst", "look_alike"]
"""Why pictures belong to one group of duplicates; see explore.duplicates."""
DUPLICATE_CLASSES: tuple[DuplicateClass, ...] = ("identical", "same_shot", "burst", "look_alike")

NEGATIVE_WEIGHT = -0.5
"""The weight of a negative term unless another is given."""


@dataclass(frozen=True, kw_only=True)
class HeaderFacts:
    """Facts about the taking of a picture from its header; None if unknown."""

    taken: str | None = None
    """Local time, ISO 8601: `2024-05-01T10:00:00`, or `2024-05-01T10:00:00.250`."""
    taken_offset: int | None = None
    """Minutes of that time east of UTC."""
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    """Degrees, north and east; both or neither."""


@dataclass(frozen=True)
class Picture:
    """A decoded image: upright, sRGB, first frame, fully loaded."""

    image: Image.Image
    """mode RGB, EXIF orientation already applied."""
    name: str
    """Its name in errors: a path, an upload's file name, `images[3]`."""
    format: str
    """The file's real format, as Pillow names it: JPEG, PNG, HEIF …"""
    frames: int
    """1 for a still picture; only the first frame is in `image`."""
    width: int
    height: int
    """Pixels of the file's picture, upright; `image` may have been shrunk while decoding."""
    box: Box
    """The box of the picture in `image`: after shrinking it may end within the last pixels."""
    header: HeaderFacts = HeaderFacts()
    held: object = field(default=None, repr=False, compare=False)
    """The picture's share of a budget of memory, for as long as it lives."""


@dataclass(frozen=True)
class ImageFacts:
    """Facts in an image file's header."""

    width: int
    height: int
    """Pixels, upright."""
    format: str
    """The second half of the media type: jpeg, png, heif …"""
    bit_depth: int
    """Bits of one pixel, as they are decoded: 24 for a colour JPEG."""


@dataclass(frozen=True)
class AutomaticTag:
    """A tag that a label set gave an item."""

    tag: str
    score: float
    """How sure the label set is; its maker defines the scale, such as a probability."""
    label_set: str


@dataclass(frozen=True)
class Item(HeaderFacts):
    """One row of the catalog: an image with its header's facts, or a caption."""

    id: int
    kind: Kind
    sha256: str
    """Of the image file's bytes, or of the caption's UTF-8 text; hex."""
    path: str | None = None
    """Absolute path of the image file; for a caption, of the image it describes."""
    caption: str | None = None
    """The caption's text; for an image, its first caption."""
    image_id: int | None = None
    """For a caption, the image it describes, if any."""
    tags: tuple[str, ...] = ()
    automatic_tags: tuple[AutomaticTag, ...] = ()
    """Of the tags, those that label sets alone gave, by falling score, then by tag."""
    width: int | None = None
    height: int | None = None
    """Pixels, upright."""
    bytes: int | None = None
    format: str | None = None
    mtime_ns: int | None = None
    """The file's modification time when it was indexed, in nanoseconds since 1970."""
    date: str | None = None
    """When it was taken, else when its file was changed: local time, ISO 8601, whole seconds."""
    added: int | None = None
    """When it came into the collection, in seconds since 1970."""
    meta: Mapping[str, object] | None = None
    """Further fields that a manifest gives it."""
    captions: tuple[str, ...] = ()
    """All captions of an image; filled where one item is read, not in lists."""
    chunk: tuple[int, int] | None = None
    """The characters of a long caption, first and after the last, which rank it in a search."""

    @property
    def moment(self) -> str | None:
        """`date` with parts of seconds and the offset from UTC, where they are known."""
        if self.taken is None or self.taken_offset is None:
            return self.taken or self.date
        hours, minutes = divmod(abs(self.taken_offset), 60)
        return f"{self.taken}{'-' if self.taken_offset < 0 else '+'}{hours:02}:{minutes:02}"

    @property
    def location(self) -> dict[str, float] | None:
        """Latitude and longitude in degrees by name, where they are known."""
        if self.latitude is None or self.longitude is None:
            return None
        return {"latitude": self.latitude, "longitude": self.longitude}


SearchMode: TypeAlias = Literal["hybrid", "picture", "words"]
"""By pictures, captions and words; by pictures alone; by words alone."""
MODES: tuple[SearchMode, ...] = ("hybrid", "picture", "words")
Finder: TypeAlias = Literal["picture", "caption", "words"]


@dataclass(frozen=True)
class Evidence:
    """One of the parts that found a hit."""

    by: Finder
    points: float
    """Above 0: what the part added to the value by which hits are ordered. Of a picture and a
    caption the weighted deviations above the usual cosine, of words up to 2."""
    words: tuple[str, ...] = ()
    """The words of the query that were found, without case and accents."""


Match: TypeAlias = Literal["yes", "unsure", "no"]


@dataclass(frozen=True)
class Hit:
    """One search result."""

    item: Item
    score: float
    """Cosine similarity of query and item, in [-1, 1]."""
    relevance: float
    """0 to 1: `fits`; without it, the score's distance from the query's background, see
    Background."""
    evidence: tuple[Evidence, ...] = ()
    """The parts that found it, by falling points."""
    fits: float | None = None
    """0 to 1, how well it fits the query: for words, the share of other texts that fit the picture
    less; for a picture, its likeness, see `search.likeness`. None where that is not known."""
    copies: int = 1
    """How many pictures it stands for where copies are collapsed, itself included."""


@dataclass(frozen=True)
class SearchPage:
    """One page of hits. By pictures alone, the score falls, and ties lie by rising id."""

    hits: tuple[Hit, ...]
    next_cursor: str | None
    notes: tuple[str, ...]
    """Notes for the caller, such as on a query longer than the model's context."""
    mode: SearchMode = "picture"
    """How the hits were found."""
    match: Match | None = None
    """Whether the collection holds what was asked for, judged by the first page. None where
    that cannot be said."""


@dataclass(frozen=True)
class Ranked:
    """The best vectors of a search, by falling score, ties by rising id."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    """Cosine similarity, rounded to 6 decimals so that equal vectors tie everywhere."""
    complete: bool
    """Whether this is all there is."""


@dataclass(frozen=True)
class Background:
    """The mean and spread of a query's scores over the collection. They define a hit's relevance,
    because cosines of different models and modalities are not comparable."""

    mean: float
    deviation: float

    def relevance(self, score: float) -> float:
        """Standard deviations above the mean, divided by five, clipped to [0, 1]."""
        if self.deviation <= 1e-6:
            return 1.0 if score >= self.mean else 0.0
        return min(1.0, max(0.0, (score - self.mean) / self.deviation / 5))


@dataclass(frozen=True)
class Label:
    """One label's answer for one image."""

    label: str
    probability: float
    score: float
    """Cosine similarity of image and label embedding, in [-1, 1]."""


@dataclass(frozen=True)
class Term:
    """One part of a query: exactly one of text, image (file bytes) and item (an id)."""

    text: str | None = None
    image: bytes | None = None
    item: int | None = None
    weight: float = 1.0
    """Relative to the other terms; a negative one leads away, see NEGATIVE_WEIGHT."""
    name: str | None = None
    """Its name in errors instead of `query[i]`."""


@dataclass(frozen=True)
class Failure:
    """An input that could not be processed."""

    name: str
    code: str
    """Of the error's class, see `errors.class_of`: ImageError, UnsupportedFormat …"""
    message: str
