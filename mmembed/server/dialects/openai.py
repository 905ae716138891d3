"""`/v1/embeddings`, as the clients of OpenAI, Infinity, Jina, vLLM and others speak it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request

from mmembed.config.settings import Settings
from mmembed.errors import QueryError
from mmembed.server.dialects.answers import EmbeddingsAnswer
from mmembed.server.dialects.embedding import Embedded, Wishes, embed
from mmembed.server.dialects.inputs import (
    Input,
    Read,
    bare_input,
    image_input,
    read_each,
    read_item,
    read_messages,
    text_input,
)
from mmembed.server.dialects.requests import Dtype, EmbeddingsRequest
from mmembed.server.dialects.token_ids import text_of
from mmembed.server.dialects.vectors import written
from mmembed.server.error_answers import item_error
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.openapi import takes
from mmembed.server.request_bodies import JsonBody, check_count, collection_of, parse
from mmembed.types import Failure

router = APIRouter(tags=["embeddings"])

ENCODING_FIELDS = ("encoding_format", "encoding_type", "embedding_type", "output_dtype")
BASE64 = "base64"
READERS = {None: bare_input, "image": image_input, "text": text_input}
"""By the modality that a request names."""


@router.post(
    "/v1/embeddings", response_model=EmbeddingsAnswer, openapi_extra=takes(EmbeddingsRequest)
)
@router.post("/embeddings", response_model=EmbeddingsAnswer, openapi_extra=takes(EmbeddingsRequest))
def create_embeddings(request: Request, body: JsonBody) -> JsonAnswer:
    """Unit-norm embeddings of texts, images, and both."""
    collection = collection_of(request)
    asked = parse(body, EmbeddingsRequest, collection.settings)
    embedder = collection.embedder_for(asked.model)
    wishes = Wishes.of(
        request,
        asked,
        dimensions=asked.dimensions or asked.output_dimension,
        truncate="NONE" if asked.truncation is False else None,
    )
    embedded = embed(collection, embedder, _inputs(asked, collection.settings), wishes)
    dtype, as_base64 = _encoding(asked)
    return JsonAnswer(
        {
            "object": "list",
            "id": f"embd-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "data": listed(embedded, dtype, as_base64=as_base64),
            "model": embedder.name,
            "usage": {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens},
            **noted(embedded),
        }
    )


def listed(embedded: Embedded, dtype: Dtype, *, as_base64: bool) -> list[Json]:
    """An embedding or an error for every input, as OpenAI's clients read a list."""
    return [
        {"object": "error", "index": index, "error": item_error(row)}
        if isinstance(row, Failure)
        else {
            "object": "embedding",
            "index": index,
            "embedding": written(row, dtype, as_base64=as_base64),
        }
        for index, row in enumerate(embedded.rows)
    ]


def noted(embedded: Embedded) -> Json:
    """`notes`, if there are any: the shapes that clients know have no such field."""
    return {"notes": embedded.notes} if embedded.notes else {}


def _encoding(asked: EmbeddingsRequest) -> tuple[Dtype, bool]:
    """Clients say base64 beside the type of numbers, or instead of it; the default is float."""
    said = [one for field in ENCODING_FIELDS if (one := getattr(asked, field)) is not None]
    numbers: set[Dtype] = {one for one in said if one not in (BASE64, "float")}
    if len(numbers) > 1:
        raise QueryError(f"{' and '.join(sorted(numbers))}: expected one type of numbers")
    return next(iter(numbers), "float"), BASE64 in said


def _inputs(asked: EmbeddingsRequest, settings: Settings) -> Sequence[Read]:
    if (asked.input is None) == (asked.messages is None):
        missing = "is missing" if asked.input is None else "expected no messages beside it"
        raise QueryError(f"input: {missing}", param="input")
    if asked.messages is not None:
        return [read_messages(asked.messages)]
    whole = asked.input
    if not isinstance(whole, str | list | Mapping):
        raise QueryError("input: expected a text, an object or a list of them", param="input")
    values = whole if isinstance(whole, list) and not _are_ids(whole) else [whole]
    reader = _Reader(asked.modality, settings)
    return read_each(values, "input", reader, settings.max_items)


class _Reader:
    """Reads one item of `input`."""

    def __init__(self, modality: str | None, settings: Settings) -> None:
        self.modality = modality
        self.settings = settings

    def __call__(self, value: Any, name: str) -> Input:
        """Raises QueryError, TokenError, LimitError."""
        if isinstance(value, str):
            return READERS[self.modality](value, name)
        if _are_ids(value):
            # A token stands for one byte at least, some for a hundred.
            most = self.settings.max_text_chars
            check_count(f"token ids in {name}", len(value), most, "max_text_chars")
            return text_input(text_of(value, name, self.settings.token_vocabulary), name)
        return read_item(value, name)


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) is int for one in value)
