"""Translates errors to HTTP answers; no other module does.

Every error body is `{"error": {message, type, param, code}, "detail": message}`: the shape
that OpenAI's clients read, with the key that Jina's read beside it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmembed import errors
from mmembed.cancellation import current_caller
from mmembed.config.settings import Settings
from mmembed.config.store_address import addresses_of
from mmembed.files import is_full
from mmembed.types import Failure

log = logging.getLogger(__name__)

STATUS: Mapping[type[errors.MmembedError], int] = {
    errors.MmembedError: 500,
    errors.InputError: 422,
    errors.ImageError: 422,
    errors.ImageTooLarge: 413,
    errors.UnsupportedFormat: 415,
    errors.LimitError: 413,
    errors.TooMuchText: 413,
    errors.EncodedBody: 415,
    errors.ManifestError: 422,
    errors.TokenError: 400,
    errors.QueryError: 422,
    errors.ProcessingError: 422,
    errors.NotFound: 404,
    errors.ModelError: 503,
    errors.ModelMismatch: 409,
    errors.ModelHangs: 503,
    errors.StoreError: 507,
    errors.StoreAway: 503,
    errors.StoreBusy: 503,
    errors.Unstorable: 422,
    errors.StoreFull: 507,
    errors.Overloaded: 429,
    errors.Abandoned: 499,
}
"""Status of every error class; a test fails when a class is missing."""

ENDING = "the server is ending; try again once it runs again"
MESSAGE_CHARS = 2000
PARAM_CHARS = 200
"""Characters of the sent value that an error quotes at most."""

SAID: Mapping[str, str] = {
    "extra_forbidden": "unknown field",
    "missing": "is missing",
    "model_type": "expected text or an object",
}
"""Our words for Pydantic's kinds of error, if they are plainer."""


OF_STATUS: Mapping[int, str] = {
    404: errors.NotFound.code,
    405: "MethodNotAllowed",
    413: errors.LimitError.code,
}
"""Codes of Starlette's own refusals."""

_PATH = re.compile(r"(?<![\w./…])((?:/[^\s/:;,'\"`()]+)+)/([^\s/:;,'\"`()]+)")


def body(message: str, *, kind: str, param: str | None = None, code: int = 500) -> dict[str, Any]:
    """The one error shape."""
    message, param = (
        printable(shortened(message)),
        param and printable(shortened(param, PARAM_CHARS)),
    )
    error = {"message": message, "type": kind, "param": param, "code": code}
    return {"error": error, "detail": message}


def answer(
    status: int,
    message: str,
    kind: str,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error as a response."""
    content = body(message, kind=kind, param=param, code=status)
    return JSONResponse(content, status, headers=dict(headers or {}))


def answer_to(error: errors.MmembedError) -> JSONResponse:
    """One of our errors as a response."""
    headers = {}
    if isinstance(error, errors.Overloaded):
        headers["Retry-After"] = str(error.retry_after)
    status = STATUS[type(error)]
    return answer(status, str(error), error.code, param=error.param, headers=headers)


def item_error(failure: Failure) -> dict[str, Any]:
    """The error of one of many inputs, with the status that it would have alone."""
    code = STATUS[errors.class_of(failure.code)]
    said = body(failure.message, kind=failure.code, param=failure.name, code=code)
    error: dict[str, Any] = said["error"]
    return error


def printable(text: str) -> str:
    """Text without halves of surrogate pairs, which UTF-8 cannot encode."""
    return text.encode(errors="backslashreplace").decode()


def shortened(text: str, limit: int = MESSAGE_CHARS) -> str:
    """Errors quote the sent value; a long one is cut."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} … {text[-half:]}"


def install(app: FastAPI) -> None:
    """Answer every error that leaves a route, in the one shape."""
    app.add_exception_handler(errors.MmembedError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(LastResort)


class LastResort:
    """ASGI middleware: the details of a bug go to the log, not to the caller."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except ClientDisconnect:
            log.debug("%s: the caller left before the request was whole", scope.get("path"))
        except asyncio.CancelledError:  # the server ends, and waits no longer
            current_caller().leave()  # the threads work for nobody any more
            if scope["type"] == "http" and not started:
                await answer(503, ENDING, errors.Overloaded.code)(scope, receive, send)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            await _unforeseen(error)(scope, receive, send)


def _unforeseen(error: Exception) -> JSONResponse:
    if is_full(error):
        message = "a disk of the server is full; free some space on it, and try again"
        return answer(507, message, errors.StoreFull.code)
    message = "something went wrong here; the server's log has it"
    return answer(500, message, "InternalError")


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.MmembedError)
    if STATUS[type(error)] >= 500:
        log.error("%s %s: %s", request.method, request.url.path, error)
    if isinstance(error, errors.StoreError | errors.ModelError):
        # These name folders of the server, which callers must not learn.
        said = scrubbed(str(error), request.app.state.settings)
        error = type(error)(said, param=error.param)
    return answer_to(error)


def scrubbed(message: str, settings: Settings) -> str:
    """A message without the folders of this machine, but with the names of files in them."""
    databases = (address.name for address in addresses_of(settings.store)) if settings.store else ()
    known = {
        str(settings.data): "the data folder",
        str(settings.cache): "the cache",
        # The longest first: a name may be the beginning of another.
        **dict.fromkeys(sorted(databases, key=len, reverse=True), "the database"),
    }
    for place_here, name in known.items():
        message = message.replace(place_here, name)
    return without_paths(message)


def without_paths(text: str) -> str:
    """Absolute paths cut down to their last part."""
    return _PATH.sub(lambda match: f"…/{match[2]}", text)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    param = place(first["loc"][1:])
    if "recursion limit" in first["msg"]:
        message = "the body is nested too deeply"
    elif first["type"] == "json_invalid":
        message = "the body is not JSON; send JSON, or a form if the route takes one"
    else:
        message = f"{param or 'the body'}: {SAID.get(first['type'], first['msg'])}"
    return answer(422, message, errors.QueryError.code, param=param or None)


def place(location: Sequence[str | int]) -> str:
    """`("images", 0, "name")` → `images[0].name`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = OF_STATUS.get(error.status_code, errors.InputError.code)
    message = str(error.detail)
    if error.status_code in (404, 405):
        message = f"{request.method} {request.url.path}: {message}; the routes are at /docs"
    return answer(error.status_code, message, kind, headers=error.headers)
