"""`/v1/map`, `/v1/clusters` and `/v1/outliers`: what a collection holds."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from mmembed.collection.exploring_json import (
    clusters_json,
    current_map_json,
    map_state_json,
    outliers_json,
)
from mmembed.filters.parse import parse_where
from mmembed.server.api_examples import ITEM
from mmembed.server.explore_shapes import (
    ClustersAnswer,
    ClustersQuery,
    MapAnswer,
    MapRequest,
    MapStateAnswer,
    OutliersAnswer,
    OutliersQuery,
)
from mmembed.server.job_answers import begun, location
from mmembed.server.job_shapes import BEGUN
from mmembed.server.json_answers import Json, JsonAnswer, item_with_links
from mmembed.server.openapi import described
from mmembed.server.repeated_names import check_address
from mmembed.server.request_bodies import (
    JsonBody,
    check_count,
    check_text,
    collection_of,
    limits_of,
    parse,
)
from mmembed.types import Term

router = APIRouter(tags=["explore"])

REVALIDATE = "private, no-cache"
_CLUSTER: Json = {"name": "boat", "also": ["sea", "sunset"], "sure": 0.92, "size": 41}
_FACTS: Json = {
    "version": "5d41402abc4b2a76",
    "made": "2026-07-20T08:30:00+00:00",
    "reducer": "t-SNE (openTSNE 1.0.4)",
    "model": "bundled",
}
_STATE: Json = {
    "state": "ready",
    "phase": "",
    "done": 0,
    "total": 0,
    "error": None,
    "age_s": 3600,
    "map": {
        **_FACTS,
        "fingerprint": "9f86d081",
        "fitted": 2,
        "last_change": 12,
        "revision": 0,
        "seconds": 3.1,
    },
}
_MAP: Json = {
    **_FACTS,
    "placed": 2,
    "pictures": 2,
    "new": 0,
    "waiting": 0,
    "gone": 0,
    "ids": "AQI=",
    "x": "AAD//w==",
    "y": "AID/fw==",
    "cluster": "AAA=",
    "levels": [[{**_CLUSTER, "representative": 1, "parent": None, "x": 0, "y": 32768}]],
    "density": {"cells": 1, "counts": "AgAAAA=="},
}


@router.get("/v1/clusters", response_model=ClustersAnswer, responses=BEGUN)
@described(
    asked={"where": "date>=2020", "count": 12},
    answer={
        "levels": [[{**_CLUSTER, "parent": None, "representative": ITEM}]],
        "pictures": 41,
        "notes": [],
        "model": "bundled",
        "took_ms": 210.0,
    },
)
def clusters(request: Request, asked: Annotated[ClustersQuery, Query()]) -> JsonAnswer:
    """Groups of pictures that look alike, with names: of all that pass a filter, or of the first
    results of a search."""
    collection, limits = collection_of(request), limits_of(request)
    check_address(request, "where")
    check_count("results to group with among", asked.among, limits.page, "max_k")
    if asked.q is not None:
        check_text("the query", asked.q, limits.texts.text_chars)
    where = parse_where(asked.where)

    def work(*_: object) -> JsonAnswer:
        started = time.perf_counter()
        found = collection.clusters(
            [] if asked.q is None else [Term(text=asked.q)],
            like=asked.like,
            unlike=asked.unlike,
            where=where,
            among=asked.among,
            count=asked.count,
        )
        content = {**clusters_json(found, item_with_links), "model": collection.model_name}
        return JsonAnswer({**content, "took_ms": _passed_ms(started)})

    return begun(request, "clusters", work) if asked.background else work()


@router.get("/v1/outliers", response_model=OutliersAnswer, responses=BEGUN)
@described(
    asked={"k": 3, "where": "date>=2020"},
    answer={
        "outliers": [{**ITEM, "distance": 0.91, "times_usual": 1.62, "nearest": 7}],
        "pictures": 41,
        "took_ms": 35.0,
    },
)
def outliers(request: Request, asked: Annotated[OutliersQuery, Query()]) -> JsonAnswer:
    """The pictures that resemble no other, the farthest first."""
    collection = collection_of(request)
    check_address(request, "where")
    where = parse_where(asked.where)

    def work(*_: object) -> JsonAnswer:
        started = time.perf_counter()
        found = collection.outliers(where=where, count=asked.k)
        content = outliers_json(found, item_with_links)
        return JsonAnswer({**content, "took_ms": _passed_ms(started)})

    return begun(request, "outliers", work) if asked.background else work()


@router.get(
    "/v1/map", response_model=MapAnswer, responses={304: {"description": "The map is the same"}}
)
@described(answer=_MAP)
def get_map(request: Request) -> Response:
    """All pictures on the plane: similar ones lie side by side. 404 before it was made."""
    collection = collection_of(request)
    headers = {"ETag": f'"{collection.map_tag()}"', "Cache-Control": REVALIDATE}
    known = ",".join(request.headers.getlist("if-none-match")).split(",")
    if {"*", headers["ETag"]} & {tag.strip().removeprefix("W/") for tag in known}:
        return Response(status_code=304, headers=headers)
    return JsonAnswer(current_map_json(collection.map()), headers=headers)


@router.post("/v1/map", status_code=202, response_model=MapStateAnswer)
@described(takes=MapRequest, asked={"anew": False}, answer={**_STATE, "state": "making"})
def make_map(request: Request, body: JsonBody) -> JsonAnswer:
    """Make the map beside other work, or place new pictures on it; `/v1/map/state` tells how far
    that is."""
    asked = parse(body or b"{}", MapRequest, limits_of(request))
    state = collection_of(request).begin_map(method=asked.method, anew=asked.anew)
    headers = {} if state.job_id is None else location(state.job_id)
    return JsonAnswer(map_state_json(state), status=202, headers=headers)


@router.get("/v1/map/state", response_model=MapStateAnswer)
@described(answer=_STATE)
def map_state(request: Request) -> JsonAnswer:
    """Whether there is a map, and how far the making of one is."""
    return JsonAnswer(map_state_json(collection_of(request).map_state()))


def _passed_ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
