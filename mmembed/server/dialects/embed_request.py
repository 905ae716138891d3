"""From the inputs of a dialect to a call of the collection: texts are checked, images are read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from fastapi import Request

from mmembed.collection.collection import Collection, ImageFacts
from mmembed.collection.embed_inputs import Embedded, Part, Read, Wishes, parts_of
from mmembed.errors import ImageError, QueryError
from mmembed.item_failures import failure_of
from mmembed.server.dialects.input_shapes import Wished
from mmembed.server.request_bodies import check_all_chars, check_count, check_text, image_bytes
from mmembed.types import Failure

log = logging.getLogger(__name__)

HEADER = "X-Mmembed-Errors"
"""`item` for an error in the place of each bad item, if the body has no field for it."""

NO_FACTS = ImageFacts(0, 0, "unknown", 0)
AS_WORDS = (
    "A data URI or an address alone counts as an image; send modality: text, or an object with "
    "text, to embed the words of an address"
)
ADDRESSES_AT_ONCE = 8
"""Addresses of one request that are waited for together."""


def wishes_of(request: Request, fields: Wished) -> Wishes:
    """The options of a request's body and headers. Raises QueryError for an unknown value of the
    header for errors."""
    errors = fields.errors or request.headers.get(HEADER, "all").lower()
    if errors not in ("all", "item"):
        raise QueryError(f"{HEADER}: expected all or item", param=HEADER)
    allowed = fields.allow_untrained_dimensions
    return Wishes(fields.output_dimension, allowed, item_errors=errors == "item")


def embed(collection: Collection, model: str, inputs: Sequence[Read], wishes: Wishes) -> Embedded:
    """All inputs' embeddings. Raises LimitError for too many parts or too much text, and as
    Collection.embed does."""
    limits = collection.limits
    parts = parts_of(inputs)
    check_count("inputs", len(parts), limits.items, "max_items")
    check_all_chars((part.text for part in parts if part.text is not None), limits)
    return collection.embed(_all_prepared(inputs, collection), wishes, model=model)


def facts_of(collection: Collection, embedded: Embedded) -> list[ImageFacts]:
    """Facts of all embedded images, in their order; zeros for an image whose header cannot be
    read."""
    return [_facts(collection, data) for data in embedded.images]


def _facts(collection: Collection, data: bytes) -> ImageFacts:
    try:
        return collection.image_facts(data)
    except Exception:  # it was embedded all the same
        log.exception("the header of an image that was embedded cannot be read")
        return NO_FACTS


def _all_prepared(inputs: Sequence[Read], collection: Collection) -> list[Read]:
    """In threads if the request waits for images; otherwise threads would only cost time."""
    if sum(_is_address(part) for part in parts_of(inputs)) < 2:
        return [_prepared(item, collection) for item in inputs]
    with ThreadPoolExecutor(ADDRESSES_AT_ONCE, "fetch") as threads:
        return list(threads.map(lambda item: _prepared(item, collection), inputs))


def _is_address(part: Part) -> bool:
    return isinstance(part.image, str) and "://" in part.image[:12]


def _prepared(item: Read, collection: Collection) -> Read:
    """The input with checked texts and the bytes of its images, or its error."""
    if isinstance(item, Failure):
        return item
    parts = []
    for part in item.parts:
        try:
            parts.append(_ready(part, collection))
        except BaseException as error:
            return failure_of(part.name, error)
    return replace(item, parts=tuple(parts))


def _ready(part: Part, collection: Collection) -> Part:
    if part.text is None:
        if not isinstance(part.image, str):
            return part
        return replace(part, image=_image(part, part.image, collection))
    limits = collection.limits
    check_text(part.name, part.text, limits.texts.text_chars)
    if not part.text.strip():
        raise QueryError(f"{part.name}: the text is empty", param=part.name)
    return part


def _image(part: Part, given: str, collection: Collection) -> bytes:
    try:
        return image_bytes(given, part.name, collection)
    except ImageError as error:
        if not part.guessed:
            raise
        raise ImageError(part.name, f"{error.reason}. {AS_WORDS}") from None
