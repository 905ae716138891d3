"""The files of `/v1/items`: originals and thumbnails, with the headers for browsers' caches."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from pydantic import BeforeValidator
from starlette.types import Receive, Scope, Send

from mmembed.server.error_answers import printable
from mmembed.server.json_answers import version_of
from mmembed.server.openapi import described
from mmembed.server.request_bodies import collection_of
from mmembed.server.routes.items import ItemId
from mmembed.types import Item

FOLDER_OF_DESCRIPTORS = "/dev/fd"

router = APIRouter(prefix="/v1/items", tags=["items"])

IMMUTABLE = "private, max-age=31536000, immutable"
REVALIDATE = "private, no-cache"
LAST_DATE_S = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""


def _number(text: object) -> object:
    return int(text) if isinstance(text, str) and text in ("320", "1280") else text


_RANGES = re.compile(rb"bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*\s*", re.I)
"""RFC 9110, section 14.2: a unit that is not known is ignored; so are ranges that are malformed."""

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
@described(asked={"item_id": 1})
def get_image(request: Request, item_id: ItemId, v: str | None = None) -> Response:
    """The original file, whole or by ranges."""
    original = collection_of(request).original(item_id)
    item = original.item
    response = OpenFileResponse(
        original.file,
        media_type=original.media_type,
        headers={"ETag": f'"{item.sha256[:32]}"', "Cache-Control": _caching(item, v)},
        filename=printable(Path(item.path or "").name),
        content_disposition_type="inline",
    )
    answer = _unless_current(request, response)
    if answer is not response:
        original.file.close()
    return answer


class OpenFileResponse(FileResponse):
    """An open file: by its path, another file might be opened than the checked one."""

    def __init__(self, file: BinaryIO, **options: Any) -> None:
        """file: closed when it was sent. options: as FileResponse has them."""
        self._file = file
        path = f"{FOLDER_OF_DESCRIPTORS}/{file.fileno()}"
        super().__init__(path, stat_result=os.fstat(file.fileno()), **options)

    def set_stat_headers(self, stat_result: os.stat_result) -> None:
        """As the base does; a file may claim a time beyond the years that dates have."""
        shown: Any = SimpleNamespace(
            st_size=stat_result.st_size, st_mtime=min(max(stat_result.st_mtime, 0), LAST_DATE_S)
        )
        super().set_stat_headers(shown)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, whole or by ranges."""
        known = [
            pair for pair in scope["headers"] if pair[0] != b"range" or _RANGES.fullmatch(pair[1])
        ]
        with self._file:
            await super().__call__({**scope, "headers": known}, receive, send)


@router.get(
    "/{item_id}/thumbnail",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {}}, "description": "The picture"},
        304: {"description": "What the caller has is current"},
    },
)
@described(asked={"item_id": 1, "size": 320})
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
    """304 if the caller has this very content; weak tags compare equal to strong ones."""
    tag = response.headers["etag"]
    known = request.headers.get("if-none-match", "").split(",")
    if tag not in {value.strip().removeprefix("W/") for value in known}:
        return response
    kept = {name: response.headers[name] for name in ("etag", "cache-control")}
    return Response(status_code=304, headers=kept)
