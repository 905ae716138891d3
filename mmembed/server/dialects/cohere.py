"""`/v2/embed`, as Cohere's clients speak it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from mmembed.collection.embed_inputs import Embedded, Read
from mmembed.collection.truncation import Truncate
from mmembed.errors import QueryError
from mmembed.server.answer_shapes import ErrorDetails
from mmembed.server.dialects.embed_request import embed, facts_of, wishes_of
from mmembed.server.dialects.embedding_lists import Notes
from mmembed.server.dialects.input_shapes import Dtype, InputItems, Wished
from mmembed.server.dialects.read_inputs import image_input, read_each, read_item, text_input
from mmembed.server.dialects.vector_formats import written
from mmembed.server.error_answers import item_error
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.openapi import PICTURE, described
from mmembed.server.request_bodies import JsonBody, collection_of, limits_of, parse
from mmembed.types import Failure

router = APIRouter(tags=["embeddings"])

Floats: TypeAlias = list[list[float]]
Bytes: TypeAlias = list[list[int]]

READERS = {"texts": text_input, "images": image_input, "inputs": read_item}


class CohereRequest(Wished):
    """Cohere's request: exactly one of texts, images and inputs."""

    texts: Annotated[list[str] | None, Field(fail_fast=True)] = None
    images: Annotated[list[str] | None, Field(fail_fast=True, description="data URIs")] = None
    inputs: InputItems | None = None
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


class ByType(BaseModel):
    """A list for each type that was asked for; [] or "" in the place of a bad input."""

    float: Floats = []
    int8: Bytes = []
    uint8: Bytes = []
    binary: Annotated[Bytes, Field(description="signs in bytes from -128 to 127")] = []
    ubinary: Annotated[Bytes, Field(description="signs in bytes from 0 to 255")] = []
    base64: Annotated[list[str], Field(description="of little-endian float32")] = []


class CohereImage(BaseModel):
    """Facts of an image."""

    width: int
    height: int
    format: str
    bit_depth: Annotated[int, Field(description="bits of a pixel")]


class CohereVersion(BaseModel):
    """The version of the dialect."""

    version: str = "2"


class CohereUnits(BaseModel):
    """The numbers of tokens and images that were read."""

    input_tokens: int
    images: int


class CohereMeta(BaseModel):
    """Beside the embeddings."""

    api_version: CohereVersion
    billed_units: CohereUnits
    warnings: Notes = []


class CohereFailure(BaseModel):
    """The error of one input."""

    index: int
    error: ErrorDetails


class CohereAnswer(BaseModel):
    """Cohere's answer."""

    id: str
    response_type: str = "embeddings_by_type"
    embeddings: ByType
    texts: list[str]
    images: list[CohereImage]
    meta: CohereMeta
    errors: Annotated[
        list[CohereFailure], Field(description="errors of bad inputs, if requested")
    ] = []


_ASKED: Json = {
    "model": "default",
    "inputs": [
        {
            "content": [
                {"type": "text", "text": "a red bicycle"},
                {"type": "image_url", "image_url": {"url": PICTURE}},
            ]
        }
    ],
    "embedding_types": ["float", "int8"],
}
_ANSWER: Json = {
    "id": "5f0c1d3c-8f5a-4b0e-9a7d-2c6b8e4f1a3d",
    "response_type": "embeddings_by_type",
    "embeddings": {"float": [[0.6, 0.8]], "int8": [[95, 127]]},
    "texts": [],
    "images": [{"width": 1, "height": 1, "format": "png", "bit_depth": 24}],
    "meta": {
        "api_version": {"version": "2"},
        "billed_units": {"input_tokens": 5, "images": 1},
    },
}


@router.post("/v2/embed", response_model=CohereAnswer)
@described(takes=CohereRequest, asked=_ASKED, answer=_ANSWER)
def embed_by_type(request: Request, body: JsonBody) -> JsonAnswer:
    """Unit-norm embeddings of texts, images, or inputs of both, in one or more formats."""
    collection = collection_of(request)
    embed_request = parse(body, CohereRequest, limits_of(request))
    model = collection.model_for(embed_request.model)
    wishes = replace(wishes_of(request, embed_request), truncate=embed_request.truncate)
    embedded = embed(collection, model, _inputs(embed_request, limits_of(request).items), wishes)
    return JsonAnswer(
        {
            "id": str(uuid.uuid4()),
            "response_type": "embeddings_by_type",
            "embeddings": {
                kind: _written(embedded, kind)
                for kind in embed_request.embedding_types or ["float"]
            },
            "texts": embed_request.texts or [],
            "images": [asdict(facts) for facts in facts_of(collection, embedded)],
            "meta": _meta(embedded),
            **_errors(embedded),
        }
    )


def _inputs(embed_request: CohereRequest, limit: int) -> Sequence[Read]:
    given = [field for field in READERS if getattr(embed_request, field) is not None]
    if len(given) != 1:
        raise QueryError("expected exactly one of texts, images and inputs")
    return read_each(getattr(embed_request, given[0]), given[0], READERS[given[0]], limit)


def _written(embedded: Embedded, kind: Dtype | Literal["base64"]) -> list[Any]:
    """In the place of a bad input there is nothing, of the type that clients expect."""
    as_base64 = kind == "base64"
    nothing: str | list[float] = "" if as_base64 else []
    dtype: Dtype = "float" if kind == "base64" else kind
    return [
        nothing if isinstance(row, Failure) else written(row, dtype, as_base64=as_base64)
        for row in embedded.rows
    ]


def _meta(embedded: Embedded) -> Json:
    units = {"input_tokens": embedded.tokens, "images": len(embedded.images)}
    warnings = {"warnings": embedded.notes} if embedded.notes else {}
    return {"api_version": {"version": "2"}, "billed_units": units, **warnings}


def _errors(embedded: Embedded) -> Json:
    bad = [
        {"index": index, "error": item_error(row)}
        for index, row in enumerate(embedded.rows)
        if isinstance(row, Failure)
    ]
    return {"errors": bad} if bad else {}
