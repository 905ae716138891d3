"""`/v1/similarity`: texts, pictures and items, each with each."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request

from mmembed.collection.collection import Collection
from mmembed.collection.comparing import MEANINGS, check_count, comparison_json
from mmembed.config.limits import Limits
from mmembed.errors import QueryError
from mmembed.item_failures import blaming
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.openapi import described
from mmembed.server.request_bodies import (
    JsonBody,
    check_all_chars,
    check_text,
    collection_of,
    image_bytes,
    limits_of,
    parse,
)
from mmembed.server.similarity_shapes import (
    ComparedShape,
    SimilarityAnswer,
    SimilarityRequest,
)
from mmembed.types import Term

router = APIRouter(tags=["search"])

_ANSWER: Json = {
    "inputs": [
        {"index": 0, "name": "inputs[0]", "text": "a dog runs"},
        {"index": 1, "name": "inputs[1]", "text": "a puppy is running"},
        {"index": 2, "name": "inputs[2]", "text": None},
    ],
    "cosine": [[1.0, 0.9, 0.2], [0.9, 1.0, 0.2], [0.2, 0.2, 1.0]],
    "euclidean": [[0.0, 0.447214, 1.264911], [0.447214, 0.0, 1.264911], [1.264911, 1.264911, 0.0]],
    "texts": [0, 1],
    "one_hot": [[1.0, 0.288675], [0.288675, 1.0]],
    "bag_of_words": [[1.0, 0.288675], [0.288675, 1.0]],
    "tf_idf": [[1.0, 0.161139], [0.161139, 1.0]],
    "meanings": dict(MEANINGS),
    "notes": [],
    "model": "bundled",
    "took_ms": 9.1,
}


@router.post("/v1/similarity", response_model=SimilarityAnswer)
@described(
    takes=SimilarityRequest,
    with_shapes=(ComparedShape,),
    asked={"inputs": [{"text": "a dog runs"}, {"text": "a puppy is running"}, {"item": 1}]},
    answer=_ANSWER,
)
def similarity(request: Request, body: JsonBody) -> JsonAnswer:
    """How alike each two inputs are: by their embeddings, and texts by their words."""
    started = time.perf_counter()
    collection = collection_of(request)
    limits = limits_of(request)
    asked = parse(body, SimilarityRequest, limits)
    check_count(len(asked.inputs))  # before pictures are decoded
    for index, one in enumerate(asked.inputs):
        _check(f"inputs[{index}]", one, limits)
    check_all_chars((one.text for one in asked.inputs if one.text is not None), limits)
    terms = [_term(collection, index, one) for index, one in enumerate(asked.inputs)]
    comparison = collection.compare(terms, asked.model)
    return JsonAnswer(
        {
            **comparison_json(comparison),
            "model": collection.model_for(asked.model),
            "took_ms": round((time.perf_counter() - started) * 1000, 2),
        }
    )


def _check(name: str, given: ComparedShape, limits: Limits) -> None:
    if sum(part is not None for part in (given.text, given.image, given.item)) != 1:
        raise QueryError(f"{name}: expected exactly one of text, image and item", param=name)
    if given.text is not None:
        check_text(name, given.text, limits.texts.text_chars)


def _term(collection: Collection, index: int, given: ComparedShape) -> Term:
    name = f"inputs[{index}]"
    with blaming(name):
        image = None if given.image is None else image_bytes(given.image, name, collection)
    return Term(text=given.text, image=image, item=given.item, name=given.name or name)
