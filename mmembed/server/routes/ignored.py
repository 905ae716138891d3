"""`/v1/ignored`: contents that stay out of the collection."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from mmembed.errors import NotFound
from mmembed.server.json_answers import JsonAnswer
from mmembed.server.openapi import described
from mmembed.server.request_bodies import check_count, collection_of, limits_of
from mmembed.server.request_shapes import IgnoredQuery

router = APIRouter(prefix="/v1/ignored", tags=["items"])

Sha256: TypeAlias = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="of the content")]


class IgnoredAnswer(BaseModel):
    """A content that indexings pass over, under whatever name."""

    sha256: str
    paths: Annotated[list[str], Field(description="where files of the content were met")]


class IgnoredListAnswer(BaseModel):
    """A page of ignored contents."""

    ignored: list[IgnoredAnswer]
    next_cursor: str | None
    total: int


_SHA = "ab" * 32


@router.get("", response_model=IgnoredListAnswer)
@described(
    asked={"limit": 50},
    answer={
        "ignored": [{"sha256": _SHA, "paths": ["/photos/blurred.jpg"]}],
        "next_cursor": None,
        "total": 1,
    },
)
def list_ignored(request: Request, listing: Annotated[IgnoredQuery, Query()]) -> JsonAnswer:
    """The ignored contents by rising sha256."""
    limits = limits_of(request)
    check_count("contents asked for with limit", listing.limit, limits.page, "max_k")
    contents = collection_of(request).ignored()
    rest = [one for one in contents if one.sha256 > listing.cursor]
    page = rest[: listing.limit]
    return JsonAnswer(
        {
            "ignored": [{"sha256": one.sha256, "paths": sorted(one.files)} for one in page],
            "next_cursor": page[-1].sha256 if len(page) < len(rest) else None,
            "total": len(contents),
        }
    )


@router.delete("/{sha256}", status_code=204)
@described(asked={"sha256": _SHA})
def stop_ignoring(request: Request, sha256: Sha256) -> None:
    """Let a content come in again with the next indexing."""
    if not any(collection_of(request).stop_ignoring([sha256])):
        raise NotFound(f"content {sha256}: is not ignored")
