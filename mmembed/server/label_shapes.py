"""Request shapes of classification: pictures, labels, and known examples of labels."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from mmembed.collection.collection import Mode
from mmembed.server.request_shapes import Encoded, ItemId, Model, Shape, Text
from mmembed.server.short_forms import ShortForm


class ImageShape(Shape):
    """An image to classify: base64 or data URI, or the id of an item."""

    image: Encoded = None
    item: ItemId | None = None
    name: Annotated[str | None, Field(description="its name in the answer")] = None


AnyImage: TypeAlias = Annotated[
    ImageShape, ShortForm("ImageShape", "image", "a data URI or base64")
]


class ExampleShape(Shape):
    """A known case of a label: exactly one of image, item and text."""

    image: Encoded = None
    item: ItemId | None = None
    text: str | None = None
    name: Annotated[str | None, Field(description="an image's name in messages")] = None


AnyExample: TypeAlias = Annotated[
    ExampleShape, ShortForm("ExampleShape", "image", "a data URI or base64", whole="item")
]
AnyExamples: TypeAlias = Annotated[
    dict[str, Annotated[list[AnyExample], Field(fail_fast=True)]],
    Field(description="known cases by label: ids of items, images, or texts"),
]
Templates: TypeAlias = Annotated[
    Text | None, Field(description="prompts in which {} is the label; they are averaged")
]
AnyMode: TypeAlias = Annotated[
    Mode | None,
    Field(
        description="one label of many (softmax); each for itself (sigmoid), or for itself against "
        "other texts (multi); default: softmax or sigmoid, as the model was made"
    ),
]
Wordless: TypeAlias = Annotated[
    Text, Field(description="labels that are mere names: their examples alone count")
]


class LabelsShape(Shape):
    """Labels, and known cases of them."""

    labels: Annotated[
        Text, Field(description="any words; by default the labels of the examples")
    ] = Field(default_factory=list)
    examples: AnyExamples = Field(default_factory=dict)
    wordless: Wordless = Field(default_factory=list)
    templates: Templates = None
    mode: AnyMode = None


class ClassifyRequest(LabelsShape):
    """Images (data URIs, base64, or `{"item": id}`), or texts, × labels."""

    images: Annotated[list[AnyImage], Field(fail_fast=True)] = Field(default_factory=list)
    texts: Annotated[Text, Field(description="instead of images")] = Field(default_factory=list)
    label_set: Annotated[str | None, Field(description="a stored set, instead of labels")] = None
    none_of_these: Annotated[
        bool, Field(description="whether an image may show none of the labels")
    ] = False
    precision: Annotated[
        float | None,
        Field(gt=0, lt=1, description="with multi: the share of given labels that shall be right"),
    ] = None
    top_k: Annotated[int | None, Field(ge=1, description="labels in the answer")] = None
    model: Model = None


class LabelSetRequest(LabelsShape):
    """A set of labels to be stored."""

    name: str
    thresholds: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]],
        Field(description="lowest probability by label, where several may apply"),
    ] = Field(default_factory=dict)
    replace: Annotated[
        bool,
        Field(description="whether what the set held before is forgotten; else it is added to"),
    ] = False
