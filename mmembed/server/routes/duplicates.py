"""`/v1/duplicates`: lists duplicates, and remembers what a person says. No file is moved here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request

from mmembed.collection.collection import Collection
from mmembed.collection.duplicates_json import duplicates_json
from mmembed.filters.parse import parse_where
from mmembed.server.api_examples import ITEM
from mmembed.server.duplicate_shapes import DecisionsAnswer, DuplicatePageAnswer
from mmembed.server.job_answers import begun
from mmembed.server.job_shapes import BEGUN
from mmembed.server.json_answers import Json, JsonAnswer, each_json, item_with_links
from mmembed.server.openapi import described
from mmembed.server.repeated_names import check_address
from mmembed.server.request_bodies import JsonBody, check_count, collection_of, limits_of, parse
from mmembed.server.request_shapes import DecisionsRequest, DuplicatesQuery

if TYPE_CHECKING:
    from mmembed.explore.duplicates.entries import DescribedDuplicates, Stages
    from mmembed.filters.tree import Where

router = APIRouter(prefix="/v1/duplicates", tags=["duplicates"])

MOST_OTHERS = 200
"""Pictures of a group in an answer: there may be ten thousand black frames."""
_EVIDENCE: Json = {
    "cosine": 0.991204,
    "likeness": 0.978113,
    "bits": 5,
    "mirrored": False,
    "cropped": False,
    "seconds": None,
}
_SMALLER: Json = {"path": "/pictures/sent/boat.jpg", "width": 1600, "height": 1200, "bytes": 301200}
_PAGE: Json = {
    "groups": [
        {
            "class": "same_shot",
            "keep": ITEM,
            "reason": "most pixels: 12,192,768, the next has 1,920,000",
            "others": [{**ITEM, "id": 7, **_SMALLER, "evidence": _EVIDENCE}],
            "total_others": 1,
            "spare_bytes": 301200,
        }
    ],
    "next_cursor": None,
    "total": 1,
    "counts": {"same_shot": 1},
    "pictures": 280,
    "without_hashes": 0,
    "notes": [],
    "took_ms": 412.1,
}


@router.get("", response_model=DuplicatePageAnswer, responses=BEGUN)
@described(asked={"limit": 20, "where": "date>=2020"}, answer=_PAGE)
def list_duplicates(request: Request, asked: Annotated[DuplicatesQuery, Query()]) -> JsonAnswer:
    """Groups of duplicates, each with the picture to keep. The first page after a change of the
    collection takes as long as comparing all pictures."""
    collection = collection_of(request)
    check_address(request, "where")
    check_count("groups asked for with limit", asked.limit, limits_of(request).page, "max_k")
    where = parse_where(asked.where)
    if not asked.background:
        return _page(collection, where, asked)
    return begun(request, "duplicates", lambda job: _page(collection, where, asked, job.stages))


def _page(
    collection: Collection, where: Where, asked: DuplicatesQuery, stages: Stages | None = None
) -> JsonAnswer:
    started = time.perf_counter()
    page = collection.page_of_duplicates(
        where,
        asked.classes,
        limit=asked.limit,
        cursor=asked.cursor,
        most_others=MOST_OTHERS,
        stages=stages,
    )
    return JsonAnswer(
        {
            "groups": each_json(group_json, page.groups),
            "next_cursor": page.next_cursor,
            "total": sum(page.counts.values()),
            "counts": page.counts,
            "pictures": page.found.items,
            "without_hashes": page.found.unhashed,
            "notes": collection.notes_on(where, found=bool(page.found.items)),
            "took_ms": round((time.perf_counter() - started) * 1000, 2),
        }
    )


@router.post("", response_model=DecisionsAnswer)
@described(
    takes=DecisionsRequest,
    asked={"not_duplicates": [[1, 3]]},
    answer={"remembered": 1, "forgotten": 0},
)
def decide(request: Request, body: JsonBody) -> JsonAnswer:
    """Remember that pictures are no duplicates of each other, or forget it again."""
    collection, limits = collection_of(request), limits_of(request)
    decisions = parse(body, DecisionsRequest, limits)
    count = len(decisions.not_duplicates) + len(decisions.forget)
    check_count("lists in one request", count, limits.items, "max_items")
    forgotten = collection.decide_on_duplicates(
        not_duplicates=decisions.not_duplicates, forget=decisions.forget
    )
    return JsonAnswer({"remembered": len(decisions.not_duplicates), "forgotten": forgotten})


def group_json(group: DescribedDuplicates) -> Json:
    """A group as clients see it."""
    return duplicates_json(group, item_with_links)
