"""The one path from inputs to embeddings, for every dialect."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from fastapi import Request

from mmembed.collection.collection import Collection, Embedder, ImageFacts, ImageInput
from mmembed.errors import ImageError, LimitError, QueryError
from mmembed.item_failures import failure_of
from mmembed.models.text_reading import Reading, read
from mmembed.server.dialects.inputs import Input, Part, Read
from mmembed.server.dialects.requests import Errors, Truncate, Wished
from mmembed.server.dialects.truncation import fitted
from mmembed.server.dialects.vectors import Vector, cut, weighted_mean
from mmembed.server.error_answers import failed
from mmembed.server.request_bodies import check_all_chars, check_count, check_text, image_bytes
from mmembed.types import Encoder, Failure

log = logging.getLogger(__name__)

HEADER = "X-Mmembed-Errors"
"""`item` for an error in the place of each bad item, if the body has no field for it."""

NO_FACTS = ImageFacts(0, 0, "unknown", 0)
AS_WORDS = (
    "A data URI or an address alone counts as an image; send modality: text, or an object with "
    "text, to embed the words of an address"
)
ADDRESSES_AT_ONCE = 8
"""Addresses of one request that are waited for together."""


@dataclass(frozen=True)
class Wishes:
    """Options of a request for all its inputs."""

    dimensions: int | None = None
    allow_untrained_dimensions: bool = False
    truncate: Truncate | None = None
    """None: the windows of a long text are averaged, and nothing is dropped."""
    item_errors: bool = False
    """Whether a bad input fails alone, rather than the request."""

    @classmethod
    def of(
        cls, request: Request, asked: Wished, *, dimensions: int | None, truncate: Truncate | None
    ) -> Wishes:
        """The options in a request's body and headers. Raises QueryError."""
        item_errors = _wants_item_errors(request, asked.errors)
        return cls(dimensions, asked.allow_untrained_dimensions, truncate, item_errors)


@dataclass(frozen=True)
class Embedded:
    """An embedding or an error for each input."""

    rows: tuple[Vector | Failure, ...]
    """float32 (dim,), unit-norm."""
    tokens: int
    """Of all texts that were embedded, start and end tokens included."""
    images: tuple[bytes, ...]
    """The files of the images that were embedded, in their order."""
    notes: tuple[str, ...]
    """Notes for the caller about the embeddings."""


@dataclass(frozen=True)
class _Measured:
    """The embedding or the error of one part."""

    row: Vector | Failure
    tokens: int = 0
    """Of a text, start and end tokens included."""
    note: str | None = None
    """The note on a text that was averaged from several windows."""


def _wants_item_errors(request: Request, field: Errors | None) -> bool:
    """The body's field, or else the header. Raises QueryError for an unknown value of the
    header."""
    asked = field or request.headers.get(HEADER, "all").lower()
    if asked not in ("all", "item"):
        raise QueryError(f"{HEADER}: expected all or item", param=HEADER)
    return asked == "item"


def embed(
    collection: Collection, embedder: Embedder, inputs: Sequence[Read], wishes: Wishes
) -> Embedded:
    """All inputs' embeddings; all texts go to the model together, and so do all images.

    Raises LimitError for too many parts, and QueryError for dimensions that the model lacks.
    Without `item_errors`, it also raises the error of the first bad input.
    """
    settings = collection.settings
    check_count("inputs", len(_parts(inputs)), settings.max_items, "max_items")
    check_all_chars((part.text for part in _parts(inputs) if part.text is not None), settings)
    encoder = embedder.encoder
    notes = _check_dimensions(encoder, wishes)
    ready = _all_prepared(inputs, lambda one: _prepared(one, wishes.truncate, encoder, collection))
    _check_failures(ready, wishes)
    ready = _all_read(ready, embedder)
    _check_failures(ready, wishes)
    parts = _parts(ready)
    measured = [
        _measured(part, row, encoder)
        for part, row in zip(parts, _embed_parts(embedder, parts), strict=True)
    ]
    found = iter(measured)
    rows = [
        one
        if isinstance(one, Failure)
        else _combined(one, [next(found).row for _ in one.parts], wishes.dimensions)
        for one in ready
    ]
    _check_failures(rows, wishes)
    return Embedded(
        tuple(rows),
        tokens=sum(one.tokens for one in measured),
        images=_files(ready, rows),
        notes=(*notes, *(one.note for one in measured if one.note)),
    )


def facts_of(collection: Collection, embedded: Embedded) -> list[ImageFacts]:
    """Facts of all embedded images, in their order; zeros for an image whose header cannot be
    read."""
    return [_facts(collection, data) for data in embedded.images]


def _facts(collection: Collection, data: bytes) -> ImageFacts:
    try:
        return collection.image_facts(data)
    except Exception:  # it was embedded all the same
        log.exception("the header of an image that was embedded cannot be read")
        return NO_FACTS


def _check_dimensions(encoder: Encoder, wishes: Wishes) -> list[str]:
    """Notes on options that are not advised. Raises QueryError."""
    asked = wishes.dimensions
    if asked in (None, encoder.dim):
        return []
    if asked > encoder.dim:
        message = f"{asked} dimensions were asked for, {encoder.name} has {encoder.dim}"
        raise QueryError(message, param="dimensions")
    if not wishes.allow_untrained_dimensions:
        raise QueryError(
            f"{encoder.name} has {encoder.dim} dimensions and was not trained to be cut to "
            f"{asked}; leave it at {encoder.dim}, or send "
            '"allow_untrained_dimensions": true and check the results',
            param="dimensions",
        )
    return [
        f"Vectors are the first {asked} of {encoder.dim} numbers of {encoder.name}, which was not "
        "trained for that: they tell things apart less well."
    ]


def _all_prepared(inputs: Sequence[Read], prepare: Callable[[Read], Read]) -> list[Read]:
    """In threads if the request waits for images; otherwise threads would only cost time."""
    if sum(_is_address(part) for part in _parts(inputs)) < 2:
        return [prepare(one) for one in inputs]
    with ThreadPoolExecutor(ADDRESSES_AT_ONCE, "fetch") as threads:
        return list(threads.map(prepare, inputs))


def _is_address(part: Part) -> bool:
    return isinstance(part.image, str) and "://" in part.image[:12]


def _prepared(
    one: Read, truncate: Truncate | None, encoder: Encoder, collection: Collection
) -> Read:
    """The input with checked texts and the bytes of its images, or its error."""
    if isinstance(one, Failure):
        return one
    parts = []
    for part in one.parts:
        try:
            parts.append(_ready(part, truncate, encoder, collection))
        except BaseException as error:
            return failure_of(part.name, error)
    return replace(one, parts=tuple(parts))


def _ready(part: Part, truncate: Truncate | None, encoder: Encoder, collection: Collection) -> Part:
    if part.text is None:
        if not isinstance(part.image, str):
            return part
        return replace(part, image=_image(part, part.image, collection))
    check_text(part.name, part.text, collection.settings.max_text_chars)
    if not part.text.strip():
        raise QueryError(f"{part.name}: the text is empty", param=part.name)
    if truncate is None:
        return part
    return replace(part, text=fitted(part.text, part.name, truncate, encoder))


def _image(part: Part, given: str, collection: Collection) -> bytes:
    try:
        return image_bytes(given, part.name, collection)
    except ImageError as error:
        if not part.guessed:
            raise
        raise ImageError(part.name, f"{error.reason}. {AS_WORDS}") from None


def _all_read(inputs: Sequence[Read], embedder: Embedder) -> list[Read]:
    """The inputs with their long texts cut into windows, or their errors. Raises LimitError as soon
    as all together have too many windows."""
    found: list[Read] = []
    windows = 0
    for one in inputs:
        read_one = _with_windows(one, embedder)
        found.append(read_one)
        texts = [part.text for part in _parts([read_one])]
        windows += sum(len(text.windows) for text in texts if isinstance(text, Reading))
        embedder.text_limits.check_windows(windows, embedder.encoder.context_length)
    return found


def _with_windows(one: Read, embedder: Embedder) -> Read:
    if isinstance(one, Failure):
        return one
    parts = []
    for part in one.parts:
        try:
            texts = [] if part.text is None else [part.text]
            readings = read(embedder.encoder, texts, embedder.text_limits)
        except LimitError as error:
            return Failure(part.name, type(error).__name__, f"{part.name}: {error}")
        long = [text for text in readings if len(text.windows) > 1]
        parts.append(replace(part, text=long[0]) if long else part)
    return replace(one, parts=tuple(parts))


def _embed_parts(embedder: Embedder, parts: Sequence[Part]) -> list[Vector | Failure]:
    texts = [(part.name, part.text) for part in parts if part.text is not None]
    images = [
        ImageInput(part.name, data=part.image) for part in parts if isinstance(part.image, bytes)
    ]
    of_texts = iter(embedder.texts([name for name, _ in texts], [text for _, text in texts]))
    of_images = iter(embedder.images(images))
    return [next(of_images) if part.text is None else next(of_texts) for part in parts]


def _combined(
    one: Input, rows: Sequence[Vector | Failure], dimensions: int | None
) -> Vector | Failure:
    good = [row for row in rows if not isinstance(row, Failure)]
    if len(good) < len(rows):
        return next(row for row in rows if isinstance(row, Failure))
    try:
        if len(good) == 1:
            return cut(good[0], dimensions)
        mean = weighted_mean(good, [part.weight for part in one.parts], one.name)
        return cut(mean, dimensions)
    except BaseException as error:
        return failure_of(one.name, error)


def _check_failures(found: Sequence[object], wishes: Wishes) -> None:
    """Raises the first failure, unless each is to stand in its place."""
    first = next((one for one in found if isinstance(one, Failure)), None)
    if first is not None and not wishes.item_errors:
        raise failed(first)


def _files(inputs: Sequence[Read], rows: Sequence[Vector | Failure]) -> tuple[bytes, ...]:
    pairs = zip(inputs, rows, strict=True)
    embedded = [one for one, row in pairs if not isinstance(row, Failure)]
    return tuple(part.image for part in _parts(embedded) if isinstance(part.image, bytes))


def _parts(inputs: Sequence[Read]) -> list[Part]:
    return [part for one in inputs if isinstance(one, Input) for part in one.parts]


def _measured(part: Part, row: Vector | Failure, encoder: Encoder) -> _Measured:
    """A part's embedding or error, with its tokens and note."""
    if part.text is None or isinstance(row, Failure):
        return _Measured(row)
    try:
        tokens, note = encoder.count_tokens(part.text), None
        if tokens > encoder.context_length:
            note = (
                f"{part.name}: longer than the {encoder.context_length} tokens that the model "
                "reads at once: its embedding averages its "
                f"{encoder.count_windows(part.text)} parts."
            )
    except BaseException as error:
        return _Measured(failure_of(part.name, error))
    return _Measured(row, tokens, note)
