"""The one place where errors become HTTP answers.

Every error body is `{"error": {message, type, param, code}, "detail": message}`: the shape
that OpenAI's clients read, with the key that Jina's read beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from mmembed import errors

log = logging.getLogger(__name__)

STATUS: Mapping[type[errors.MmembedError], int] = {
    errors.MmembedError: 500,
    errors.InputError: 422,
    errors.ImageError: 422,
    errors.ImageTooLarge: 413,
    errors.UnsupportedFormat: 415,
    errors.LimitError: 413,
    errors.ManifestError: 422,
    errors.QueryError: 422,
    errors.NotFound: 404,
    errors.ModelError: 503,
    errors.ModelMismatch: 409,
    errors.StoreError: 507,
    errors.StoreBusy: 503,
    errors.Overloaded: 429,
}
"""Status of every error class; a test fails when one is missing."""


def body(message: str, *, kind: str, param: str | None = None, code: int = 500) -> dict[str, Any]:
    """The one error shape."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return {"error": error, "detail": message}


def install(app: FastAPI) -> None:
    """Let every error that leaves a route become an answer in the one shape."""
    app.add_exception_handler(errors.MmembedError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _answer(
    status: int,
    message: str,
    kind: str,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    return JSONResponse(
        body(message, kind=kind, param=param, code=status), status, headers=dict(headers or {})
    )


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.MmembedError)
    status = STATUS[type(error)]
    headers = {}
    if isinstance(error, errors.Overloaded):
        headers["Retry-After"] = str(error.retry_after)
    if status >= 500:
        log.error("%s %s: %s", request.method, request.url.path, error)
    return _answer(status, str(error), type(error).__name__, headers=headers)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError | ValidationError)
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    message = f"{param}: {first['msg']}" if param else str(first["msg"])
    return _answer(422, message, "QueryError", param=param or None)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = {404: "NotFound", 405: "MethodNotAllowed", 413: "LimitError"}.get(
        error.status_code, "InputError"
    )
    message = str(error.detail)
    if error.status_code in (404, 405):
        message = f"{request.method} {request.url.path}: {message}; the routes are at /docs"
    return _answer(error.status_code, message, kind, headers=error.headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """The details of a bug go to the log, not to the caller."""
    log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
    return _answer(500, "something went wrong here; the server's log has it", "InternalError")
