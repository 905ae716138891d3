"""`/v1/tags`: tags pictures by labels, takes such tags back, and checks tags."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Query, Request

from mmembed.collection.tag_answers import checked_json, rejected_json, tagged_json
from mmembed.collection.tagging import TagWishes
from mmembed.filters.parse import parse_where
from mmembed.server.job_answers import begun
from mmembed.server.job_shapes import BEGUN
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.openapi import described
from mmembed.server.request_bodies import (
    JsonBody,
    check_count,
    check_text,
    collection_of,
    limits_of,
    parse,
)
from mmembed.server.tag_shapes import (
    ANSWERED,
    AutomaticSetsAnswer,
    CheckedAnswer,
    CheckRequest,
    RejectedAnswer,
    TaggedAnswer,
    TagRequest,
)
from mmembed.types import Progress

router = APIRouter(prefix="/v1/tags", tags=["tags"])

Listed: TypeAlias = Annotated[int, Query(ge=1, le=ANSWERED, description="tags in the answer")]
Again: TypeAlias = Annotated[
    list[str], Query(min_length=1, max_length=100, description="may be repeated")
]

_TAGGED: Json = {
    "label_set": "places",
    "looked_at": 439,
    "pictures": 31,
    "tags": 31,
    "before": 0,
    "written": False,
    "compete": True,
    "labels": [
        {
            "label": "beach",
            "pictures": 31,
            "threshold": 0.71,
            "basis": "assumed",
            "precision": 0.9,
            "examples": 2,
            "first": [{"id": 1, "path": "/pictures/boat.jpg"}],
        }
    ],
    "notes": [],
    "seconds": 0.12,
}
_CHECKED: Json = {
    "pictures": 120,
    "tags": ["cat", "dog"],
    "compete": True,
    "total": 1,
    "doubts": [
        {"item": 7, "path": "/pictures/rex.jpg", "wrong": "cat", "better": "dog", "doubt": 0.93}
    ],
}


@router.get("/automatic", response_model=AutomaticSetsAnswer)
@described(answer={"label_sets": [{"name": "places", "tags": 31}]})
def list_label_sets(request: Request) -> JsonAnswer:
    """The label sets that gave tags, with the number of their tags."""
    known = collection_of(request).automatic_label_sets()
    return JsonAnswer({"label_sets": [{"name": n, "tags": count} for n, count in known.items()]})


@router.post("/automatic", response_model=TaggedAnswer, responses=BEGUN)
@described(
    takes=TagRequest,
    asked={"labels": ["beach", "city"], "label_set": "places", "compete": True, "dry_run": True},
    answer=_TAGGED,
)
def tag_pictures(request: Request, body: JsonBody) -> JsonAnswer:
    """Tag all pictures with the labels that fit them, in place of the tags that the set gave
    before. Tags of people and files stay."""
    collection, limits = collection_of(request), limits_of(request)
    task = parse(body, TagRequest, limits)
    check_count("labels", len(task.labels), limits.labels, "max_labels")
    for index, label in enumerate(task.labels):
        check_text(f"labels[{index}]", label, limits.texts.text_chars)
    wishes = TagWishes(
        labels=tuple(task.labels),
        label_set=task.label_set,
        where=parse_where(task.where),
        threshold=task.threshold,
        precision=task.precision,
        compete=task.compete,
        dry_run=task.dry_run,
    )

    def work(progress: Progress) -> JsonAnswer:
        return JsonAnswer(tagged_json(collection.tag(wishes, progress)))

    if task.background:
        return begun(request, "tag", lambda job: work(job.progress))
    return work(lambda done, total, failed: None)


@router.delete("/automatic/{label_set}", status_code=204)
@described(asked={"label_set": "places"})
def untag_pictures(
    request: Request, label_set: Annotated[str, Path(min_length=1, max_length=100)]
) -> None:
    """Take back all tags of a label set."""
    collection_of(request).untag(label_set)


@router.get("/rejected", response_model=RejectedAnswer)
@described(
    asked={"limit": 20},
    answer={"total": 1, "rejected": [{"item": 7, "path": "/pictures/rex.jpg", "tag": "beach"}]},
)
def list_rejected_tags(request: Request, limit: Listed = 100) -> JsonAnswer:
    """Automatic tags that a person took off. Label sets do not give them again."""
    return JsonAnswer(rejected_json(collection_of(request).rejected_tags(limit)))


@router.delete("/rejected", status_code=204)
@described(asked={"tag": ["beach"]})
def allow_tags(request: Request, tag: Again) -> None:
    """Forget that a person took tags off: label sets may give them again."""
    collection_of(request).allow_tags(tag)


@router.post("/check", response_model=CheckedAnswer, responses=BEGUN)
@described(takes=CheckRequest, asked={"tags": [], "limit": 20}, answer=_CHECKED)
def check_tags(request: Request, body: JsonBody) -> JsonAnswer:
    """Tags of people and files that look wrong, judged by the other pictures with these tags."""
    collection, limits = collection_of(request), limits_of(request)
    task = parse(body, CheckRequest, limits)
    for index, tag in enumerate(task.tags):
        check_text(f"tags[{index}]", tag, limits.texts.text_chars)
    where = parse_where(task.where)

    def work(*_: object) -> JsonAnswer:
        return JsonAnswer(checked_json(collection.check_tags(task.tags, where), task.limit))

    return begun(request, "check_tags", work) if task.background else work()
