"""`/v1/models`, as OpenAI's clients speak it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from mmembed.server.dialects.answers import ModelAnswer, ModelsAnswer
from mmembed.server.request_bodies import collection_of

router = APIRouter(tags=["embeddings"])


@router.get("/v1/models")
@router.get("/models")
def list_models(request: Request) -> ModelsAnswer:
    """The served models, the collection's first."""
    return ModelsAnswer(data=[ModelAnswer(id=name) for name in collection_of(request).models])


@router.get("/v1/models/{model:path}")
@router.get("/models/{model:path}")
def get_model(request: Request, model: str) -> ModelAnswer:
    """A served model; its id may hold slashes."""
    collection = collection_of(request)
    collection.embedder_for(model)
    return ModelAnswer(id=model if model in collection.models else collection.model_name)
