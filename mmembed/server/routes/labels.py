"""`/v1/labels`: stored sets of labels, with their examples."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Request

from mmembed.collection.collection import Collection, LabelSet
from mmembed.collection.label_set_json import set_in_full, set_in_short
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.label_answers import LabelSetAnswer, LabelSetsAnswer
from mmembed.server.label_requests import check_labels, examples_of
from mmembed.server.label_shapes import ExampleShape, LabelSetRequest
from mmembed.server.openapi import described
from mmembed.server.request_bodies import JsonBody, collection_of, limits_of, parse

router = APIRouter(prefix="/v1/labels", tags=["classify"])

Name: TypeAlias = Annotated[str, Path(description="of the set", max_length=100)]
_SET: Json = {
    "name": "pets",
    "labels": [
        {
            "label": "cat",
            "words": True,
            "threshold": None,
            "examples": [{"name": "item 1", "kind": "item", "item": 1, "text": None,
                          "gone": False}],
        },
        {"label": "dog", "words": True, "threshold": None, "examples": []},
    ],
    "templates": None,
    "mode": None,
}  # fmt: skip


@router.get("", response_model=LabelSetsAnswer)
@described(
    asked={},
    answer={"sets": [{"name": "pets", "labels": 2, "examples": 1, "mode": None}]},
)
def list_label_sets(request: Request) -> JsonAnswer:
    """Every stored set by name."""
    sets = collection_of(request).label_sets()
    return JsonAnswer({"sets": [set_in_short(one) for one in sets]})


@router.post("", status_code=201, response_model=LabelSetAnswer)
@described(
    takes=LabelSetRequest,
    with_shapes=(ExampleShape,),
    asked={"name": "pets", "labels": ["cat", "dog"], "examples": {"cat": [1]}},
    answer=_SET,
)
def add_label_set(request: Request, body: JsonBody) -> JsonAnswer:
    """Store a set of labels, or add labels and examples to the set of that name."""
    collection = collection_of(request)
    limits = limits_of(request)
    task = parse(body, LabelSetRequest, limits)
    check_labels(limits, task)
    kept = collection.add_label_set(
        task.name,
        task.labels,
        examples=examples_of(collection, limits, task),
        wordless=task.wordless,
        thresholds=task.thresholds,
        templates=task.templates,
        mode=task.mode,
        replacing=task.replace,
    )
    return JsonAnswer(_in_full(collection, kept), status=201)


@router.get("/{name}", response_model=LabelSetAnswer)
@described(asked={"name": "pets"}, answer=_SET)
def get_label_set(request: Request, name: Name) -> JsonAnswer:
    """One set, with its labels and examples."""
    collection = collection_of(request)
    return JsonAnswer(_in_full(collection, collection.label_set(name)))


@router.delete("/{name}", status_code=204)
@described(asked={"name": "pets"})
def remove_label_set(request: Request, name: Name) -> None:
    """Remove a set. Items and their tags stay."""
    collection_of(request).remove_label_set(name)


def _in_full(collection: Collection, kept: LabelSet) -> Json:
    return set_in_full(kept, collection.lost_examples(kept))
