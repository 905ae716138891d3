"""The few small types that the whole program speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

# NumPy is named here and not imported: the command line needs these types before it computes.
Kind: TypeAlias = Literal["image", "caption"]
Embeddings: TypeAlias = "NDArray[np.float32]"
"""float32 (n, dim), each row unit-norm, so that a dot product is the cosine similarity."""

Pixels: TypeAlias = "NDArray[np.uint8]"
"""uint8 (height, width, 3), sRGB, of the size that the model takes; many: (n, height, width, 3)."""

Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom; parts of pixels

KINDS: tuple[Kind, ...] = ("image", "caption")


@dataclass(frozen=True, kw_only=True)
class HeaderFacts:
    """Facts about the taking of a picture from its header; None if unknown."""

    taken: str | None = None
    """Local time, ISO 8601: `2024-05-01T10:00:00`, or `2024-05-01T10:00:00.250`."""
    taken_offset: int | None = None
    """Minutes of that time east of UTC."""
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
class Item:
    """One row of the catalog: an image, or a caption."""

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
    width: int | None = None
    height: int | None = None
    """Pixels, upright."""
    bytes: int | None = None
    format: str | None = None
    mtime_ns: int | None = None
    """The file's modification time when it was indexed, in nanoseconds since 1970."""
    captions: tuple[str, ...] = ()
    """All captions of an image; filled where one item is read, not in lists."""


@dataclass(frozen=True)
class Hit:
    """One search result."""

    item: Item
    score: float
    """Cosine similarity of query and item, in [-1, 1]."""
    relevance: float
    """0 to 1: the score's distance from the query's background; see Background."""


@dataclass(frozen=True)
class SearchPage:
    """One page of hits, by falling score, ties by rising id."""

    hits: tuple[Hit, ...]
    next_cursor: str | None
    notes: tuple[str, ...]
    """Notes for the caller, such as on a query longer than the model's context."""


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
    name: str | None = None
    """Its name in errors instead of `query[i]`."""


@dataclass(frozen=True)
class Failure:
    """An input that could not be processed."""

    name: str
    error: str
    """Name of the error class: ImageError, UnsupportedFormat …"""
    message: str


class EncoderFacts(Protocol):
    """The facts of an encoder."""

    @property
    def name(self) -> str:
        """The model's id, as `--model` takes it."""

    @property
    def fingerprint(self) -> str:
        """Hex digest over weights, preprocessing, tokenizer and pooling."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    @property
    def logit_scale(self) -> float:
        """The factor of cosines before softmax or sigmoid (already exponentiated)."""

    @property
    def logit_bias(self) -> float | None:
        """Added after scaling by models trained with a sigmoid loss (SigLIP); else None."""

    @property
    def context_length(self) -> int:
        """Tokens of one text window, start and end tokens included."""

    @property
    def engine(self) -> str:
        """The engine that runs the model; all engines of a model give nearly the same vectors."""

    @property
    def decode_side(self) -> int:
        """Pixels that a picture's shorter side should keep if it is shrunk while decoding."""


class Encoder(EncoderFacts, Protocol):
    """Embeds images and texts in one vector space. Implementations are thread-safe."""

    def preprocess(self, image: Image.Image, box: Box | None = None) -> Pixels:
        """The model's preprocessing of an upright RGB image, or a box of it: (height, width, 3)."""

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        """uint8 (n, height, width, 3) from `preprocess` → float32 (n, dim), unit-norm."""

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm. A text longer than `context_length` is
        cut into windows at sentence borders, whose embeddings are averaged: nothing is dropped."""

    def split(self, text: str, most: int | None = None) -> Sequence[str]:
        """The first `most` windows of a text, all of them for None; of an ordinary text itself.
        Joined they give the text; `embed_texts` takes each as it is."""

    def count_windows(self, text: str) -> int:
        """How many windows `embed_texts` averages for this text; 1 for an ordinary one."""

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end tokens included."""


class WrappedEncoder:
    """An encoder that relays to another; subclasses override parts."""

    _encoder: Encoder

    @property
    def _facts(self) -> EncoderFacts:
        return self._encoder

    @property
    def name(self) -> str:
        """The model's id, as `--model` takes it."""
        return self._facts.name

    @property
    def fingerprint(self) -> str:
        """Hex digest over weights, preprocessing, tokenizer and pooling."""
        return self._facts.fingerprint

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._facts.dim

    @property
    def logit_scale(self) -> float:
        """The factor of cosines before softmax or sigmoid."""
        return self._facts.logit_scale

    @property
    def logit_bias(self) -> float | None:
        """Added after scaling by models trained with a sigmoid loss; else None."""
        return self._facts.logit_bias

    @property
    def context_length(self) -> int:
        """Tokens of one text window."""
        return self._facts.context_length

    @property
    def engine(self) -> str:
        """The engine that runs the model."""
        return self._facts.engine

    @property
    def decode_side(self) -> int:
        """Pixels that a picture's shorter side should keep if it is shrunk while decoding."""
        return self._facts.decode_side

    def preprocess(self, image: Image.Image, box: Box | None = None) -> Pixels:
        """RGB image → uint8 (height, width, 3), on the calling thread."""
        return self._encoder.preprocess(image, box)

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        """uint8 (n, height, width, 3) → float32 (n, dim), unit-norm."""
        return self._encoder.embed_preprocessed(pixels)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm."""
        return self._encoder.embed_texts(texts)

    def split(self, text: str, most: int | None = None) -> Sequence[str]:
        """The first `most` windows of a text, on the calling thread."""
        return self._encoder.split(text, most)

    def count_windows(self, text: str) -> int:
        """How many windows `embed_texts` averages for this text, on the calling thread."""
        return self._encoder.count_windows(text)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end tokens included, on the calling thread."""
        return self._encoder.count_tokens(text)
