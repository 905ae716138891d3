"""The shapes of `/v1/map`, `/v1/clusters` and `/v1/outliers`: requests and answers."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field

from mmembed.server.answer_shapes import ItemAnswer
from mmembed.server.request_shapes import Background, Like, Shape, Unlike, Where

Base64: TypeAlias = Annotated[str, Field(description="base64")]
Name: TypeAlias = Annotated[
    str | None, Field(description="null without a bank of texts, and where no word was left")
]
Also: TypeAlias = Annotated[list[str], Field(description="further words that fit")]
Sure: TypeAlias = Annotated[
    float | None,
    Field(
        description="0 to 1: the share of its pictures that the name fits better than most words"
    ),
]
Parent: TypeAlias = Annotated[
    int | None, Field(description="its place in the level above; null in the first")
]


class ClustersQuery(Shape):
    """The pictures to group."""

    q: Annotated[str | None, Field(description="words: groups the first results")] = None
    like: Like = Field(default_factory=list)
    unlike: Unlike = Field(default_factory=list)
    where: Where = ""
    among: Annotated[int, Field(ge=1, description="results that are grouped")] = 300
    count: Annotated[
        int | None, Field(ge=1, le=200, description="groups, in one level; else up to three levels")
    ] = None
    background: Background = False


class ClusterAnswer(BaseModel):
    """A group of pictures that look alike."""

    name: Name
    also: Also
    sure: Sure
    size: Annotated[int, Field(description="pictures")]
    parent: Parent
    representative: Annotated[
        ItemAnswer | None, Field(description="the picture nearest to the middle")
    ]


class ClustersAnswer(BaseModel):
    """Groups by level, coarse ones first; those of a level by falling size."""

    levels: list[list[ClusterAnswer]]
    pictures: Annotated[int, Field(description="that were grouped")]
    notes: list[str]
    model: str
    took_ms: float


class OutliersQuery(Shape):
    """The pictures to compare."""

    k: Annotated[int, Field(ge=1, le=1000, description="outliers in the answer")] = 20
    where: Where = ""
    background: Background = False


class OutlierAnswer(ItemAnswer):
    """A picture far from all others."""

    distance: Annotated[float, Field(description="mean distance to the five nearest, 0 to 2")]
    times_usual: Annotated[float, Field(description="times the median of all pictures")]
    nearest: Annotated[int, Field(description="id of the nearest picture")]


class OutliersAnswer(BaseModel):
    """Outliers, the farthest first."""

    outliers: list[OutlierAnswer]
    pictures: Annotated[int, Field(description="that were compared")]
    took_ms: float


class MapRequest(Shape):
    """How a map is made."""

    method: Annotated[
        Literal["auto", "tsne", "pca"],
        Field(description="t-SNE, PCA, or the better that is installed"),
    ] = "auto"
    anew: Annotated[
        bool, Field(description="make another map; else new pictures are placed on the kept one")
    ] = False


class MapFactsAnswer(BaseModel):
    """How the kept map was made."""

    version: str
    made: str
    reducer: str
    model: str
    fingerprint: str
    fitted: int
    last_change: int
    revision: Annotated[int, Field(description="how often pictures were placed on it since")]
    seconds: float


class MapStateAnswer(BaseModel):
    """Whether there is a map, and how far the making of one is."""

    state: Annotated[str, Field(description="none, making or ready")]
    phase: Annotated[str, Field(description="the work of the making")]
    done: int
    total: int
    error: Annotated[str | None, Field(description="of the last making, if it failed")]
    age_s: Annotated[int | None, Field(description="seconds since the kept map was made")]
    map: MapFactsAnswer | None


class MapCluster(BaseModel):
    """A cluster on the map."""

    name: Name
    also: Also
    sure: Sure
    size: int
    representative: Annotated[int, Field(description="id of the picture that stands for it")]
    parent: Parent
    x: Annotated[int, Field(description="where its name goes")]
    y: int


class DensityAnswer(BaseModel):
    """How many pictures lie where."""

    cells: Annotated[int, Field(description="on each side of a square grid")]
    counts: Annotated[Base64, Field(description="uint32, rows from the bottom up")]


class MapAnswer(BaseModel):
    """All pictures on the plane; arrays are little-endian and in the order of the ids."""

    version: str
    made: str
    reducer: str
    model: str
    placed: Annotated[int, Field(description="pictures on the map")]
    pictures: Annotated[int, Field(description="in the collection")]
    new: Annotated[int, Field(description="that came or changed since the map was kept")]
    waiting: Annotated[int, Field(description="of these not placed yet; POST /v1/map places them")]
    gone: Annotated[int, Field(description="that left since")]
    ids: Annotated[Base64, Field(description="rising ids: gaps in LEB128")]
    x: Annotated[Base64, Field(description="uint16, from left to right")]
    y: Annotated[Base64, Field(description="uint16, from the bottom up")]
    cluster: Annotated[Base64, Field(description="uint8: the cluster of the last level")]
    levels: Annotated[list[list[MapCluster]], Field(description="coarse ones first")]
    density: DensityAnswer
