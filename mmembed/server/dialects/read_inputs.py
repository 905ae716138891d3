"""The inputs to embed, in any dialect: texts, images, or weighted parts of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from mmembed.collection.embed_inputs import Input, Part, Read
from mmembed.errors import MmembedError, QueryError
from mmembed.item_failures import failure_of
from mmembed.server.dialects.input_shapes import ItemShape, MessageShape, PartShape
from mmembed.server.error_answers import SAID, place
from mmembed.server.request_bodies import check_count, means_image
from mmembed.types import Failure

IMAGE_FIELDS = ("image", "image_url", "image_base64", "url", "bytes")


def text_input(text: str, name: str) -> Input:
    """A text alone."""
    return Input(name, (Part(name, text=text),))


def image_input(image: str | bytes, name: str) -> Input:
    """An image alone."""
    return Input(name, (Part(name, image=image),))


def bare_input(text: str, name: str) -> Input:
    """A text of unknown type: an image if it is a data URI or an address."""
    if means_image(text):
        return Input(name, (Part(name, image=text, guessed=True),))
    return text_input(text, name)


def read_each(
    values: Sequence[Any], field: str, read: Callable[[Any, str], Input], limit: int
) -> list[Read]:
    """An input or an error for every item of a field. Raises LimitError for more items than
    `limit`, QueryError for an empty field."""
    if not values:
        raise QueryError(f"{field}: there is none", param=field)
    check_count("inputs", len(values), limit, "max_items")
    return [_tried(value, f"{field}[{index}]", read) for index, value in enumerate(values)]


def read_item(value: Any, name: str) -> Input:
    """A text, an object or a list of parts as an input. Raises QueryError."""
    if isinstance(value, str):
        return bare_input(value, name)
    shape = _shaped({"content": value} if isinstance(value, list) else value, name)
    parts = _parts(shape, name)
    if shape.content is not None:
        parts += _content(shape.content, name)
    if not parts:
        raise _unknown(name, shape)
    return Input(name, tuple(parts))


def read_messages(messages: Sequence[MessageShape]) -> Input:
    """All messages as one input; blank texts, which some clients add, are skipped. Raises
    QueryError."""
    parts = [
        part
        for index, message in enumerate(messages)
        for part in _content(message.content, f"messages[{index}]")
        if part.text is None or part.text.strip()
    ]
    if not parts:
        raise QueryError("messages: there is neither a text nor an image", param="messages")
    return Input("messages", tuple(parts))


def _tried(value: Any, name: str, read: Callable[[Any, str], Input]) -> Read:
    try:
        return read(value, name)
    except MmembedError as error:
        return Failure(error.param or name, error.code, str(error))
    except BaseException as error:
        return failure_of(name, error)


def _shaped(value: Any, name: str) -> ItemShape:
    try:
        return ItemShape.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = place((name, *first["loc"]))
        message = f"{where}: {SAID.get(first['type'], first['msg'])}"
        raise QueryError(message, param=where) from None


def _content(parts: Iterable[PartShape], name: str) -> list[Part]:
    inputs = []
    for index, shape in enumerate(parts):
        called = f"{name}.content[{index}]"
        read = _parts(shape, called)
        if not read:
            raise _unknown(called, shape)
        inputs += read
    return inputs


def _parts(shape: PartShape, name: str) -> list[Part]:
    images = [getattr(shape, field) for field in IMAGE_FIELDS]
    parts = [Part(name, image=image, weight=shape.weight) for image in images if image is not None]
    if shape.text is not None:
        parts.insert(0, Part(name, text=shape.text, weight=shape.weight))
    return parts


def _unknown(name: str, shape: PartShape) -> QueryError:
    kind = "" if shape.type in (None, "text", "image_url") else f"{shape.type!r}: "
    known = ", ".join(("text", *IMAGE_FIELDS))
    return QueryError(f"{name}: {kind}there is neither a text nor an image ({known})", param=name)
