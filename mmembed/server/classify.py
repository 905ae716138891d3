"""`/v1/classify`: images × any labels → probabilities."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from mmembed import errors
from mmembed.collection import Classified, Collection, ImageInput
from mmembed.server.bodies import (
    check_count,
    check_model,
    check_text,
    collection_of,
    image_bytes,
    is_form,
    read_json,
    texts_of,
    uploads_of,
)
from mmembed.server.failures import STATUS
from mmembed.server.schemas import ClassifyRequest, ImageShape, classified_answer
from mmembed.types import Failure

router = APIRouter(tags=["classify"])

_MULTIPART = {
    "type": "object",
    "properties": {
        "images": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "labels": {"type": "array", "items": {"type": "string"}},
        "templates": {"type": "array", "items": {"type": "string"}},
        "mode": {"type": "string", "enum": ["softmax", "sigmoid"]},
        "top_k": {"type": "integer"},
    },
    "required": ["images", "labels"],
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": ClassifyRequest.model_json_schema()},
            "multipart/form-data": {"schema": _MULTIPART},
        },
    }
}


@router.post("/v1/classify", openapi_extra=_BODY)
async def classify(request: Request) -> dict[str, Any]:
    """Probabilities of labels for every image; a bad image has an error of its own."""
    collection = collection_of(request)
    limit = collection.settings.max_items
    if is_form(request):
        async with request.form(max_files=limit + 1) as form:
            uploads = await uploads_of(form, "images")
            inputs: list[ImageInput | Failure] = [ImageInput(n, data=d) for n, d in uploads]
            asked = ClassifyRequest.model_validate(
                {
                    "images": [],
                    "labels": texts_of(form, "labels"),
                    "templates": texts_of(form, "templates") or None,
                    "mode": form.get("mode") or None,
                    "top_k": form.get("top_k") or None,
                    "model": form.get("model") or None,
                }
            )
    else:
        asked = await read_json(request, ClassifyRequest)
        inputs = [_input(index, image) for index, image in enumerate(asked.images)]
    _check(collection, asked, len(inputs))
    results = await run_in_threadpool(_classify, collection, inputs, asked)
    return {
        "results": [classified_answer(result, _status(result)) for result in results],
        "model": collection.model_name,
        "mode": asked.mode or collection.classifier.default_mode,
    }


def _input(index: int, image: str | ImageShape) -> ImageInput | Failure:
    if isinstance(image, str):
        image = ImageShape(image=image)
    name = image.name or f"images[{index}]"
    if (image.image is None) == (image.item is None):
        raise errors.QueryError(f"images[{index}]: expected exactly one of image and item")
    if image.image is None:
        return ImageInput(name, item=image.item)
    try:
        return ImageInput(name, data=image_bytes(image.image, name))
    except errors.ImageError as error:
        return Failure(name, type(error).__name__, str(error))


def _check(collection: Collection, asked: ClassifyRequest, count: int) -> None:
    settings = collection.settings
    check_model(asked.model, collection)
    if count == 0:
        raise errors.QueryError("images: there are none; send files, data URIs or item ids")
    check_count("images", count, settings.max_items, "max_items")
    check_count("labels", len(asked.labels), settings.max_labels, "max_labels")
    for label in [*asked.labels, *(asked.templates or ())]:
        check_text("a label or template", label, settings.max_text_chars)


def _classify(
    collection: Collection, inputs: list[ImageInput | Failure], asked: ClassifyRequest
) -> list[Classified]:
    return collection.classifier.classify(
        inputs, asked.labels, templates=asked.templates, mode=asked.mode, top=asked.top_k
    )


def _status(result: Classified) -> int:
    if result.failure is None:
        return 200
    return STATUS[getattr(errors, result.failure.error, errors.MmembedError)]
