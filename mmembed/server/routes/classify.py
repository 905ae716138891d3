"""`/v1/classify`: images × any labels → probabilities."""

from __future__ import annotations

from fastapi import APIRouter, Request

from mmembed import errors
from mmembed.collection.collection import Collection, ImageInput
from mmembed.item_failures import failure_of
from mmembed.server.answer_shapes import ClassifyAnswer
from mmembed.server.json_answers import Json, JsonAnswer, classified_json
from mmembed.server.openapi import FILE, PICTURE, described, form_of, many
from mmembed.server.request_bodies import (
    AnyBody,
    Form,
    check,
    check_count,
    check_text,
    collection_of,
    image_bytes,
    limits_of,
    parse,
)
from mmembed.server.request_shapes import ClassifyRequest, ImageShape
from mmembed.types import Failure

router = APIRouter(tags=["classify"])

MAX_TEMPLATES = 100
"""OpenAI's list for ImageNet has 80; each costs as much as the labels themselves."""
LARGEST_ANSWER = 5_000_000
"""Bytes of an answer: a small request multiplies images × labels, and 32 requests are answered at a
time."""
LABEL_BYTES = 100
"""Of a label in an answer, beside its text."""
FORM = form_of(
    {
        "images": many(FILE),
        "labels": many({"type": "string"})
        | {"description": "repeated; or one field, with commas between the labels"},
        "templates": many({"type": "string"}),
        "mode": {"type": "string", "enum": ["softmax", "sigmoid"]},
        "top_k": {"type": "integer", "minimum": 1},
        "model": {"type": "string"},
    },
    required=["images", "labels"],
)
LISTS = ("labels", "templates")
OPTIONS = ("mode", "top_k", "model")


_ASKED: Json = {
    "images": [PICTURE, {"item": 1}],
    "labels": ["cat", "dog"],
    "templates": ["a photo of a {}"],
}
_ANSWER: Json = {
    "results": [
        {
            "index": 0,
            "name": "images[0]",
            "labels": [
                {"label": "cat", "probability": 0.93, "score": 0.281},
                {"label": "dog", "probability": 0.07, "score": 0.255},
            ],
        },
        {
            "index": 1,
            "name": "images[1]",
            "error": {
                "message": "item 1: there is no such item",
                "type": "NotFound",
                "param": None,
                "code": 404,
            },
        },
    ],
    "model": "bundled",
    "mode": "softmax",
}


@router.post("/v1/classify", response_model=ClassifyAnswer)
@described(
    takes=ClassifyRequest,
    form=FORM,
    with_shapes=(ImageShape,),
    asked=_ASKED,
    answer=_ANSWER,
)
def classify(request: Request, body: AnyBody) -> JsonAnswer:
    """Probabilities of labels for every image; a bad image has an error of its own."""
    collection = collection_of(request)
    inputs: list[ImageInput | Failure]
    if isinstance(body, Form):
        task = _of_form(body.only(texts=LISTS + OPTIONS, files=("images",)))
        inputs = [ImageInput(name, data=data) for name, data in body.files.get("images", [])]
        _check(collection, task, len(inputs))
    else:
        task = parse(body, ClassifyRequest, limits_of(request))
        _check(collection, task, len(task.images))
        inputs = [_input(collection, *image) for image in enumerate(task.images)]
    results = collection.classify(
        inputs,
        task.labels,
        templates=task.templates or None,
        mode=task.mode,
        top=task.top_k,
        model=task.model,
    )
    return JsonAnswer(
        {
            "results": [classified_json(result) for result in results],
            "model": collection.model_for(task.model),
            "mode": task.mode or collection.default_mode(task.model),
        }
    )


def _of_form(form: Form) -> ClassifyRequest:
    texts = {name: [text for text in form.texts.get(name, []) if text] for name in LISTS}
    if len(texts["labels"]) == 1:
        texts["labels"] = _separated(texts["labels"][0])
    options = {name: text for name in OPTIONS if (text := form.text(name)) is not None}
    return check({"images": [], **texts, **options}, ClassifyRequest)


def _separated(labels: str) -> list[str]:
    """`cat,dog` → cat and dog, as on the command line; repeated fields keep their commas."""
    return [part for label in labels.split(",") if (part := label.strip())]


def _input(collection: Collection, index: int, image: ImageShape) -> ImageInput | Failure:
    name = image.name or f"images[{index}]"
    if (image.image is None) == (image.item is None):
        raise errors.QueryError(f"images[{index}]: expected exactly one of image and item")
    if image.image is None:
        return ImageInput(name, item=image.item)
    try:
        return ImageInput(name, data=image_bytes(image.image, name, collection))
    except BaseException as error:
        return failure_of(name, error)


def _check(collection: Collection, task: ClassifyRequest, count: int) -> None:
    limits = collection.limits
    collection.model_for(task.model)
    if count == 0:
        raise errors.QueryError("images: there are none; send files, data URIs or item ids")
    check_count("images", count, limits.items, "max_items")
    check_count("labels", len(task.labels), limits.labels, "max_labels")
    templates = task.templates or []
    if len(templates) > MAX_TEMPLATES:
        raise errors.LimitError(f"{len(templates)} templates, limit {MAX_TEMPLATES}")
    for name, texts in (("labels", task.labels), ("templates", templates)):
        for index, text in enumerate(texts):
            check_text(f"{name}[{index}]", text, limits.texts.text_chars)
    _check_answer(count, task)


def _check_answer(count: int, task: ClassifyRequest) -> None:
    """Raises LimitError for an answer that is too large, as if the longest labels were the best."""
    longest = sorted(map(len, task.labels), reverse=True)[: task.top_k]
    size = count * sum(LABEL_BYTES + length for length in longest)
    if size > LARGEST_ANSWER:
        raise errors.LimitError(
            f"{count} images × {len(longest)} labels are an answer of some {size // 10**6} MB, "
            f"limit {LARGEST_ANSWER // 10**6}; ask for the best labels alone with top_k, or send "
            "fewer images at a time"
        )
