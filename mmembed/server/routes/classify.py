"""`/v1/classify`: images × any labels → probabilities."""

from __future__ import annotations

from fastapi import APIRouter, Request

from mmembed import errors
from mmembed.collection.classifying import parents_of
from mmembed.collection.collection import Collection, ImageInput
from mmembed.item_failures import failure_of
from mmembed.server.answer_shapes import ClassifyAnswer
from mmembed.server.json_answers import Json, JsonAnswer, classified_json
from mmembed.server.label_requests import check_labels, examples_of
from mmembed.server.label_shapes import ClassifyRequest, ExampleShape, ImageShape
from mmembed.server.openapi import FILE, PICTURE, described, form_of, many
from mmembed.server.request_bodies import (
    AnyBody,
    Form,
    check,
    check_all_chars,
    check_count,
    check_text,
    collection_of,
    image_bytes,
    limits_of,
    parse,
)
from mmembed.types import Failure

router = APIRouter(tags=["classify"])

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
        "texts": many({"type": "string"}) | {"description": "instead of images"},
        "label_set": {"type": "string", "description": "a stored set, instead of labels"},
        "templates": many({"type": "string"}),
        "mode": {"type": "string", "enum": ["softmax", "sigmoid", "multi"]},
        "none_of_these": {"type": "boolean"},
        "precision": {"type": "number"},
        "top_k": {"type": "integer", "minimum": 1},
        "model": {"type": "string"},
    },
    required=[],
)
LISTS = ("labels", "templates", "texts")
OPTIONS = ("mode", "top_k", "model", "label_set", "none_of_these", "precision")


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
            "branches": [],
            "none_of_these": None,
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
    "notes": [],
}


@router.post("/v1/classify", response_model=ClassifyAnswer)
@described(
    takes=ClassifyRequest,
    form=FORM,
    with_shapes=(ImageShape, ExampleShape),
    asked=_ASKED,
    answer=_ANSWER,
)
def classify(request: Request, body: AnyBody) -> JsonAnswer:
    """Probabilities of labels for every image or text; a bad image has an error of its own."""
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
    answer = collection.classify(
        [*inputs, *task.texts],
        task.labels,
        examples=examples_of(collection, limits_of(request), task),
        wordless=task.wordless,
        label_set=task.label_set,
        templates=task.templates or None,
        mode=task.mode,
        top=task.top_k,
        model=task.model,
        none_of_these=task.none_of_these,
        precision=task.precision,
    )
    return JsonAnswer(
        {
            "results": [classified_json(result) for result in answer],
            "model": collection.model_for(task.model),
            "mode": answer.mode,
            "notes": answer.notes,
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


def _check(collection: Collection, task: ClassifyRequest, images: int) -> None:
    limits = collection.limits
    collection.model_for(task.model)
    count = images + len(task.texts)
    _check_given(task, count)
    check_count(
        "images" if images == count else "images and texts", count, limits.items, "max_items"
    )
    check_labels(limits, task)
    check_all_chars(task.texts, limits)
    for index, text in enumerate(task.texts):
        check_text(f"texts[{index}]", text, limits.texts.text_chars)
    labels = _labels(collection, task)
    _check_answer(count, labels[: task.top_k])


def _check_given(task: ClassifyRequest, count: int) -> None:
    """Raises QueryError for a request without inputs, or without labels."""
    given = task.model_fields_set
    if count == 0:
        lack = "there are none" if given & {"images", "texts"} else "is missing"
        raise errors.QueryError(f"images: {lack}; send files, data URIs or item ids, or texts")
    if not given & {"labels", "label_set", "examples"}:
        raise errors.QueryError(
            "labels: is missing; give labels, examples, or the name of a label_set"
        )


def _labels(collection: Collection, task: ClassifyRequest) -> list[int]:
    """The bytes of each label in an answer, at the most, by falling number."""
    labels = task.labels or list(task.examples)
    if task.label_set is not None:
        labels = [one.label for one in collection.label_set(task.label_set).labels]
    return sorted(map(_bytes_of, labels), reverse=True)


def _bytes_of(label: str) -> int:
    """Of a label and of its parents, which are written with their paths."""
    return LABEL_BYTES + len(label) + parents_of(label) * (LABEL_BYTES + 2 * len(label))


def _check_answer(count: int, labels: list[int]) -> None:
    """Raises LimitError for an answer that is too large. labels: bytes of each, for each of
    `count` inputs."""
    size = count * sum(labels)
    if size > LARGEST_ANSWER:
        raise errors.LimitError(
            f"{count} images × {len(labels)} labels are an answer of some {size // 10**6} MB, "
            f"limit {LARGEST_ANSWER // 10**6}; ask for the best labels alone with top_k, or send "
            "fewer images at a time"
        )
