"""A list of embeddings, as OpenAI's clients and others read it: shapes, and how it is written."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, Field

from mmembed.collection.embed_inputs import Embedded
from mmembed.server.answer_shapes import ErrorDetails
from mmembed.server.dialects.input_shapes import Dtype
from mmembed.server.dialects.vector_formats import written
from mmembed.server.error_answers import item_error
from mmembed.server.json_answers import Json
from mmembed.types import Failure

Numbers: TypeAlias = list[float] | str
"""Or base64 of them."""
Notes: TypeAlias = Annotated[
    list[str], Field(description="notes for the caller; left out if there are none")
]


class Embedding(BaseModel):
    """One input's embedding."""

    object: str = "embedding"
    index: int
    embedding: Annotated[Numbers, Field(description="unit-norm; base64 if requested")]


class NotEmbedded(BaseModel):
    """The error of one input; the others are not affected."""

    object: str = "error"
    index: int
    error: ErrorDetails


def listed(embedded: Embedded, dtype: Dtype, *, as_base64: bool) -> list[Json]:
    """An embedding or an error for every input, as OpenAI's clients read a list."""
    return [
        {"object": "error", "index": index, "error": item_error(row)}
        if isinstance(row, Failure)
        else {
            "object": "embedding",
            "index": index,
            "embedding": written(row, dtype, as_base64=as_base64),
        }
        for index, row in enumerate(embedded.rows)
    ]


def noted(embedded: Embedded) -> Json:
    """`notes`, where there are any: the shapes that clients know have no such field."""
    return {"notes": embedded.notes} if embedded.notes else {}
