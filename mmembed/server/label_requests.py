"""Checks the labels and examples of requests, and reads their images."""

from __future__ import annotations

from collections.abc import Sequence

from mmembed.collection.collection import Collection, Given, ImageInput
from mmembed.config.limits import Limits
from mmembed.errors import LimitError, QueryError
from mmembed.item_failures import blaming
from mmembed.server.label_shapes import ExampleShape, LabelsShape
from mmembed.server.request_bodies import check_count, check_text, image_bytes

MAX_TEMPLATES = 100
"""OpenAI's list for ImageNet has 80; each costs as much as the labels themselves."""


def check_labels(limits: Limits, task: LabelsShape) -> None:
    """Raises LimitError for too many labels, templates or examples, or too long ones, QueryError
    for text that is none."""
    check_count("labels", len(task.labels), limits.labels, "max_labels")
    count = sum(map(len, task.examples.values()))
    check_count("examples", count, limits.items, "max_items")
    templates = task.templates or []
    if len(templates) > MAX_TEMPLATES:
        raise LimitError(f"{len(templates)} templates, limit {MAX_TEMPLATES}")
    for name, texts in (("labels", task.labels), ("templates", templates)):
        for index, text in enumerate(texts):
            check_text(f"{name}[{index}]", text, limits.texts.text_chars)


def examples_of(
    collection: Collection, limits: Limits, task: LabelsShape
) -> dict[str, Sequence[Given]]:
    """The examples of a request by label. Raises QueryError, and ImageError for what is no image
    file's base64; each names the example."""
    return {
        label: [
            _given(collection, limits, f"examples.{label}[{index}]", one)
            for index, one in enumerate(several)
        ]
        for label, several in task.examples.items()
    }


def _given(collection: Collection, limits: Limits, name: str, one: ExampleShape) -> Given:
    if [one.image, one.item, one.text].count(None) != 2:
        raise QueryError(f"{name}: expected exactly one of image, item and text", param=name)
    if one.text is not None:
        check_text(name, one.text, limits.texts.text_chars)
        return one.text
    if one.item is not None:
        return ImageInput(name, item=one.item)
    with blaming(name):
        return ImageInput(one.name or name, data=image_bytes(one.image or "", name, collection))
