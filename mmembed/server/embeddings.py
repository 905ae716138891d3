"""`/v1/embeddings`, as OpenAI's clients speak it; images as data URIs."""

from __future__ import annotations

import base64

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray

from mmembed import errors
from mmembed.collection import Embedder, ImageInput
from mmembed.server.answers import EmbeddingsAnswer, ModelAnswer, ModelsAnswer
from mmembed.server.bodies import (
    JsonBody,
    check_count,
    check_text,
    collection_of,
    image_bytes,
    parse,
)
from mmembed.server.encoding import JsonAnswer
from mmembed.server.openapi import takes
from mmembed.server.schemas import EmbeddingsRequest
from mmembed.types import Embeddings, Failure

router = APIRouter(tags=["embeddings"])


@router.post(
    "/v1/embeddings", response_model=EmbeddingsAnswer, openapi_extra=takes(EmbeddingsRequest)
)
def create_embeddings(request: Request, body: JsonBody) -> JsonAnswer:
    """Unit-norm embeddings of texts, or of images with `"modality": "image"`."""
    collection = collection_of(request)
    asked = parse(body, EmbeddingsRequest)
    embedder = collection.embedder_for(asked.model)
    inputs = _inputs(asked)
    check_count("inputs", len(inputs), collection.settings.max_items, "max_items")
    _check_dimensions(asked.dimensions, embedder)
    if asked.modality == "image":
        rows, tokens = _images(embedder, inputs), 0
    else:
        rows, tokens = _texts(embedder, inputs, collection.settings.max_text_chars)
    write = _packed if asked.encoding_format == "base64" else np.ascontiguousarray
    return JsonAnswer(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": write(row)}
                for index, row in enumerate(rows)
            ],
            "model": embedder.name,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


@router.get("/v1/models")
def list_models(request: Request) -> ModelsAnswer:
    """The models that answer, that of the collection first."""
    return ModelsAnswer(data=[ModelAnswer(id=name) for name in collection_of(request).models])


def _inputs(asked: EmbeddingsRequest) -> list[str]:
    if not asked.input:
        raise errors.QueryError("input: there is none")
    for index, value in enumerate(asked.input):
        if isinstance(value, int | list):
            raise errors.QueryError(
                f"input[{index}]: token ids are of another tokenizer than this model's; send the "
                "text itself"
            )
        if not isinstance(value, str):
            raise errors.QueryError(f"input[{index}]: expected text, or an image as a data URI")
    return asked.input


def _check_dimensions(asked: int | None, embedder: Embedder) -> None:
    dim = embedder.encoder.dim
    if asked not in (None, dim):
        raise errors.QueryError(
            f"dimensions: {embedder.name} has {dim}, and cannot be cut to {asked}"
        )


def _texts(embedder: Embedder, texts: list[str], limit: int) -> tuple[Embeddings, int]:
    for index, text in enumerate(texts):
        check_text(f"input[{index}]", text, limit)
        if not text.strip():
            raise errors.QueryError(f"input[{index}]: the text is empty")
    encoder = embedder.encoder
    return encoder.embed_texts(texts), sum(map(encoder.count_tokens, texts))


def _images(embedder: Embedder, inputs: list[str]) -> Embeddings:
    names = [f"input[{index}]" for index in range(len(inputs))]
    images = [
        ImageInput(name, data=image_bytes(text, name))
        for name, text in zip(names, inputs, strict=True)
    ]
    rows = embedder.images(images)
    for row in rows:
        if isinstance(row, Failure):
            raise _error_of(row)
    return np.stack([row for row in rows if not isinstance(row, Failure)])


def _error_of(failure: Failure) -> errors.MmembedError:
    kind: type[errors.MmembedError] = getattr(errors, failure.error)
    if issubclass(kind, errors.ImageError):
        return kind(failure.name, failure.message.removeprefix(f"{failure.name}: "))
    return kind(failure.message)


def _packed(row: NDArray[np.float32]) -> str:
    return base64.b64encode(np.ascontiguousarray(row, "<f4").data).decode()
