"""The files of `/v1/items`: originals and thumbnails, with what browsers need to cache them."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from pydantic import BeforeValidator

from mmembed.server.bodies import collection_of
from mmembed.server.encoding import version_of
from mmembed.server.failures import printable
from mmembed.server.items import ItemId
from mmembed.types import Item

router = APIRouter(prefix="/v1/items", tags=["items"])

IMMUTABLE = "private, max-age=31536000, immutable"
REVALIDATE = "private, no-cache"


def _number(text: object) -> object:
    return int(text) if isinstance(text, str) and text in ("320", "1280") else text


ThumbnailSize = Annotated[Literal[320, 1280], BeforeValidator(_number)]


@router.get(
    "/{item_id}/image",
    response_class=FileResponse,
    responses={
        200: {"content": {"image/*": {}}, "description": "The file"},
        206: {"content": {"image/*": {}}, "description": "The ranges that were asked for"},
        304: {"description": "What the caller has is current"},
    },
)
def get_image(request: Request, item_id: ItemId, v: str | None = None) -> Response:
    """The original file, whole or by ranges."""
    collection = collection_of(request)
    path, media_type = collection.original(item_id)
    response = FileResponse(
        path,
        stat_result=path.stat(),
        media_type=media_type,
        headers={"Cache-Control": _caching(collection.catalog.item(item_id), v)},
        filename=printable(path.name),
        content_disposition_type="inline",
    )
    return _unless_current(request, response)


@router.get(
    "/{item_id}/thumbnail",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {}}, "description": "The picture"},
        304: {"description": "What the caller has is current"},
    },
)
def get_thumbnail(
    request: Request, item_id: ItemId, size: ThumbnailSize = 320, v: str | None = None
) -> Response:
    """A small WebP picture, at most `size` pixels on its longer side."""
    content, item = collection_of(request).thumbnail(item_id, size)
    headers = {
        "ETag": f'"{hashlib.blake2b(content, digest_size=8).hexdigest()}"',
        "Cache-Control": _caching(item, v),
    }
    return _unless_current(request, Response(content, media_type="image/webp", headers=headers))


def _caching(item: Item, version: str | None) -> str:
    """An address that names the content it leads to never changes its answer."""
    return IMMUTABLE if version == version_of(item) else REVALIDATE


def _unless_current(request: Request, response: Response) -> Response:
    """304 where the caller has this very content; weak tags compare equal to strong ones."""
    tag = response.headers["etag"]
    known = request.headers.get("if-none-match", "").split(",")
    if tag not in {one.strip().removeprefix("W/") for one in known}:
        return response
    kept = {name: response.headers[name] for name in ("etag", "cache-control")}
    return Response(status_code=304, headers=kept)
