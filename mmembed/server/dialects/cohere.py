"""`/v2/embed`, as Cohere's clients speak it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, Request

from mmembed.errors import QueryError
from mmembed.server.dialects.answers import CohereAnswer
from mmembed.server.dialects.embedding import (
    Embedded,
    Wishes,
    embed,
    facts_of,
)
from mmembed.server.dialects.inputs import Read, image_input, read_each, read_item, text_input
from mmembed.server.dialects.requests import CohereRequest, Dtype
from mmembed.server.dialects.vectors import written
from mmembed.server.error_answers import item_error
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.openapi import takes
from mmembed.server.request_bodies import JsonBody, collection_of, limits_of, parse
from mmembed.types import Failure

router = APIRouter(tags=["embeddings"])

READERS = {"texts": text_input, "images": image_input, "inputs": read_item}


@router.post("/v2/embed", response_model=CohereAnswer, openapi_extra=takes(CohereRequest))
def embed_by_type(request: Request, body: JsonBody) -> JsonAnswer:
    """Unit-norm embeddings of texts, images, or inputs of both, in one or more formats."""
    collection = collection_of(request)
    asked = parse(body, CohereRequest, limits_of(request))
    embedder = collection.embedder_for(asked.model)
    wishes = Wishes.of(
        request,
        asked,
        dimensions=asked.output_dimension,
        truncate=asked.truncate,
    )
    embedded = embed(collection, embedder, _inputs(asked, limits_of(request).items), wishes)
    return JsonAnswer(
        {
            "id": str(uuid.uuid4()),
            "response_type": "embeddings_by_type",
            "embeddings": {
                kind: _written(embedded, kind) for kind in asked.embedding_types or ["float"]
            },
            "texts": asked.texts or [],
            "images": [asdict(facts) for facts in facts_of(collection, embedded)],
            "meta": _meta(embedded),
            **_errors(embedded),
        }
    )


def _inputs(asked: CohereRequest, limit: int) -> Sequence[Read]:
    given = [field for field in READERS if getattr(asked, field) is not None]
    if len(given) != 1:
        raise QueryError("expected exactly one of texts, images and inputs")
    return read_each(getattr(asked, given[0]), given[0], READERS[given[0]], limit)


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
