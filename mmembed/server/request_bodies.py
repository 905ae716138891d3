"""Parses request bodies: JSON or multipart into the shapes, base64 into bytes."""

from __future__ import annotations

import base64
import binascii
import codecs
import json
import re
from collections.abc import Collection as Names
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from mmembed.collection.collection import Collection
from mmembed.config.limits import Limits
from mmembed.config.settings import PREFIX, Settings
from mmembed.errors import EncodedBody, ImageError, LimitError, QueryError, StoreFull
from mmembed.server import repeated_names
from mmembed.server.error_answers import printable
from mmembed.server.limits.json_size import OTHER_FIELDS, check_size

AnyShape = TypeVar("AnyShape", bound=BaseModel)

_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.ASCII | re.IGNORECASE)
_WEB_ADDRESS = re.compile(r"\s*https?://\S+\s*", re.ASCII | re.IGNORECASE)
_DATA_URI = re.compile(
    r"\s*data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<parameters>(;[\w.+-]+=[^;,\s]*)*)(?P<base64>;base64)?,",
    re.ASCII | re.IGNORECASE,
)
"""RFC 2397; its media type and parameters may be left out."""
_URI_HEAD = 1000
"""Characters of a data URI before its data, at most. `re` keeps a state for each parameter."""
_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Form:
    """A multipart body, read whole."""

    texts: dict[str, list[str]]
    files: dict[str, list[tuple[str, bytes]]]
    """File name and bytes."""

    def only(self, *, texts: Names[str], files: Names[str]) -> Form:
        """The form itself. Raises QueryError if it has a field of another name or kind."""
        for name in self.texts:
            if name in files:
                raise QueryError(f"{name}: expected a file, as in -F {name}=@picture.jpg")
        for name in self.files:
            if name in texts:
                raise QueryError(f"{name}: expected text, not a file")
        for name in [*self.texts, *self.files]:
            if name not in texts and name not in files:
                raise QueryError(f"{name}: unknown field; known are {', '.join([*files, *texts])}")
        return self

    def text(self, name: str) -> str | None:
        """The last value of a text field; None if it is blank or missing."""
        return self.texts.get(name, [""])[-1] or None


def collection_of(request: Request) -> Collection:
    """The collection that this server serves."""
    served: Collection = request.app.state.collection
    return served


def settings_of(request: Request) -> Settings:
    """The settings of the server."""
    settings: Settings = request.app.state.settings
    return settings


def limits_of(request: Request) -> Limits:
    """The limits on requests."""
    limits: Limits = request.app.state.limits
    return limits


async def _read(request: Request) -> bytes:
    _check_encoding(request)
    return await request.body()


async def _read_any(request: Request) -> bytes | Form:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await _read(request)
    _check_encoding(request)
    limits = limits_of(request)
    most = {"max_files": limits.items + 1, "max_fields": limits.labels + OTHER_FIELDS}
    try:
        async with request.form(**most) as form:
            return await _form(form)
    except HTTPException as error:
        if "aximum" not in str(error.detail):
            raise
        raise LimitError(
            f"{error.detail} Raise {PREFIX}MAX_ITEMS for images, {PREFIX}MAX_LABELS for labels"
        ) from None
    except OSError as error:
        raise StoreFull(
            f"a file of over 1 MB needs room in the server's folder for temporary files, and it "
            f"cannot be written ({error.strerror}); free some space there, or set TMPDIR"
        ) from error


async def _form(form: FormData) -> Form:
    read = Form({}, {})
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            files = read.files.setdefault(name, [])
            called = printable(value.filename or f"{name}[{len(files)}]")
            files.append((called, await value.read()))
        else:
            read.texts.setdefault(name, []).append(value)
    return read


def _check_encoding(request: Request) -> None:
    """Raises EncodedBody for a compressed body: its size could not be told before it is read."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise EncodedBody(
            f"Content-Encoding: {printable(encoding)}: compressed bodies are not read here; "
            "send the body as it is, without Content-Encoding",
            param="Content-Encoding",
        )


JsonBody: TypeAlias = Annotated[bytes, Depends(_read)]
"""The raw body, which the thread of the route parses, not the event loop."""
AnyBody: TypeAlias = Annotated[bytes | Form, Depends(_read_any)]
"""The raw body, or a form."""


def parse(raw: bytes, shape: type[AnyShape], limits: Limits) -> AnyShape:
    """A JSON body as a shape. Raises LimitError for more than requests within the limits need,
    RequestValidationError, and QueryError for UTF-16 and -32, and for a filter with a name that
    comes twice."""
    encoding = json.detect_encoding(raw[:4])
    if encoding not in ("utf-8", "utf-8-sig"):
        raise QueryError(f"the body is JSON in {encoding.upper()}; send it in UTF-8")
    check_size(raw, limits)
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        parsed = shape.model_validate_json(raw)
    except ValidationError as error:
        raise _invalid(error) from None
    if isinstance(getattr(parsed, "where", None), dict):
        repeated_names.check_filter(raw)
    return parsed


def check(values: dict[str, Any], shape: type[AnyShape]) -> AnyShape:
    """A form's values as a shape. Raises RequestValidationError."""
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> RequestValidationError:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return RequestValidationError(
        [{**detail, "loc": ("body", *detail["loc"])} for detail in details]
    )


def image_bytes(text: str, name: str, collection: Collection) -> bytes:
    """The bytes of a data URI, of bare base64, or of an address, if fetching is allowed. Raises
    ImageError that calls it `name`."""
    if _ADDRESS.match(text):
        return collection.fetch_image(text.strip(), name)
    match = _DATA_URI.match(text, 0, _URI_HEAD)
    if match is None and text[:40].lstrip().lower().startswith("data:"):
        raise ImageError(name, "expected data:image/…;base64,…")
    if match and not match["base64"]:
        raise ImageError(name, "a data URI without base64; send data:image/…;base64,…")
    try:
        payload = (text[match.end() :] if match else text).strip()  # not copied more than needed
        if "\n" in payload or "\r" in payload:
            payload = payload.replace("\n", "").replace("\r", "")
        if match and "%" in payload:  # a URI may escape the + and = of base64
            payload = _unescaped(payload)
        if len(payload) % 4:
            payload += "=" * (-len(payload) % 4)
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise ImageError(name, "neither a data URI nor base64") from None


def _unescaped(payload: str) -> str:
    """Percent escapes of a URI as their characters. Raises ValueError.

    `urllib.parse.unquote` makes an object for each escape, 5 GB for a body within the limit.
    Quoted-printable differs from them by the sign before two hexadecimal digits alone.
    """
    if _BROKEN_ESCAPE.search(payload):
        raise ValueError("% without two hexadecimal digits")
    quoted = payload.replace("=", "%3D").replace("%", "=").encode("ascii")
    return binascii.a2b_qp(quoted).decode("ascii")


def is_data_uri(text: str) -> bool:
    """Whether a text is a data URI, of any media type; `data: a word` is none."""
    match = _DATA_URI.match(text, 0, _URI_HEAD)
    return match is not None and any(match.groups())


def means_image(text: str) -> bool:
    """Whether a text is an image rather than words: a data URI, or an address of the web and
    nothing else."""
    return is_data_uri(text) or _WEB_ADDRESS.fullmatch(text) is not None


def check_count(what: str, count: int, limit: int, setting: str) -> None:
    """Raises LimitError, naming the setting that raises the limit."""
    if count > limit:
        raise LimitError(f"{count} {what}, limit {limit}; raise {PREFIX}{setting.upper()}")


def check_all_chars(texts: Iterable[str], limits: Limits) -> None:
    """Raises LimitError for more text than is read for one request; `check_text` refuses a single
    text that is too long."""
    lengths = [length for text in texts if (length := len(text)) <= limits.texts.text_chars]
    limits.texts.check_chars(sum(lengths))


def check_text(name: str, text: str, limit: int) -> None:
    """Raises LimitError for more text than is embedded at once, QueryError for an empty text."""
    if is_data_uri(text):
        raise QueryError(
            f"{name}: a data URI in the place of words; send an image if the route takes one",
            param=name,
        )
    check_count(f"characters in {name}", len(text), limit, "max_text_chars")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise QueryError(f"{name}: the text holds half of a surrogate pair") from None
