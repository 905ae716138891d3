"""Completes FastAPI's description of the API in /openapi.json. It adds the request bodies, which
the routes parse themselves, every possible status, and examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mmembed.server.answer_shapes import ErrorAnswer
from mmembed.server.json_answers import Json

REFERENCE = "#/components/schemas/{model}"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
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
ERRORS: dict[int | str, Json] = {
    status: {
        "description": said,
        "content": {JSON: {"schema": {"$ref": REFERENCE.format(model=ErrorAnswer.__name__)}}},
    }
    for status, said in SAID.items()
}
"""Statuses that any route, or the layers around it, may answer. Their model is named in place of
given: FastAPI would make a serialiser for each status of each route at the first request."""
ERROR: Json = {
    "error": {
        "message": "k: Input should be greater than or equal to 1",
        "type": "QueryError",
        "param": "k",
        "code": 422,
    },
    "detail": "k: Input should be greater than or equal to 1",
}
# A PNG of one red pixel.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMB"
    "AQDJ/pLvAAAAAElFTkSuQmCC"
)


@dataclass(frozen=True)
class Description:
    """A route's body, and examples of its request and answer. FastAPI finds out the rest. Tests
    send the examples and hold them against their shapes."""

    takes: type[BaseModel] | None = None
    """The shape of its JSON body."""
    form: Json | None = None
    """The schema of a multipart form, instead of JSON or beside it."""
    with_shapes: tuple[type[BaseModel], ...] = ()
    """Shapes that the body names and that no model holds as a field."""
    asked: Json | None = None
    """The example of the body, or else values for the parameters."""
    answer: Json | str | None = None
    """The example of the answer of a request that succeeds; files and 204 have none."""

    def body(self) -> Json | None:
        """The `requestBody` of OpenAPI; None if the route takes no body."""
        content: Json = {}
        if self.takes is not None:
            content[JSON] = {"schema": {"$ref": REFERENCE.format(model=self.takes.__name__)}}
        if self.form is not None:
            content[FORM] = {"schema": self.form}
        if not content:
            return None
        next(iter(content.values()))["example"] = self.asked
        return {"required": True, "content": content}

    def shapes(self) -> tuple[type[BaseModel], ...]:
        """All shapes that the body needs."""
        return self.with_shapes if self.takes is None else (self.takes, *self.with_shapes)


def described(
    *,
    takes: type[BaseModel] | None = None,
    form: Json | None = None,
    with_shapes: tuple[type[BaseModel], ...] = (),
    asked: Json | None = None,
    answer: Json | str | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """Decorates a route's function with its Description."""

    def decorate(endpoint: Endpoint) -> Endpoint:
        _DESCRIPTIONS[endpoint] = Description(takes, form, with_shapes, asked, answer)
        return endpoint

    return decorate


_DESCRIPTIONS: dict[Callable[..., Any], Description] = {}
_NOTHING = Description()


def descriptions(routers: Iterable[APIRouter]) -> dict[str, Description]:
    """The description of each route, by method and path: `GET /v1/items/{item_id}`."""
    return {
        f"{method} {route.path_format}": _DESCRIPTIONS.get(route.endpoint, _NOTHING)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }


def form_of(properties: Json, required: list[str]) -> Json:
    """The schema of a multipart form."""
    return {"type": "object", "properties": properties, "required": required}


def many(what: Json) -> Json:
    """The schema of a repeated field."""
    return {"type": "array", "items": what}


def install(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Complete the description of the API at its first request, from its routers."""
    plain = app.openapi

    def complete() -> Json:
        if app.openapi_schema is None:
            _complete(plain(), descriptions(routers))
        return plain()

    app.openapi = complete  # type: ignore[method-assign]


def _complete(schema: Json, routes: Mapping[str, Description]) -> None:
    shapes = dict.fromkeys(shape for one in routes.values() for shape in one.shapes())
    _, named = models_json_schema(
        [*((shape, "validation") for shape in shapes), (ErrorAnswer, "serialization")],
        ref_template=REFERENCE,
    )
    components = schema["components"]
    components["schemas"].update(named["$defs"])
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    # The empty alternative: without keys in the settings, none is needed.
    schema["security"] = [{"bearer": []}, {"header": []}, {}]
    for path, ways in schema["paths"].items():
        for method, operation in ways.items():
            _illustrate(operation, routes[f"{method.upper()} {path}"])


def _illustrate(operation: Json, known: Description) -> None:
    """Give an operation its body and examples: of the parameters, its answer, its errors."""
    body = known.body()
    if body is not None:
        operation["requestBody"] = body
    else:
        for parameter in operation.get("parameters", []):
            if parameter["name"] in (known.asked or {}):
                parameter["example"] = (known.asked or {})[parameter["name"]]
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            if status == "422":
                content["example"] = ERROR
            elif status < "300" and known.answer is not None and kind in (JSON, "text/plain"):
                content.setdefault("example", known.answer)
