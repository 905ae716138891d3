"""Request bodies: JSON or multipart into the shapes, base64 into bytes."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TypeVar

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from mmembed.collection import Collection
from mmembed.config import PREFIX
from mmembed.errors import ImageError, LimitError, NotFound, QueryError
from mmembed.server.schemas import Shape

AnyShape = TypeVar("AnyShape", bound=Shape)

_DATA_URI = re.compile(r"data:[^,]*?(;base64)?,", re.ASCII)


def collection_of(request: Request) -> Collection:
    """The collection that this server serves."""
    served: Collection = request.app.state.collection
    return served


async def read_json(request: Request, shape: type[AnyShape]) -> AnyShape:
    """The body as a shape. Raises QueryError, or pydantic's ValidationError."""
    try:
        content = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise QueryError("the body is not JSON") from None
    return shape.model_validate(content)


def is_form(request: Request) -> bool:
    """Whether the body is multipart rather than JSON."""
    return request.headers.get("content-type", "").startswith("multipart/form-data")


def texts_of(form: FormData, name: str) -> list[str]:
    """All values of a repeated text field; a field that is a file is an error."""
    values = form.getlist(name)
    if any(isinstance(value, UploadFile) for value in values):
        raise QueryError(f"{name}: expected text, not a file")
    return [str(value) for value in values if value]


async def uploads_of(form: FormData, name: str) -> list[tuple[str, bytes]]:
    """Name and bytes of every file in a repeated file field."""
    files = form.getlist(name)
    if not all(isinstance(file, UploadFile) for file in files):
        raise QueryError(f"{name}: expected files")
    return [
        (file.filename or f"{name}[{index}]", await file.read())
        for index, file in enumerate(files)
        if isinstance(file, UploadFile)
    ]


def image_bytes(text: str, name: str) -> bytes:
    """The bytes of a data URI or of bare base64. Raises ImageError that calls it `name`."""
    if text.startswith(("http://", "https://")):
        raise ImageError(name, "addresses are not fetched; send the image itself as a data URI")
    match = _DATA_URI.match(text)
    if text.startswith("data:") and (match is None or match[1] is None):
        raise ImageError(name, "expected data:image/…;base64,…")
    try:
        payload = re.sub(r"\s+", "", text[match.end() :] if match else text)
        return base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ImageError(name, "neither a data URI nor base64") from None


def check_count(what: str, count: int, limit: int, setting: str) -> None:
    """Raises LimitError, naming the setting that raises the limit."""
    if count > limit:
        raise LimitError(f"{count} {what}, limit {limit}; raise {PREFIX}{setting.upper()}")


def check_text(name: str, text: str, limit: int) -> None:
    """Raises QueryError for text that cannot be embedded, LimitError for too much of it."""
    check_count(f"characters in {name}", len(text), limit, "max_text_chars")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise QueryError(f"{name}: the text holds half of a surrogate pair")


def check_model(asked: str | None, collection: Collection) -> None:
    """Raises NotFound where a request names a model that this server does not serve."""
    served = collection.model_name
    if asked not in (None, "", "default", served):
        raise NotFound(f"model {asked!r} is not served here; use {served!r} or 'default'")
