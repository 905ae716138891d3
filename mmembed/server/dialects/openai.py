"""`/v1/embeddings`, as the clients of OpenAI, Infinity, Jina, vLLM and others speak it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from mmembed.collection.embed_inputs import Input, Read
from mmembed.config.limits import Limits
from mmembed.errors import QueryError
from mmembed.server.dialects.embed_request import embed, wishes_of
from mmembed.server.dialects.embedding_lists import (
    Embedding,
    NotEmbedded,
    Notes,
    listed,
    noted,
)
from mmembed.server.dialects.input_shapes import (
    ITEM,
    STRING,
    Dtype,
    ItemShape,
    MessageShape,
    PartShape,
    Wished,
)
from mmembed.server.dialects.read_inputs import (
    bare_input,
    image_input,
    read_each,
    read_item,
    read_messages,
    text_input,
)
from mmembed.server.dialects.token_ids import text_of
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.openapi import PICTURE, described
from mmembed.server.request_bodies import (
    JsonBody,
    check_count,
    collection_of,
    limits_of,
    parse,
    settings_of,
)

router = APIRouter(tags=["embeddings"])

ENCODING_FIELDS = ("encoding_format", "encoding_type", "embedding_type", "output_dtype")
BASE64 = "base64"
READERS = {None: bare_input, "image": image_input, "text": text_input}
"""By the modality that a request names."""


_TOKENS = {"type": "array", "items": {"type": "integer", "minimum": 0}}
AnyInput: TypeAlias = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": "texts, images (data URIs), objects of both, or token ids",
            "anyOf": [
                STRING,
                ITEM,
                {"type": "array", "items": {"anyOf": [STRING, ITEM, _TOKENS]}},
                _TOKENS,
            ],
        }
    ),
]


def _only(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


Encoding: TypeAlias = Annotated[
    Literal["float", "base64", "int8", "uint8", "binary", "ubinary"] | None,
    BeforeValidator(_only),
    Field(description="base64: of little-endian float32; default: float"),
]


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


class Usage(BaseModel):
    """Tokens that were read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """OpenAI's answer, with the `id` and `created` of Infinity's."""

    object: str = "list"
    id: str
    created: Annotated[int, Field(description="seconds since 1970")]
    data: list[Embedding | NotEmbedded]
    model: str
    usage: Usage
    notes: Notes = []


_ASKED: Json = {
    "model": "default",
    "input": ["a red bicycle", {"text": "a boat at sunset"}, {"image": PICTURE}],
}
_ANSWER: Json = {
    "object": "list",
    "id": "embd-5f0c1d3c8f5a4b0e9a7d2c6b8e4f1a3d",
    "created": 1767225600,
    "data": [
        {"object": "embedding", "index": 0, "embedding": [0.6, -0.8]},
        {"object": "embedding", "index": 1, "embedding": [0.8, 0.6]},
        {"object": "embedding", "index": 2, "embedding": [0.0, 1.0]},
    ],
    "model": "bundled",
    "usage": {"prompt_tokens": 11, "total_tokens": 11},
}


@router.post("/v1/embeddings", response_model=EmbeddingsAnswer)
@router.post("/embeddings", response_model=EmbeddingsAnswer)
@described(
    takes=EmbeddingsRequest, with_shapes=(ItemShape, PartShape), asked=_ASKED, answer=_ANSWER
)
def create_embeddings(request: Request, body: JsonBody) -> JsonAnswer:
    """Unit-norm embeddings of texts, images, and both."""
    collection = collection_of(request)
    embeddings_request = parse(body, EmbeddingsRequest, limits_of(request))
    model = collection.model_for(embeddings_request.model)
    wishes = replace(
        wishes_of(request, embeddings_request),
        dimensions=embeddings_request.dimensions or embeddings_request.output_dimension,
        truncate="NONE" if embeddings_request.truncation is False else None,
    )
    inputs = _inputs(embeddings_request, limits_of(request), settings_of(request).token_vocabulary)
    embedded = embed(collection, model, inputs, wishes)
    dtype, as_base64 = _encoding(embeddings_request)
    return JsonAnswer(
        {
            "object": "list",
            "id": f"embd-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "data": listed(embedded, dtype, as_base64=as_base64),
            "model": model,
            "usage": {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens},
            **noted(embedded),
        }
    )


def _encoding(embeddings_request: EmbeddingsRequest) -> tuple[Dtype, bool]:
    """Clients say base64 beside the type of numbers, or instead of it; the default is float."""
    said = [
        value
        for field in ENCODING_FIELDS
        if (value := getattr(embeddings_request, field)) is not None
    ]
    numbers: set[Dtype] = {value for value in said if value not in (BASE64, "float")}
    if len(numbers) > 1:
        raise QueryError(f"{' and '.join(sorted(numbers))}: expected one type of numbers")
    return next(iter(numbers), "float"), BASE64 in said


def _inputs(
    embeddings_request: EmbeddingsRequest, limits: Limits, vocabulary: str
) -> Sequence[Read]:
    if (embeddings_request.input is None) == (embeddings_request.messages is None):
        missing = (
            "is missing" if embeddings_request.input is None else "expected no messages beside it"
        )
        raise QueryError(f"input: {missing}", param="input")
    if embeddings_request.messages is not None:
        return [read_messages(embeddings_request.messages)]
    whole = embeddings_request.input
    if not isinstance(whole, str | list | Mapping):
        raise QueryError("input: expected a text, an object or a list of them", param="input")
    values = whole if isinstance(whole, list) and not _are_ids(whole) else [whole]
    reader = _InputReader(embeddings_request.modality, limits, vocabulary)
    return read_each(values, "input", reader, limits.items)


class _InputReader:
    """Reads one item of `input`."""

    def __init__(self, modality: str | None, limits: Limits, vocabulary: str) -> None:
        self.modality = modality
        self.limits = limits
        self.vocabulary = vocabulary

    def __call__(self, value: Any, name: str) -> Input:
        """Raises QueryError, TokenError, LimitError."""
        if isinstance(value, str):
            return READERS[self.modality](value, name)
        if _are_ids(value):
            # A token stands for one byte at least, some for a hundred.
            most = self.limits.texts.text_chars
            check_count(f"token ids in {name}", len(value), most, "max_text_chars")
            return text_input(text_of(value, name, self.vocabulary), name)
        return read_item(value, name)


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(token) is int for token in value)
