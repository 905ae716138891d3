"""What /openapi.json says of request bodies, which the routes parse themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from mmembed.server import schemas
from mmembed.server.answers import ErrorAnswer
from mmembed.server.dialects import shapes

REFERENCE = "#/components/schemas/{model}"
BODIES: tuple[type[Any], ...] = (
    schemas.SearchRequest,
    schemas.ClassifyRequest,
    schemas.ImageShape,
    schemas.ItemRequest,
    schemas.ItemPatch,
    shapes.EmbeddingsRequest,
    shapes.ItemShape,
    shapes.PartShape,
    shapes.CohereRequest,
    shapes.VoyageRequest,
)
FILE = {"type": "string", "format": "binary"}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "What was wrong with the request"},
    "5XX": {"model": ErrorAnswer, "description": "What is wrong here"},
}


def takes(shape: type[Any], form: dict[str, Any] | None = None) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes a JSON body of a shape, or else a form."""
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(model=shape.__name__)}}}
    if form is not None:
        content["multipart/form-data"] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}}


def takes_form(form: dict[str, Any]) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes a form alone."""
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}


def form_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """The schema of a multipart form."""
    return {"type": "object", "properties": properties, "required": required}


def many(what: dict[str, Any]) -> dict[str, Any]:
    """The schema of a repeated field."""
    return {"type": "array", "items": what}


def install(app: FastAPI) -> None:
    """Add the shapes of request bodies to what FastAPI finds out by itself."""
    found = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            _, bodies = models_json_schema(
                [(shape, "validation") for shape in BODIES], ref_template=REFERENCE
            )
            found()["components"]["schemas"].update(bodies["$defs"])
        return found()

    app.openapi = described  # type: ignore[method-assign]
