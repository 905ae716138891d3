"""`/v1/items`: lists, adds, changes and removes items."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Query, Request

from mmembed.collection.collection import Collection
from mmembed.config.limits import Limits
from mmembed.errors import QueryError
from mmembed.filters.parse import parse_where, with_all
from mmembed.item_failures import blaming
from mmembed.server.answer_shapes import ItemsAnswer, WholeItem
from mmembed.server.api_examples import ITEM, WHOLE
from mmembed.server.json_answers import JsonAnswer, each_json, item_with_links, whole_item_json
from mmembed.server.openapi import FILE, PICTURE, described, form_of, many
from mmembed.server.repeated_names import check_address
from mmembed.server.request_bodies import (
    AnyBody,
    Form,
    JsonBody,
    check_all_chars,
    check_count,
    check_text,
    collection_of,
    image_bytes,
    limits_of,
    parse,
)
from mmembed.server.request_shapes import ItemPatch, ItemRequest, ItemsQuery
from mmembed.types import Item

router = APIRouter(prefix="/v1/items", tags=["items"])

ItemId: TypeAlias = Annotated[int, Path(ge=0, le=2**63 - 1)]
KeepOut: TypeAlias = Annotated[
    bool, Query(description="whether later indexings pass over its file")
]
Ignore: TypeAlias = Annotated[
    bool,
    Query(
        description="whether later indexings pass over its content under whatever name; indexed "
        "copies leave, too"
    ),
]
FORM = form_of(
    {"image": FILE, "caption": many({"type": "string"}), "tag": many({"type": "string"})},
    required=[],
)
_CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@router.get("", response_model=ItemsAnswer)
@described(
    asked={"kind": "image", "limit": 50},
    answer={"items": [ITEM], "next_cursor": None, "total": 1, "notes": []},
)
def list_items(request: Request, listing: Annotated[ItemsQuery, Query()]) -> JsonAnswer:
    """Items by rising id."""
    collection, limits = collection_of(request), limits_of(request)
    check_address(request, "where")
    limit = listing.limit
    check_count("items asked for with limit", limit, limits.page, "max_k")
    if listing.cursor is not None and not _CURSOR.fullmatch(listing.cursor):
        raise QueryError("cursor: not a next_cursor of an earlier answer")
    for tag in listing.tag:
        check_text("tag", tag, limits.texts.text_chars)
    where = with_all(parse_where(listing.where), listing.tag)
    page = collection.items(
        after=int(listing.cursor or 0), limit=limit + 1, kind=listing.kind, where=where
    )
    more = len(page) > limit
    return JsonAnswer(
        {
            "items": each_json(item_with_links, page[:limit]),
            "next_cursor": str(page[limit - 1].id) if more else None,
            "total": collection.count(listing.kind, where),
            "notes": collection.notes_on(where, found=bool(page)),
        }
    )


@router.post("", status_code=201, response_model=WholeItem)
@described(
    takes=ItemRequest,
    form=FORM,
    asked={"image": PICTURE, "name": "red.png", "caption": "red", "tags": ["colours"]},
    answer=WHOLE,
)
def add_item(request: Request, body: AnyBody) -> JsonAnswer:
    """Add an image with captions and tags, or a caption alone. The same image or caption again
    keeps its id; captions and tags are added to those that it has."""
    collection, limits = collection_of(request), limits_of(request)
    if isinstance(body, Form):
        new_item, name, data = _of_form(body.only(texts=("caption", "tag"), files=("image",)))
    else:
        new_item = parse(body, ItemRequest, limits)
        name = new_item.name or "image"
        with blaming(name):
            data = None if new_item.image is None else image_bytes(new_item.image, name, collection)
    item = _add(collection, limits, name, data, new_item)
    return JsonAnswer(whole_item_json(item), status=201)


def _of_form(form: Form) -> tuple[ItemRequest, str, bytes | None]:
    captions, tags = ([t for t in form.texts.get(n, []) if t] for n in ("caption", "tag"))
    uploads = form.files.get("image", [])
    if len(uploads) > 1:
        raise QueryError("image: expected one file; add the others each with its own request")
    name, data = uploads[0] if uploads else ("image", None)
    return ItemRequest(captions=captions, tags=tags), name, data


def _add(
    collection: Collection, limits: Limits, name: str, data: bytes | None, new_item: ItemRequest
) -> Item:
    captions = [*([new_item.caption] if new_item.caption is not None else []), *new_item.captions]
    _check_texts(limits, captions, new_item.tags)
    if data is not None:
        return collection.add_image(data, name=name, captions=captions, tags=new_item.tags)
    if len(captions) != 1:
        raise QueryError("expected an image, or one caption")
    return collection.add_caption(captions[0], tags=new_item.tags)


@router.get("/{item_id}", response_model=WholeItem)
@described(asked={"item_id": 1}, answer=WHOLE)
def get_item(request: Request, item_id: ItemId) -> JsonAnswer:
    """One item with all its captions."""
    return JsonAnswer(whole_item_json(collection_of(request).item(item_id)))


@router.patch("/{item_id}", response_model=WholeItem)
@described(
    takes=ItemPatch,
    asked={"tags": ["holiday", "2026"]},
    answer={**WHOLE, "tags": ["2026", "holiday"], "automatic_tags": []},
)
def change_item(request: Request, item_id: ItemId, body: JsonBody) -> JsonAnswer:
    """Replace an item's tags, or an image's captions."""
    collection, limits = collection_of(request), limits_of(request)
    patch = parse(body, ItemPatch, limits)
    _check_texts(limits, patch.captions or [], patch.tags or [])
    changed = collection.update(item_id, tags=patch.tags, captions=patch.captions)
    return JsonAnswer(whole_item_json(changed))


@router.delete("/{item_id}", status_code=204)
@described(asked={"item_id": 1})
def remove_item(
    request: Request, item_id: ItemId, keep_out: KeepOut = False, ignore: Ignore = False
) -> None:
    """Take an item out of the collection. Indexed files stay where they are."""
    collection = collection_of(request)
    if ignore:
        collection.ignore(item_id)
    if keep_out:
        collection.keep_out(item_id)
    collection.remove(item_id)


def _check_texts(limits: Limits, captions: list[str], tags: list[str]) -> None:
    check_count("captions", len(captions), limits.items, "max_items")
    check_count("tags", len(tags), limits.items, "max_items")
    check_all_chars([*captions, *tags], limits)
    for text in [*captions, *tags]:
        check_text("a caption or tag", text, limits.texts.text_chars)
        if not text.strip():
            raise QueryError("a caption or tag is blank")
    for tag in tags:
        if _CONTROL.search(tag):
            raise QueryError(f"tag {tag!r}: holds a control character")
