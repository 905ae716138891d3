"""Adds, reads, changes and removes single items: images and captions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from mmembed.collection.folder_model import Binding
from mmembed.collection.item_files import IndexedFiles
from mmembed.collection.single_flight import SingleFlight
from mmembed.collection.tag_rejections import TagRejections
from mmembed.errors import NotFound, QueryError
from mmembed.filters.fields import META, plain_name
from mmembed.ingest import Pipeline, hashes_of, keep_thumbnail
from mmembed.item_failures import blaming
from mmembed.media.decode import decode, media_type, printable, thumbnail
from mmembed.models.encoder import Encoder
from mmembed.models.inputs import Embedder
from mmembed.models.text_reading import read
from mmembed.store.entries import CaptionEntry, FieldFacts, ImageEntry
from mmembed.store.protocol import Store
from mmembed.types import Item, Picture


@dataclass(frozen=True)
class Original:
    """The file of an image, with the indexed content."""

    item: Item
    file: BinaryIO
    """Open and at its beginning; the caller closes it."""
    media_type: str


class ItemEditing:
    """The part of a Collection that handles items one by one."""

    store: Store
    binding: Binding
    embedder: Embedder
    _pipeline: Pipeline
    _files: IndexedFiles
    _renderings: SingleFlight[tuple[int, int], bytes]
    _rejections: TagRejections

    def fields(self) -> list[FieldFacts]:
        """The fields of filters, with the number of items that have a value: first the built-in
        fields, then the manifests' by name."""
        return self.store.fields()

    def index_field(self, field: str) -> None:
        """Index a manifest's field, such as `meta.author`, so that filters on it need not read
        every item. Raises QueryError for a field that no manifest brought, LimitError."""
        field = plain_name(field)
        known = [one.name for one in self.fields() if one.name.startswith(META)]
        if field not in known:
            some = ", ".join(known) or "none: no manifest that was indexed brought any"
            raise QueryError(f"{field}: no field of a manifest; known are {some}")
        self.store.index_field(field.removeprefix(META))

    def drop_field_index(self, field: str) -> None:
        """Drop the index of a manifest's field. Raises NotFound where it has none."""
        self.store.drop_field_index(plain_name(field).removeprefix(META))

    def add_image(
        self, data: bytes, *, name: str, captions: Sequence[str] = (), tags: Sequence[str] = ()
    ) -> Item:
        """Keep an uploaded image in the data folder and index it. The same bytes keep their id:
        captions and tags are then added to those that the item has. Raises ImageError."""
        side = self._claimed().facts.decode_side
        self._check_length(captions)
        with blaming(name):
            picture = decode(data, name=name, limits=self.embedder.limits, side=side)
        embedding = self.embedder.picture(picture)
        described = tuple(self._pipeline.embed_captions(captions))
        sha256 = hashlib.sha256(data).hexdigest()
        suffix = "." + media_type(picture.format).rpartition("/")[2]
        with self.store.blobs.keeping(sha256, suffix, data) as upload:
            entry = ImageEntry(
                path=upload.path,
                sha256=sha256,
                embedding=embedding,
                width=picture.width,
                height=picture.height,
                bytes=len(data),
                format=picture.format,
                mtime_ns=upload.mtime_ns,
                header=self._pipeline.headers.wanted(picture.header),
                header_read=self._pipeline.headers.version,
                captions=described,
                tags=tuple(tags),
                hashes=hashes_of(picture),
            )
            item = self.store.item(self.store.write([entry])[0])
            keep_thumbnail(self.store.blobs, sha256, picture)
        self._rejections.note(sha256, given=tags)
        return item

    def add_caption(self, text: str, *, tags: Sequence[str] = ()) -> Item:
        """Index a caption that belongs to no image; the same text keeps its id."""
        [entry] = self._described([text])
        return self.store.item(self.store.write_caption(entry, tags))

    def update(
        self,
        item_id: int,
        *,
        tags: Sequence[str] | None = None,
        captions: Sequence[str] | None = None,
    ) -> Item:
        """Replace an item's tags, or an image's captions; if both are given, both or neither are
        replaced. Label sets do not give an image the automatic tags again that are taken off.
        Raises NotFound, QueryError."""
        item = self.store.item(item_id)
        if captions is not None and item.kind != "image":
            raise QueryError(f"item {item_id}: only an image has captions")
        described = None if captions is None else self._described(captions)
        automatic = self.store.automatic_tags_of([item_id] if tags is not None else [])
        if described is not None or tags is not None:
            self.store.update(item_id, captions=described, tags=tags)
        if tags is not None:
            taken = {one.tag for one in automatic.get(item_id, ())} - set(tags)
            self._rejections.note(item.sha256, given=tags, taken=taken)
        return self.store.item(item_id)

    def remove(self, item_id: int) -> None:
        """Remove an item; of files, only an upload is deleted. Raises NotFound."""
        item = self.store.item(item_id)
        if item.kind == "image" and self.store.blobs.is_upload(item.path, item.sha256):
            with self.store.blobs.discarding(item):
                self.store.remove([item_id])
        else:
            self.store.remove([item_id])
        if item.kind == "image":
            self._forget_thumbnails(item.sha256)

    def _forget_thumbnails(self, sha256: str) -> None:
        if self.store.content("image", sha256) is None:
            self.store.blobs.forget_thumbnails(sha256)

    def original(self, item_id: int) -> Original:
        """The file of an image. Raises NotFound, also if its content has changed."""
        item = self._image(item_id)
        return Original(item, self._files.open(item), media_type(item.format or ""))

    def _image(self, item_id: int) -> Item:
        item = self.store.item(item_id)
        if item.kind != "image" or item.path is None or item.format is None:
            raise NotFound(f"item {item.id}: is not an image")
        return item

    def thumbnail(self, item_id: int, size: int) -> tuple[bytes, Item]:
        """A WebP picture of an image, at most `size` pixels on its longer side, and the image.
        Raises NotFound, ImageError."""
        item = self._image(item_id)
        self._files.check(item)
        found = self.store.blobs.thumbnail(item.sha256, size)
        if found is None:  # of simultaneous requests, one renders for all
            key = item.id, size  # not by content: an error names one item
            found = self._renderings.run(key, lambda: self._new_thumbnail(item, size))
        return found, item

    def _new_thumbnail(self, item: Item, size: int) -> bytes:
        known = self.store.blobs.thumbnail(item.sha256, size)
        if known is not None:  # another request rendered it a moment ago
            return known
        with blaming(f"item {item.id}"):
            picture = self._decoded(item, size)
            content = thumbnail(picture.image, size, picture.box)
        self.store.blobs.keep_thumbnail(item.sha256, size, content)
        self._forget_thumbnails(item.sha256)  # of a picture that was removed meanwhile
        return content

    def _decoded(self, item: Item, size: int) -> Picture:
        data, name = self._files.read(item), printable(item.path or "")
        return decode(data, name=name, limits=self.embedder.limits, side=size)

    def _described(self, captions: Sequence[str]) -> tuple[CaptionEntry, ...]:
        """Captions with their embeddings. Raises LimitError for too much text."""
        self._check_length(captions)
        return tuple(self._pipeline.embed_captions(captions))

    def _check_length(self, captions: Sequence[str]) -> None:
        """Raises LimitError for too much text."""
        read(self.embedder.encoder, captions, self.embedder.text_limits)

    def _claimed(self) -> Encoder:
        """The model, with the folder bound to it: for callers that write vectors, and embed each
        text only once. Raises ModelError, ModelMismatch."""
        self.binding.claim(self.embedder.model)
        return self.embedder.model

    def _content_of(self, item_id: int) -> bytes:
        return self._files.read(self._image(item_id))
