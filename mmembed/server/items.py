"""`/v1/items`: what is in the collection, its pictures, and adding and removing."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from mmembed.collection import Collection
from mmembed.errors import QueryError
from mmembed.server.bodies import (
    check_count,
    check_text,
    collection_of,
    image_bytes,
    is_form,
    read_json,
    texts_of,
    uploads_of,
)
from mmembed.server.schemas import ItemPatch, ItemRequest, item_answer
from mmembed.types import Filter, Item, Kind

router = APIRouter(prefix="/v1/items", tags=["items"])

IMMUTABLE = "private, max-age=31536000, immutable"
REVALIDATE = "private, no-cache"
ThumbnailSize = Literal[320, 1280]


@router.get("")
def list_items(
    request: Request,
    limit: Annotated[int, Query(ge=1)] = 50,
    cursor: Annotated[str | None, Query(description="next_cursor of the last page")] = None,
    kind: Kind | None = None,
    tag: Annotated[list[str] | None, Query(description="only items with all these tags")] = None,
) -> dict[str, Any]:
    """Items by rising id."""
    collection = collection_of(request)
    check_count("items asked for with limit", limit, collection.settings.max_k, "max_k")
    if cursor is not None and not cursor.isdecimal():
        raise QueryError("cursor: not a next_cursor of an earlier answer")
    chosen = Filter(tuple(tag or ()))
    page = collection.catalog.page(
        after=int(cursor or 0), limit=limit + 1, kind=kind, chosen=chosen
    )
    more = len(page) > limit
    return {
        "items": [item_answer(item) for item in page[:limit]],
        "next_cursor": str(page[limit - 1].id) if more else None,
        "total": collection.catalog.count(kind, chosen),
    }


@router.post("", status_code=201)
async def add_item(request: Request) -> dict[str, Any]:
    """Add an image with captions and tags, or a caption alone; JSON or multipart."""
    collection = collection_of(request)
    if is_form(request):
        async with request.form(max_files=1) as form:
            uploads = await uploads_of(form, "image")
            asked = ItemRequest(captions=texts_of(form, "caption"), tags=texts_of(form, "tag"))
        name, data = uploads[0] if uploads else ("image", None)
    else:
        asked = await read_json(request, ItemRequest)
        name = asked.name or "image"
        data = None if asked.image is None else image_bytes(asked.image, name)
    item = await run_in_threadpool(_add, collection, name, data, asked)
    return item_answer(item, whole=True)


def _add(collection: Collection, name: str, data: bytes | None, asked: ItemRequest) -> Item:
    captions = [*([asked.caption] if asked.caption else []), *asked.captions]
    _check_texts(collection, captions, asked.tags)
    if data is not None:
        return collection.add_image(data, name=name, captions=captions, tags=asked.tags)
    if len(captions) != 1:
        raise QueryError("expected an image, or one caption")
    return collection.add_caption(captions[0], tags=asked.tags)


@router.get("/{item_id}")
def get_item(request: Request, item_id: int) -> dict[str, Any]:
    """One item with all its captions."""
    return item_answer(collection_of(request).catalog.item(item_id), whole=True)


@router.patch("/{item_id}")
def change_item(request: Request, item_id: int, asked: ItemPatch) -> dict[str, Any]:
    """Replace an item's tags, or an image's captions."""
    collection = collection_of(request)
    _check_texts(collection, asked.captions or [], asked.tags or [])
    item = collection.update(item_id, tags=asked.tags, captions=asked.captions)
    return item_answer(item, whole=True)


@router.delete("/{item_id}", status_code=204)
def remove_item(request: Request, item_id: int) -> None:
    """Take an item out of the collection. Indexed files stay where they are."""
    collection_of(request).remove(item_id)


@router.get("/{item_id}/image")
def get_image(request: Request, item_id: int, v: str | None = None) -> FileResponse:
    """The original file, whole or by ranges."""
    path, media_type = collection_of(request).original(item_id)
    headers = {"Cache-Control": IMMUTABLE if v else REVALIDATE}
    return FileResponse(
        path,
        media_type=media_type,
        headers=headers,
        filename=path.name,
        content_disposition_type="inline",
    )


@router.get("/{item_id}/thumbnail")
def get_thumbnail(
    request: Request, item_id: int, size: ThumbnailSize = 320, v: str | None = None
) -> Response:
    """A small WebP picture, at most `size` pixels on its longer side."""
    content = collection_of(request).thumbnail(item_id, size)
    tag = f'"{hashlib.blake2b(content, digest_size=8).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": IMMUTABLE if v else REVALIDATE}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="image/webp", headers=headers)


def _check_texts(collection: Collection, captions: list[str], tags: list[str]) -> None:
    settings = collection.settings
    check_count("captions", len(captions), settings.max_items, "max_items")
    check_count("tags", len(tags), settings.max_items, "max_items")
    for text in [*captions, *tags]:
        check_text("a caption or tag", text, settings.max_text_chars)
        if not text.strip():
            raise QueryError("a caption or tag is blank")
