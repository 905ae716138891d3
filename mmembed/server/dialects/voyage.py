"""`/v1/multimodalembeddings`, as Voyage's clients speak it; texts alone are `/v1/embeddings`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from mmembed.collection.truncation import Truncate
from mmembed.server.dialects.embed_request import embed, facts_of, wishes_of
from mmembed.server.dialects.embedding_lists import Embedding, NotEmbedded, Notes, listed, noted
from mmembed.server.dialects.input_shapes import Dtype, InputItems, Wished
from mmembed.server.dialects.read_inputs import read_each, read_item
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.openapi import PICTURE, described
from mmembed.server.request_bodies import JsonBody, collection_of, limits_of, parse

router = APIRouter(tags=["embeddings"])


class VoyageRequest(Wished):
    """Voyage's multimodal request."""

    inputs: InputItems
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


class VoyageUsage(BaseModel):
    """The numbers of tokens and pixels that were read."""

    text_tokens: int
    image_pixels: int
    video_pixels: int = 0
    total_tokens: int


class VoyageAnswer(BaseModel):
    """Voyage's answer."""

    object: str = "list"
    data: list[Embedding | NotEmbedded]
    model: str
    usage: VoyageUsage
    notes: Notes = []


_ASKED: Json = {
    "model": "default",
    "inputs": [
        {
            "content": [
                {"type": "text", "text": "a red bicycle"},
                {"type": "image_base64", "image_base64": PICTURE},
            ]
        }
    ],
}
_ANSWER: Json = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}],
    "model": "bundled",
    "usage": {"text_tokens": 5, "image_pixels": 1, "video_pixels": 0, "total_tokens": 6},
}


@router.post("/v1/multimodalembeddings", response_model=VoyageAnswer)
@described(takes=VoyageRequest, asked=_ASKED, answer=_ANSWER)
def embed_multimodal(request: Request, body: JsonBody) -> JsonAnswer:
    """Unit-norm embeddings of inputs that hold texts, images, or both."""
    collection = collection_of(request)
    embed_request = parse(body, VoyageRequest, limits_of(request))
    model = collection.model_for(embed_request.model)
    truncate: Truncate | None = "NONE" if embed_request.truncation is False else None
    wishes = replace(wishes_of(request, embed_request), truncate=truncate)
    inputs = read_each(embed_request.inputs, "inputs", read_item, limits_of(request).items)
    embedded = embed(collection, model, inputs, wishes)
    as_base64 = embed_request.encoding_format == "base64"
    return JsonAnswer(
        {
            "object": "list",
            "data": listed(embedded, embed_request.output_dtype or "float", as_base64=as_base64),
            "model": model,
            "usage": {
                "text_tokens": embedded.tokens,
                "image_pixels": sum(
                    facts.width * facts.height for facts in facts_of(collection, embedded)
                ),
                "video_pixels": 0,
                "total_tokens": embedded.tokens,
            },
            **noted(embedded),
        }
    )
