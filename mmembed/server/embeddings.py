"""`/v1/embeddings`, as OpenAI's clients speak it; images as data URIs."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from fastapi import APIRouter, Request

from mmembed import errors
from mmembed.collection import Collection, ImageInput
from mmembed.server.bodies import check_count, check_model, check_text, collection_of, image_bytes
from mmembed.server.schemas import EmbeddingsRequest
from mmembed.types import Embeddings, Failure

router = APIRouter(tags=["embeddings"])


@router.post("/v1/embeddings")
def create_embeddings(request: Request, asked: EmbeddingsRequest) -> dict[str, Any]:
    """Unit-norm embeddings of texts, or of images with `"modality": "image"`."""
    collection = collection_of(request)
    check_model(asked.model, collection)
    inputs = _inputs(asked)
    check_count("inputs", len(inputs), collection.settings.max_items, "max_items")
    encoder = collection.embedder.encoder
    if asked.dimensions not in (None, encoder.dim):
        raise errors.QueryError(
            f"dimensions: {collection.model_name} has {encoder.dim}, and cannot be cut"
        )
    rows = _images(collection, inputs) if asked.modality == "image" else _texts(collection, inputs)
    tokens = sum(map(encoder.count_tokens, inputs)) if asked.modality == "text" else 0
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _encode(row, asked)}
            for index, row in enumerate(rows)
        ],
        "model": collection.model_name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


@router.get("/v1/models")
def list_models(request: Request) -> dict[str, Any]:
    """The model that answers."""
    name = collection_of(request).model_name
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "mmembed"}]}


def _inputs(asked: EmbeddingsRequest) -> list[str]:
    values = [asked.input] if isinstance(asked.input, str) else asked.input
    texts = [value for value in values if isinstance(value, str)]
    if not values:
        raise errors.QueryError("input: there is none")
    if len(texts) != len(values):
        raise errors.QueryError(
            "input: token ids are of another tokenizer than this model's; send the text itself"
        )
    return texts


def _texts(collection: Collection, texts: list[str]) -> Embeddings:
    for index, text in enumerate(texts):
        check_text(f"input[{index}]", text, collection.settings.max_text_chars)
        if not text.strip():
            raise errors.QueryError(f"input[{index}]: the text is empty")
    return collection.embedder.encoder.embed_texts(texts)


def _images(collection: Collection, inputs: list[str]) -> Embeddings:
    names = [f"input[{index}]" for index in range(len(inputs))]
    images = [
        ImageInput(name, data=image_bytes(text, name))
        for name, text in zip(names, inputs, strict=True)
    ]
    rows = collection.embedder.images(images)
    for name, row in zip(names, rows, strict=True):
        if isinstance(row, Failure):
            reason = row.message.removeprefix(f"{name}: ")
            raise getattr(errors, row.error)(name, reason)
    return np.stack([row for row in rows if not isinstance(row, Failure)])


def _encode(row: np.ndarray[Any, np.dtype[np.float32]], asked: EmbeddingsRequest) -> Any:
    if asked.encoding_format == "base64":
        return base64.b64encode(row.astype("<f4").tobytes()).decode()
    return row.tolist()
