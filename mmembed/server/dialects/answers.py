"""Answer shapes of the dialects, as the description of the API gives them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, Field

from mmembed.server.answer_shapes import ErrorDetails

Numbers: TypeAlias = list[float] | str
"""Or base64 of them."""
Floats: TypeAlias = list[list[float]]
Bytes: TypeAlias = list[list[int]]
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


class Usage(BaseModel):
    """Tokens that were read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """OpenAI's answer, with the `id` and `created` of Infinity's."""

    object: str = "list"
    id: str
    created: Annotated[int, Field(description="seconds since 1970")]
    data: list[Embedding | NotEmbedded]
    model: str
    usage: Usage
    notes: Notes = []


class ModelAnswer(BaseModel):
    """A model, as OpenAI's clients list it."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "mmembed"


class ModelsAnswer(BaseModel):
    """The models that answer."""

    object: str = "list"
    data: list[ModelAnswer]


class ByType(BaseModel):
    """A list for each requested type; [] or "" in the place of a bad input."""

    float: Floats = []
    int8: Bytes = []
    uint8: Bytes = []
    binary: Annotated[Bytes, Field(description="signs in bytes from -128 to 127")] = []
    ubinary: Annotated[Bytes, Field(description="signs in bytes from 0 to 255")] = []
    base64: Annotated[list[str], Field(description="of little-endian float32")] = []


class CohereImage(BaseModel):
    """Facts of an image."""

    width: int
    height: int
    format: str
    bit_depth: Annotated[int, Field(description="bits of a pixel")]


class CohereVersion(BaseModel):
    """The version of the dialect."""

    version: str = "2"


class CohereUnits(BaseModel):
    """The numbers of tokens and images that were read."""

    input_tokens: int
    images: int


class CohereMeta(BaseModel):
    """Beside the embeddings."""

    api_version: CohereVersion
    billed_units: CohereUnits
    warnings: Notes = []


class CohereFailure(BaseModel):
    """The error of one input."""

    index: int
    error: ErrorDetails


class CohereAnswer(BaseModel):
    """Cohere's answer."""

    id: str
    response_type: str = "embeddings_by_type"
    embeddings: ByType
    texts: list[str]
    images: list[CohereImage]
    meta: CohereMeta
    errors: Annotated[
        list[CohereFailure], Field(description="errors of bad inputs, if requested")
    ] = []


class VoyageUsage(BaseModel):
    """The numbers of tokens and pixels that were read."""

    text_tokens: int
    image_pixels: int
    video_pixels: int = 0
    total_tokens: int


class VoyageAnswer(BaseModel):
    """Voyage's answer."""

    object: str = "list"
    data: list[Embedding | NotEmbedded]
    model: str
    usage: VoyageUsage
    notes: Notes = []


class ImmichAnswer(BaseModel):
    """The answer of Immich's machine-learning server to a clip entry."""

    clip: Annotated[str, Field(description="the embedding as JSON in a string")]
    imageHeight: Annotated[int, Field(description="pixels; of an image only")] = 0
    imageWidth: Annotated[int, Field(description="pixels; of an image only")] = 0
