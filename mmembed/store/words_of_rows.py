"""Words of images from rows of a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from mmembed.store.entries import Words

Rows: TypeAlias = Iterable[Sequence[Any]]


def words_of_rows(
    image_ids: Sequence[int], captions: Rows, tags: Rows, fields: Rows
) -> dict[int, Words]:
    """Words by image. captions, tags: image, text, and a source or None. fields: image, source,
    and its fields as JSON."""
    captions_of, tags_of = _by_image(captions), _by_image(tags)
    fields_of: dict[int, dict[str, str]] = {}
    for image_id, source, text in fields:
        fields_of.setdefault(int(image_id), {})[str(source)] = str(text)
    return {
        image: Words(captions_of.get(image, {}), tags_of.get(image, {}), fields_of.get(image, {}))
        for image in image_ids
    }


def _by_image(rows: Rows) -> dict[int, dict[str, set[str]]]:
    """Rows of image, text and source, as sources by text by image."""
    texts_of_images: dict[int, dict[str, set[str]]] = {}
    for image_id, text, source in rows:
        sources = texts_of_images.setdefault(int(image_id), {}).setdefault(str(text), set())
        if source is not None:
            sources.add(str(source))
    return texts_of_images
