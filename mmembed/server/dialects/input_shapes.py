"""Shapes of inputs that several dialects share. Tolerant: clients send fields of their own, which
are ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from mmembed.server.request_shapes import Model

Dtype: TypeAlias = Literal["float", "int8", "uint8", "binary", "ubinary"]
"""The number type of a written vector."""
Errors: TypeAlias = Annotated[
    Literal["all", "item"],
    Field(description="all: one bad item fails the request; item: its error stands in its place"),
]
AllowUntrained: TypeAlias = Annotated[
    bool, Field(description="cut the vectors of a model that was not trained to be cut")
]
Dimensions: TypeAlias = Annotated[
    int | None, Field(ge=1, description="the first numbers only, normalised again")
]


def _address(value: Any) -> Any:
    return value["url"] if isinstance(value, dict) and "url" in value else value


def _part(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _parts(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Reference: TypeAlias = Annotated[
    str | None,
    BeforeValidator(_address),
    WithJsonSchema(
        {
            "description": "a data URI, base64 or an address, or an object with it as url",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"url": {"type": "string"}},
                    "required": ["url"],
                },
                {"type": "null"},
            ],
        }
    ),
]


class PartShape(BaseModel):
    """A text or an image, under the names that clients give it."""

    type: str | None = None
    text: str | None = None
    image: Reference = None
    image_url: Reference = None
    image_base64: Reference = None
    url: Reference = None
    bytes: Reference = None
    weight: Annotated[
        float, Field(gt=0, le=1000, description="beside the other parts of the same input")
    ] = 1.0


AnyPart: TypeAlias = Annotated[PartShape, BeforeValidator(_part)]
Content: TypeAlias = Annotated[
    list[AnyPart],
    BeforeValidator(_parts),
    WithJsonSchema(
        {
            "description": "a text, or parts that become one embedding",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "array",
                    "items": {
                        "anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/PartShape"}]
                    },
                },
            ],
        }
    ),
]


class ItemShape(PartShape):
    """One input: a part alone, or the parts in `content`; one embedding."""

    content: Content | None = None


class MessageShape(BaseModel):
    """A chat message, of which only the content is embedded."""

    role: str | None = None
    content: Content


ITEM = {"$ref": "#/components/schemas/ItemShape"}
STRING = {"type": "string"}
InputItems: TypeAlias = Annotated[
    list[Any], WithJsonSchema({"type": "array", "items": {"anyOf": [STRING, ITEM]}})
]


class Wished(BaseModel):
    """Options of every dialect for all its inputs."""

    model: Model = None
    output_dimension: Dimensions = None
    allow_untrained_dimensions: AllowUntrained = False
    errors: Errors | None = None
