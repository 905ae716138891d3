"""What a collection is made of: images and captions are added, read, changed and removed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from mmembed import originals, thumbnails
from mmembed.binding import Binding
from mmembed.catalog import Catalog, ImageEntry
from mmembed.decode import decode, media_type, thumbnail
from mmembed.embedder import Embedder
from mmembed.errors import NotFound, QueryError
from mmembed.failing import blaming
from mmembed.ingest import Pipeline, keep_thumbnail
from mmembed.types import Encoder, Item


class Items:
    """The part of a Collection that handles items one by one."""

    catalog: Catalog
    binding: Binding
    embedder: Embedder
    _pipeline: Pipeline

    def add_image(
        self, data: bytes, *, name: str, captions: Sequence[str] = (), tags: Sequence[str] = ()
    ) -> Item:
        """Keep an uploaded image in the data folder and index it; the same bytes keep their
        id. Raises ImageError."""
        side = self._claimed().decode_side
        with blaming(name):
            picture = decode(data, name=name, limits=self.embedder.limits, side=side)
        embedding = self.embedder.picture(picture)
        described = tuple(self._pipeline.embed_captions(captions))
        sha256 = hashlib.sha256(data).hexdigest()
        suffix = "." + media_type(picture.format).rpartition("/")[2]
        path = originals.keep(self.catalog.folder, sha256, suffix, data)
        entry = ImageEntry(
            path=str(path),
            sha256=sha256,
            embedding=embedding,
            width=picture.width,
            height=picture.height,
            bytes=len(data),
            format=picture.format,
            mtime_ns=path.stat().st_mtime_ns,
            captions=described,
            tags=tuple(tags),
        )
        item = self.catalog.item(self.catalog.write([entry])[0])
        keep_thumbnail(self.catalog.folder, sha256, picture)
        return item

    def add_caption(self, text: str, *, tags: Sequence[str] = ()) -> Item:
        """Index a caption that belongs to no image; the same text keeps its id."""
        [entry] = self._pipeline.embed_captions([text])
        return self.catalog.item(self.catalog.write_caption(entry, tags))

    def update(
        self,
        item_id: int,
        *,
        tags: Sequence[str] | None = None,
        captions: Sequence[str] | None = None,
    ) -> Item:
        """Replace an item's tags, or an image's captions. Raises NotFound, QueryError."""
        item = self.catalog.item(item_id)
        if captions is not None:
            if item.kind != "image":
                raise QueryError(f"item {item_id}: only an image has captions")
            self.catalog.set_captions(item_id, self._pipeline.embed_captions(captions))
        if tags is not None:
            self.catalog.set_tags(item_id, tags)
        return self.catalog.item(item_id)

    def remove(self, item_id: int) -> None:
        """Remove an item; of files, only an upload is deleted. Raises NotFound."""
        item = self.catalog.item(item_id)
        self.catalog.remove([item_id])
        if item.kind == "image":
            originals.discard(self.catalog.folder, item.path)

    def original(self, item_id: int) -> tuple[Path, str]:
        """The file of an image and its media type. Raises NotFound."""
        return self._original(self.catalog.item(item_id))

    def _original(self, item: Item) -> tuple[Path, str]:
        if item.kind != "image" or item.path is None or item.format is None:
            raise NotFound(f"item {item.id}: is not an image")
        path = Path(item.path)
        if not path.is_file():
            raise NotFound(f"item {item.id}: its file is no longer there; index its folder again")
        if not os.access(path, os.R_OK):
            raise NotFound(f"item {item.id}: its file may not be read; change its permissions")
        return path, media_type(item.format)

    def thumbnail(self, item_id: int, size: int) -> tuple[bytes, Item]:
        """A WebP picture of an image, at most `size` pixels on its longer side, and the image.
        Raises NotFound, ImageError."""
        item = self.catalog.item(item_id)
        path, _ = self._original(item)

        def render() -> bytes:
            with blaming(f"item {item_id}"):
                picture = decode(path, limits=self.embedder.limits, side=size)
                return thumbnail(picture.image, size, picture.box)

        folder = thumbnails.folder_in(self.catalog.folder)
        return thumbnails.cached(folder, item.sha256, size, render), item

    def _claimed(self) -> Encoder:
        """The model, with the folder bound to it: for what writes vectors, and embeds each text
        but once. Raises ModelError, ModelMismatch."""
        self.binding.claim(self.embedder.model)
        return self.embedder.model

    def _file_of(self, item_id: int) -> Path:
        return self.original(item_id)[0]
