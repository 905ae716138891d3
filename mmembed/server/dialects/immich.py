"""`/ping` and `/predict`: the smart search of Immich's machine-learning server.

Shapes: immich_ml/main.py and schemas.py, and the requests in server/src/repositories/
machine-learning.repository.ts.
"""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from mmembed.collection.collection import Collection
from mmembed.collection.embed_inputs import Input, Wishes
from mmembed.config.limits import Limits
from mmembed.errors import NotFound, QueryError
from mmembed.server.dialects.embed_request import embed, facts_of
from mmembed.server.dialects.read_inputs import image_input, text_input
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.openapi import FILE, described, form_of
from mmembed.server.request_bodies import AnyBody, Form, collection_of, limits_of, parse
from mmembed.types import Failure

router = APIRouter(tags=["embeddings"])

FORM = form_of(
    {
        "entries": {
            "type": "string",
            "description": "JSON: the task, the kind of input and the model",
        },
        "image": FILE,
        "text": {"type": "string"},
    },
    required=["entries"],
)


class ImmichModel(BaseModel):
    """Which model is to read one kind of input; its options change nothing here."""

    modelName: Annotated[str, Field(min_length=1)]


class ImmichClip(BaseModel):
    """Exactly one of them."""

    visual: ImmichModel | None = None
    textual: ImmichModel | None = None


class ImmichEntries(BaseModel):
    """The tasks of a request; only `clip` is served."""

    model_config = ConfigDict(extra="allow")

    clip: ImmichClip | None = None


class ImmichAnswer(BaseModel):
    """The answer of Immich's machine-learning server to a clip entry."""

    clip: Annotated[str, Field(description="the embedding as JSON in a string")]
    imageHeight: Annotated[int, Field(description="pixels; of an image only")] = 0
    imageWidth: Annotated[int, Field(description="pixels; of an image only")] = 0


_ASKED: Json = {
    "entries": '{"clip": {"textual": {"modelName": "default"}}}',
    "text": "a boat at sunset",
}
_ANSWER: Json = {"clip": "[0.6,0.8]", "imageHeight": 0, "imageWidth": 0}


@router.get("/ping", response_class=PlainTextResponse)
@described(answer="pong")
def ping() -> str:
    """Shows Immich that the server is there."""
    return "pong"


@router.post("/predict", response_model=ImmichAnswer)
@described(form=FORM, asked=_ASKED, answer=_ANSWER)
def predict(request: Request, body: AnyBody) -> JsonAnswer:
    """The embedding of one image or one text, for Immich's smart search."""
    collection = collection_of(request)
    if not isinstance(body, Form):
        raise QueryError("expected a multipart form with entries, and image or text")
    clip = _clip(body, limits_of(request))
    read = _text(body) if clip.visual is None else _image(body)
    task = clip.visual or clip.textual
    assert task is not None
    model = _model(collection, task.modelName)
    embedded = embed(collection, model, [read], Wishes())
    row = embedded.rows[0]
    assert not isinstance(row, Failure)
    sizes = [
        {"imageHeight": facts.height, "imageWidth": facts.width}
        for facts in facts_of(collection, embedded)
    ]
    written = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return JsonAnswer({"clip": written, **(sizes[0] if sizes else {})})


def _clip(form: Form, limits: Limits) -> ImmichClip:
    entries = parse((form.text("entries") or "").encode(), ImmichEntries, limits)
    others = sorted(set(entries.model_extra or {}))
    if others:
        raise QueryError(
            f"entries: {', '.join(map(repr, others))} is not served here, only 'clip' (smart "
            "search); add the address of Immich's own machine-learning server for the rest",
            param="entries",
        )
    if entries.clip is None or (entries.clip.visual is None) == (entries.clip.textual is None):
        raise QueryError("entries: expected clip with one of visual and textual", param="entries")
    return entries.clip


def _image(form: Form) -> Input:
    files = form.files.get("image")
    if not files:
        raise QueryError("image: is missing; send the file", param="image")
    return image_input(files[0][1], "image")


def _text(form: Form) -> Input:
    text = form.text("text")
    if text is None:
        raise QueryError("text: is missing", param="text")
    return text_input(text, "text")


def _model(collection: Collection, model: str) -> str:
    """The id of the model that Immich names in its own way. Raises NotFound, which says how to name
    it: vectors of another model would spoil Immich's stored ones."""
    served = {_named(name): name for name in collection.models}
    try:
        return collection.model_for(served.get(model.rpartition("/")[2], model))
    except NotFound:
        names = " or ".join(map(repr, served))
        raise NotFound(
            f"model {model!r} is not served here, only {names}; start mmembed with "
            f"--model {model.replace('__', '/')}, or with MMEMBED_ALIASES={model} to have the "
            "collection's model answer for it",
            param="entries",
        ) from None


def _named(model: str) -> str:
    """`ViT-B-32/laion2b_s34b_b79k` → `ViT-B-32__laion2b_s34b_b79k`, as Immich writes it."""
    return model.replace("/", "__")
