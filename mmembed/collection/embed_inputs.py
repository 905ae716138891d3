"""The one path from a request's inputs to embeddings: texts, images, or weighted parts of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from mmembed.collection.truncation import Truncate, fitted
from mmembed.errors import QueryError
from mmembed.item_failures import error_from, failure_of
from mmembed.models.encoder import Encoder, EncoderFacts
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.models.text_reading import WindowedText, read
from mmembed.search.mixing import SMALLEST_NORM, mixed
from mmembed.types import Embedding, Failure


@dataclass(frozen=True)
class Part:
    """Exactly one of a text and an image."""

    name: str
    """As the caller knows it: `input[3]`, `inputs[2].content[1]`."""
    text: str | None = None
    image: str | bytes | None = None
    """The file's bytes; before they are read a data URI, base64 or an address."""
    weight: float = 1.0
    guessed: bool = False
    """Whether the caller did not say that it is an image."""


@dataclass(frozen=True)
class Input:
    """The parts of one embedding; several parts give the direction of their weighted mean."""

    name: str
    parts: tuple[Part, ...]


Read: TypeAlias = Input | Failure


@dataclass(frozen=True)
class Wishes:
    """The options of a request for all its inputs."""

    dimensions: int | None = None
    allow_untrained_dimensions: bool = False
    truncate: Truncate | None = None
    """None: the windows of a long text are averaged, and nothing is dropped."""
    item_errors: bool = False
    """Whether a bad input fails alone, rather than the request."""


@dataclass(frozen=True)
class Embedded:
    """An embedding per input, or its failure."""

    rows: tuple[Embedding | Failure, ...]
    """float32 (dim,), unit-norm."""
    tokens: int
    """Of all texts that were embedded, start and end tokens included."""
    images: tuple[bytes, ...]
    """The files of the images that were embedded, in their order."""
    notes: tuple[str, ...]
    """Notes for the caller on the embeddings."""


@dataclass(frozen=True)
class _Measured:
    """One part's embedding, or its failure."""

    row: Embedding | Failure
    tokens: int = 0
    """Of a text, start and end tokens included."""
    note: str | None = None
    """A note on a text that was averaged from several windows."""


def embed_inputs(embedder: Embedder, inputs: Sequence[Read], wishes: Wishes) -> Embedded:
    """All inputs' embeddings; all texts go to the model together, and so do all images.

    The images of the inputs are bytes. Raises LimitError for too much text, and QueryError for
    dimensions that the model lacks. Without `item_errors`, it also raises the error of the first
    bad input.
    """
    notes = _check_dimensions(embedder.facts, wishes)
    encoder = embedder.encoder
    ready = _all_read(inputs, embedder, wishes)
    parts = parts_of(ready)
    measured = [
        _measured(part, row, encoder)
        for part, row in zip(parts, _embed_parts(embedder, parts), strict=True)
    ]
    unused = iter(measured)
    rows = [
        item
        if isinstance(item, Failure)
        else _combined(item, [next(unused).row for _ in item.parts], wishes.dimensions)
        for item in ready
    ]
    _check_failures(rows, wishes)
    return Embedded(
        tuple(rows),
        tokens=sum(part.tokens for part in measured),
        images=_files(ready, rows),
        notes=(*notes, *(part.note for part in measured if part.note)),
    )


def parts_of(inputs: Sequence[Read]) -> list[Part]:
    """The parts of all inputs that could be read, in their order."""
    return [part for item in inputs if isinstance(item, Input) for part in item.parts]


def cut(row: Embedding, dimensions: int | None) -> Embedding:
    """The first numbers of a vector, normalised again."""
    if dimensions in (None, len(row)):
        return row
    first = row[:dimensions]
    return np.asarray(first / max(float(np.linalg.norm(first)), SMALLEST_NORM), np.float32)


def _check_dimensions(facts: EncoderFacts, wishes: Wishes) -> list[str]:
    """Notes on options that are not advised. Raises QueryError."""
    wished = wishes.dimensions
    if wished in (None, facts.dim):
        return []
    if wished > facts.dim:
        message = f"{wished} dimensions were asked for, {facts.name} has {facts.dim}"
        raise QueryError(message, param="dimensions")
    if not wishes.allow_untrained_dimensions:
        raise QueryError(
            f"{facts.name} has {facts.dim} dimensions and was not trained to be cut to "
            f"{wished}; leave it at {facts.dim}, or send "
            '"allow_untrained_dimensions": true and check the results',
            param="dimensions",
        )
    return [
        f"Vectors are the first {wished} of {facts.dim} numbers of {facts.name}, which was not "
        "trained for that: they tell things apart less well."
    ]


def _fitted(item: Read, truncate: Truncate | None, encoder: Encoder) -> Read:
    """The input with texts that one window holds, where the request wants them cut."""
    if isinstance(item, Failure) or truncate is None:
        return item
    parts = []
    for part in item.parts:
        try:
            if part.text is not None:
                part = replace(part, text=fitted(part.text, part.name, truncate, encoder))
        except BaseException as error:
            return failure_of(part.name, error)
        parts.append(part)
    return replace(item, parts=tuple(parts))


def _all_read(inputs: Sequence[Read], embedder: Embedder, wishes: Wishes) -> list[Read]:
    """The inputs with their texts fitted, or cut into windows, or why they cannot be. Raises
    LimitError as soon as all together have too many, and the first failure, unless each is to
    stand in its place: no further text is read then."""
    ready: list[Read] = []
    windows = 0
    for item in inputs:
        read_one = _with_windows(_fitted(item, wishes.truncate, embedder.encoder), embedder)
        _check_failures([read_one], wishes)
        ready.append(read_one)
        texts = [part.text for part in parts_of([read_one])]
        windows += sum(len(text.windows) for text in texts if isinstance(text, WindowedText))
        embedder.text_limits.check_windows(windows, embedder.facts.context_length)
    return ready


def _with_windows(item: Read, embedder: Embedder) -> Read:
    if isinstance(item, Failure):
        return item
    parts = []
    for part in item.parts:
        try:
            texts = [] if part.text is None else [part.text]
            readings = read(embedder.encoder, texts, embedder.text_limits)
        except BaseException as error:
            return failure_of(part.name, error)
        long = [text for text in readings if len(text.windows) > 1]
        parts.append(replace(part, text=long[0]) if long else part)
    return replace(item, parts=tuple(parts))


def _embed_parts(embedder: Embedder, parts: Sequence[Part]) -> list[Embedding | Failure]:
    texts = [(part.name, part.text) for part in parts if part.text is not None]
    images = [
        ImageInput(part.name, data=part.image) for part in parts if isinstance(part.image, bytes)
    ]
    of_texts = iter(embedder.texts([name for name, _ in texts], [text for _, text in texts]))
    of_images = iter(embedder.images(images))
    return [next(of_images) if part.text is None else next(of_texts) for part in parts]


def _combined(
    item: Input, rows: Sequence[Embedding | Failure], dimensions: int | None
) -> Embedding | Failure:
    good = [row for row in rows if not isinstance(row, Failure)]
    if len(good) < len(rows):
        return next(row for row in rows if isinstance(row, Failure))
    try:
        if len(good) == 1:
            return cut(good[0], dimensions)
        mean = mixed(good, [part.weight for part in item.parts])
        if mean is None:
            message = f"{item.name}: its parts cancel out; change their weights"
            raise QueryError(message, param=item.name)
        return cut(mean, dimensions)
    except BaseException as error:
        return failure_of(item.name, error)


def _check_failures(rows: Sequence[object], wishes: Wishes) -> None:
    """Raises the first failure, unless each is to stand in its place."""
    first = next((row for row in rows if isinstance(row, Failure)), None)
    if first is not None and not wishes.item_errors:
        raise error_from(first)


def _files(inputs: Sequence[Read], rows: Sequence[Embedding | Failure]) -> tuple[bytes, ...]:
    pairs = zip(inputs, rows, strict=True)
    embedded = [item for item, row in pairs if not isinstance(row, Failure)]
    return tuple(part.image for part in parts_of(embedded) if isinstance(part.image, bytes))


def _measured(part: Part, row: Embedding | Failure, encoder: Encoder) -> _Measured:
    """A part's embedding or error, with its tokens and note."""
    if part.text is None or isinstance(row, Failure):
        return _Measured(row)
    try:
        tokens, note = encoder.count_tokens(part.text), None
        length = encoder.facts.context_length
        if tokens > length:
            note = (
                f"{part.name}: longer than the {length} tokens that the model "
                "reads at once: its embedding averages its "
                f"{encoder.count_windows(part.text)} parts."
            )
    except BaseException as error:
        return _Measured(failure_of(part.name, error))
    return _Measured(row, tokens, note)
