"""`/v1/models`, as OpenAI's clients speak it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from mmembed.server.json_answers import Json
from mmembed.server.openapi import described
from mmembed.server.request_bodies import collection_of

router = APIRouter(tags=["embeddings"])


class ModelAnswer(BaseModel):
    """A model, as OpenAI's clients list it."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "mmembed"


class ModelsAnswer(BaseModel):
    """The models that answer."""

    object: str = "list"
    data: list[ModelAnswer]


_MODEL: Json = {"id": "bundled", "object": "model", "created": 0, "owned_by": "mmembed"}
_MODELS: Json = {"object": "list", "data": [_MODEL]}


@router.get("/v1/models")
@router.get("/models")
@described(answer=_MODELS)
def list_models(request: Request) -> ModelsAnswer:
    """The served models, the collection's first."""
    return ModelsAnswer(data=[ModelAnswer(id=name) for name in collection_of(request).models])


@router.get("/v1/models/{model:path}")
@router.get("/models/{model:path}")
@described(asked={"model": "default"}, answer=_MODEL)
def get_model(request: Request, model: str) -> ModelAnswer:
    """A served model; its id may hold slashes."""
    return ModelAnswer(id=collection_of(request).model_for(model))
