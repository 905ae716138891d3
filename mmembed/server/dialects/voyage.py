"""`/v1/multimodalembeddings`, as Voyage's clients speak it; texts alone are `/v1/embeddings`."""

from __future__ import annotations

from fastapi import APIRouter, Request

from mmembed.server.dialects.answers import VoyageAnswer
from mmembed.server.dialects.embedding import Wishes, embed, facts_of
from mmembed.server.dialects.inputs import read_each, read_item
from mmembed.server.dialects.openai import listed, noted
from mmembed.server.dialects.requests import VoyageRequest
from mmembed.server.json_answers import JsonAnswer
from mmembed.server.openapi import takes
from mmembed.server.request_bodies import JsonBody, collection_of, limits_of, parse

router = APIRouter(tags=["embeddings"])


@router.post(
    "/v1/multimodalembeddings", response_model=VoyageAnswer, openapi_extra=takes(VoyageRequest)
)
def embed_multimodal(request: Request, body: JsonBody) -> JsonAnswer:
    """Unit-norm embeddings of inputs that hold texts, images, or both."""
    collection = collection_of(request)
    asked = parse(body, VoyageRequest, limits_of(request))
    embedder = collection.embedder_for(asked.model)
    wishes = Wishes.of(
        request,
        asked,
        dimensions=asked.output_dimension,
        truncate="NONE" if asked.truncation is False else None,
    )
    inputs = read_each(asked.inputs, "inputs", read_item, limits_of(request).items)
    embedded = embed(collection, embedder, inputs, wishes)
    as_base64 = asked.encoding_format == "base64"
    return JsonAnswer(
        {
            "object": "list",
            "data": listed(embedded, asked.output_dtype or "float", as_base64=as_base64),
            "model": embedder.name,
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
