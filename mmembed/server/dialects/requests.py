"""Request shapes of the dialects. Tolerant: clients send fields of their own, which are ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from mmembed.server.requests import Model

Dtype: TypeAlias = Literal["float", "int8", "uint8", "binary", "ubinary"]
"""The number type of a written vector."""
Truncate: TypeAlias = Literal["NONE", "START", "END"]
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


def _only(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


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


Part: TypeAlias = Annotated[PartShape, BeforeValidator(_part)]
Content: TypeAlias = Annotated[
    list[Part],
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


_ITEM = {"$ref": "#/components/schemas/ItemShape"}
_TOKENS = {"type": "array", "items": {"type": "integer", "minimum": 0}}
_STRING = {"type": "string"}
AnyInput: TypeAlias = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": "texts, images (data URIs), objects of both, or token ids",
            "anyOf": [
                _STRING,
                _ITEM,
                {"type": "array", "items": {"anyOf": [_STRING, _ITEM, _TOKENS]}},
                _TOKENS,
            ],
        }
    ),
]
Items: TypeAlias = Annotated[
    list[Any], WithJsonSchema({"type": "array", "items": {"anyOf": [_STRING, _ITEM]}})
]
Encoding: TypeAlias = Annotated[
    Literal["float", "base64", "int8", "uint8", "binary", "ubinary"] | None,
    BeforeValidator(_only),
    Field(description="base64: of little-endian float32; default: float"),
]


class Wished(BaseModel):
    """Options of every dialect for all its inputs."""

    model: Model = None
    output_dimension: Dimensions = None
    allow_untrained_dimensions: AllowUntrained = False
    errors: Errors | None = None


class EmbeddingsRequest(Wished):
    """OpenAI's request with the additions of Infinity, Jina, vLLM and others."""

    input: AnyInput = None
    messages: Annotated[
        list[MessageShape] | None, Field(description="instead of input: one embedding of them all")
    ] = None
    modality: Annotated[
        Literal["text", "image"] | None,
        Field(description="type of all strings; if left out, image data URIs are images"),
    ] = None
    encoding_format: Encoding = None
    encoding_type: Encoding = None
    embedding_type: Encoding = None
    output_dtype: Encoding = None
    dimensions: Annotated[
        int | None, Field(ge=0, description="as output_dimension; 0, Infinity's default, is all")
    ] = None
    truncation: Annotated[
        bool | None, Field(description="false: a text longer than the model reads is an error")
    ] = None


class CohereRequest(Wished):
    """Cohere's request: exactly one of texts, images and inputs."""

    texts: Annotated[list[str] | None, Field(fail_fast=True)] = None
    images: Annotated[list[str] | None, Field(fail_fast=True, description="data URIs")] = None
    inputs: Items | None = None
    input_type: Annotated[
        str | None, Field(description="changes nothing: these models read all texts alike")
    ] = None
    embedding_types: Annotated[
        list[Dtype | Literal["base64"]] | None, Field(description="default: float", max_length=6)
    ] = None
    truncate: Annotated[
        Truncate | None,
        Field(description="of texts longer than the model reads; left out, nothing is dropped"),
    ] = None


class VoyageRequest(Wished):
    """Voyage's multimodal request."""

    inputs: Items
    input_type: Annotated[
        str | None, Field(description="changes nothing: these models read all texts alike")
    ] = None
    truncation: Annotated[
        bool | None, Field(description="false: a text longer than the model reads is an error")
    ] = None
    output_dtype: Dtype | None = None
    encoding_format: Annotated[
        Literal["base64"] | None, Field(description="base64 of the numbers, little-endian")
    ] = None
