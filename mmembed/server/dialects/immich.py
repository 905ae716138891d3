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

from mmembed.collection.collection import Collection, Embedder
from mmembed.config.settings import Settings
from mmembed.errors import NotFound, QueryError
from mmembed.server.dialects.answers import ImmichAnswer
from mmembed.server.dialects.embedding import Wishes, embed, facts_of
from mmembed.server.dialects.inputs import Input, image_input, text_input
from mmembed.server.json_answers import JsonAnswer
from mmembed.server.openapi import FILE, form_of, takes_form
from mmembed.server.request_bodies import AnyBody, Form, collection_of, parse
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


@router.get("/ping", response_class=PlainTextResponse)
def ping() -> str:
    """Shows Immich that the server is there."""
    return "pong"


@router.post("/predict", response_model=ImmichAnswer, openapi_extra=takes_form(FORM))
def predict(request: Request, body: AnyBody) -> JsonAnswer:
    """The embedding of one image or one text, for Immich's smart search."""
    collection = collection_of(request)
    if not isinstance(body, Form):
        raise QueryError("expected a multipart form with entries, and image or text")
    clip = _clip(body, collection.settings)
    read = _text(body) if clip.visual is None else _image(body)
    asked = clip.visual or clip.textual
    assert asked is not None
    embedder = _embedder(collection, asked.modelName)
    embedded = embed(collection, embedder, [read], Wishes())
    row = embedded.rows[0]
    assert not isinstance(row, Failure)
    sizes = [
        {"imageHeight": facts.height, "imageWidth": facts.width}
        for facts in facts_of(collection, embedded)
    ]
    written = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return JsonAnswer({"clip": written, **(sizes[0] if sizes else {})})


def _clip(form: Form, settings: Settings) -> ImmichClip:
    entries = parse((form.text("entries") or "").encode(), ImmichEntries, settings)
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


def _embedder(collection: Collection, asked: str) -> Embedder:
    """The model that Immich names in its own way. Raises NotFound, which says how to name it:
    vectors of another model would spoil what Immich has stored."""
    served = {_named(name): name for name in collection.models}
    try:
        return collection.embedder_for(served.get(asked.rpartition("/")[2], asked))
    except NotFound:
        names = " or ".join(map(repr, served))
        raise NotFound(
            f"model {asked!r} is not served here, only {names}; start mmembed with "
            f"--model {asked.replace('__', '/')}, or with MMEMBED_ALIASES={asked} to have the "
            "collection's model answer for it",
            param="entries",
        ) from None


def _named(model: str) -> str:
    """`ViT-B-32/laion2b_s34b_b79k` → `ViT-B-32__laion2b_s34b_b79k`, as Immich writes it."""
    return model.replace("/", "__")
