"""Completes FastAPI's description of the API in /openapi.json. It adds the request bodies, which
the routes parse themselves, every possible status, and examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from mmembed.server import requests as schemas
from mmembed.server.answer_shapes import ErrorAnswer
from mmembed.server.api_examples import ANSWERS, ERROR, REQUESTS
from mmembed.server.dialects import requests as shapes

REFERENCE = "#/components/schemas/{model}"
BODIES: tuple[type[Any], ...] = (
    schemas.SearchRequest,
    schemas.ClassifyRequest,
    schemas.ImageShape,
    schemas.ItemRequest,
    schemas.ItemPatch,
    schemas.SessionRequest,
    shapes.EmbeddingsRequest,
    shapes.ItemShape,
    shapes.PartShape,
    shapes.CohereRequest,
    shapes.VoyageRequest,
)
FILE = {"type": "string", "format": "binary"}
JSON = "application/json"
FORM = "multipart/form-data"
SAID = {
    400: "The host is not served here, or the request is no HTTP that makes sense",
    401: "Keys are set, and the request brings none of them",
    403: "A page of another site asks for a change",
    404: "No such item, file or model",
    409: "The data folder was built with another model",
    413: "Over a limit; the message names the setting that raises it",
    415: "Not one of the image formats that are opened, or a compressed body",
    422: "The request makes no sense; the message names the field",
    429: "Too many wait; Retry-After says when to come back",
    500: "Something is wrong here; the log has it",
    503: "The model or the data folder is not available",
    507: "The data folder cannot be read or written",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": said} for status, said in SAID.items()
}
"""Statuses that any route, or the layers around it, may answer."""


def takes(shape: type[Any], form: dict[str, Any] | None = None) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes a JSON body of a shape, or else a form."""
    content = {JSON: {"schema": {"$ref": REFERENCE.format(model=shape.__name__)}}}
    if form is not None:
        content[FORM] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}}


def takes_form(form: dict[str, Any]) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes a form alone."""
    return {"requestBody": {"required": True, "content": {FORM: {"schema": form}}}}


def form_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """The schema of a multipart form."""
    return {"type": "object", "properties": properties, "required": required}


def many(what: dict[str, Any]) -> dict[str, Any]:
    """The schema of a repeated field."""
    return {"type": "array", "items": what}


def install(app: FastAPI) -> None:
    """Complete the description of the API at its first request."""
    fastapi_description = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(fastapi_description())
        return fastapi_description()

    app.openapi = described  # type: ignore[method-assign]


def _complete(description: dict[str, Any]) -> None:
    _, bodies = models_json_schema(
        [(shape, "validation") for shape in BODIES], ref_template=REFERENCE
    )
    components = description["components"]
    components["schemas"].update(bodies["$defs"])
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    # The empty alternative: without keys in the settings, none is needed.
    description["security"] = [{"bearer": []}, {"header": []}, {}]
    for name, operation in _operations(description):
        _illustrate(name, operation)


def _operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """`("GET /v1/items", {…})` and so on."""
    for path, ways in description["paths"].items():
        for method, operation in ways.items():
            yield f"{method.upper()} {path}", operation


def _illustrate(name: str, operation: dict[str, Any]) -> None:
    """Give an operation its examples: the body or the parameters, its answer, its errors."""
    example = REQUESTS.get(name)
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        content.get(JSON, content.get(FORM))["example"] = example
    elif example is not None:
        for parameter in operation["parameters"]:
            if parameter["name"] in example:
                parameter["example"] = example[parameter["name"]]
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            if status == "422":
                content["example"] = ERROR
            elif status < "300" and name in ANSWERS and kind in (JSON, "text/plain"):
                content["example"] = ANSWERS[name]
