"""The shapes of `/v1/similarity`: the request and the answer."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, Field

from mmembed.server.request_shapes import Encoded, ItemId, Model, Shape
from mmembed.server.short_forms import ShortForm

Matrix: TypeAlias = list[list[float]]


class ComparedShape(Shape):
    """An input to compare: exactly one of text, image and item."""

    text: str | None = None
    image: Encoded = None
    item: ItemId | None = None
    name: Annotated[str | None, Field(description="its name in the answer")] = None


AnyCompared: TypeAlias = Annotated[ComparedShape, ShortForm("ComparedShape", "text", "a text")]


class SimilarityRequest(Shape):
    """Inputs that are compared, each with each."""

    inputs: Annotated[
        list[AnyCompared],
        Field(fail_fast=True, description="2 to 50 texts, pictures and items; a string is a text"),
    ]
    model: Model = None


class ComparedAnswer(BaseModel):
    """One of the inputs of a comparison."""

    index: int
    name: str
    text: Annotated[str | None, Field(description="of a text or a caption; null for a picture")]


class SimilarityAnswer(BaseModel):
    """How alike inputs are. Rows and columns are in the order of the inputs."""

    inputs: list[ComparedAnswer]
    cosine: Annotated[Matrix, Field(description="of the embeddings, in [-1, 1]")]
    euclidean: Annotated[Matrix, Field(description="distance of the embeddings, in [0, 2]")]
    texts: Annotated[list[int], Field(description="indices of the inputs that are texts")]
    one_hot: Annotated[Matrix, Field(description="of the texts alone, in the order of `texts`")]
    bag_of_words: Matrix
    tf_idf: Matrix
    meanings: Annotated[
        dict[str, str], Field(description="what each measure means, and what it misses")
    ]
    notes: Annotated[list[str], Field(description="what these inputs show about the measures")]
    model: str
    took_ms: float
