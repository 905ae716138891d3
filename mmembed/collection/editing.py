"""What a collection is made of: images and captions are added, read, changed and removed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mmembed.collection.folder_model import Binding
from mmembed.collection.item_files import IndexedFiles
from mmembed.collection.single_flight import SingleFlight
from mmembed.errors import NotFound, QueryError, StoreFull
from mmembed.ingest import Pipeline, keep_thumbnail
from mmembed.item_failures import blaming
from mmembed.media import thumbnails, uploads
from mmembed.media.decode import decode, media_type, printable, thumbnail
from mmembed.models.inputs import Embedder
from mmembed.models.text_reading import read
from mmembed.store.entries import CaptionEntry, ImageEntry
from mmembed.store.sqlite import Catalog
from mmembed.store.sqlite.lock_files import WRITE_WAIT_S, exclusive
from mmembed.types import Encoder, Item, Picture


@dataclass(frozen=True)
class Original:
    """The file of an image, which holds what was indexed."""

    item: Item
    file: BinaryIO
    """Open and at its beginning; whoever asked for it closes it."""
    media_type: str


class Items:
    """The part of a Collection that handles items one by one."""

    catalog: Catalog
    binding: Binding
    embedder: Embedder
    _pipeline: Pipeline
    _files: IndexedFiles
    _renderings: SingleFlight[tuple[int, int], bytes]

    def add_image(
        self, data: bytes, *, name: str, captions: Sequence[str] = (), tags: Sequence[str] = ()
    ) -> Item:
        """Keep an uploaded image in the data folder and index it; the same bytes keep their
        id. Raises ImageError."""
        side = self._claimed().decode_side
        with blaming(name):
            picture = decode(data, name=name, limits=self.embedder.limits, side=side)
        embedding = self.embedder.picture(picture)
        described = self._described(captions)
        sha256 = hashlib.sha256(data).hexdigest()
        suffix = "." + media_type(picture.format).rpartition("/")[2]
        kept = uploads.keeping(self.catalog.folder, sha256, suffix, data, self._has_item)
        with self._content(sha256), kept as path:
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

    def _has_item(self, path: Path) -> bool:
        return bool(self.catalog.paths_among([str(path)]))

    @contextmanager
    def _content(self, sha256: str) -> Iterator[None]:
        """Held from before an upload's file is written or deleted until its item is: then both
        are there, or neither. Raises StoreBusy, StoreError."""
        self.catalog.check_place()  # else files of another folder of this name would be touched
        lock = uploads.lock_of(self.catalog.folder, sha256)
        with exclusive(lock, purpose="keeping an upload", wait_s=WRITE_WAIT_S):
            yield

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
            self.catalog.set_captions(item_id, self._described(captions))
        if tags is not None:
            self.catalog.set_tags(item_id, tags)
        return self.catalog.item(item_id)

    def remove(self, item_id: int) -> None:
        """Remove an item; of files, only an upload is deleted. Raises NotFound."""
        item = self.catalog.item(item_id)
        if item.kind == "image" and uploads.is_upload(self.catalog.folder, item.path):
            self._remove_upload(item)
        else:
            self.catalog.remove([item_id])
        if item.kind == "image":
            self._forget_thumbnails(item.sha256)

    def _remove_upload(self, item: Item) -> None:
        assert item.path is not None
        self.catalog.check_place()
        try:
            uploads.lock_of(self.catalog.folder, item.sha256)
        except StoreFull:  # even the lock needs room, the first time
            self.catalog.make_room()
        with self._content(item.sha256):
            # Gone meanwhile, and uploaded again: the file is that of another item now.
            self.catalog.item(item.id)
            with uploads.discarding(Path(item.path)):
                self.catalog.remove([item.id])

    def _forget_thumbnails(self, sha256: str) -> None:
        if self.catalog.content("image", sha256) is None:
            thumbnails.forget(thumbnails.folder_in(self.catalog.folder), sha256)

    def original(self, item_id: int) -> Original:
        """The file of an image. Raises NotFound, also where it holds something else by now."""
        item = self._image(item_id)
        return Original(item, self._files.open(item), media_type(item.format or ""))

    def _image(self, item_id: int) -> Item:
        item = self.catalog.item(item_id)
        if item.kind != "image" or item.path is None or item.format is None:
            raise NotFound(f"item {item.id}: is not an image")
        return item

    def thumbnail(self, item_id: int, size: int) -> tuple[bytes, Item]:
        """A WebP picture of an image, at most `size` pixels on its longer side, and the image.
        Raises NotFound, ImageError."""
        item = self._image(item_id)
        self._files.check(item)
        found = self._known_thumbnail(item, size)
        if found is None:  # many may ask at once: one renders for all
            key = item.id, size  # not by content: what fails is told of one item
            found = self._renderings.run(key, lambda: self._new_thumbnail(item, size))
        return found, item

    def _known_thumbnail(self, item: Item, size: int) -> bytes | None:
        return thumbnails.find(thumbnails.folder_in(self.catalog.folder), item.sha256, size)

    def _new_thumbnail(self, item: Item, size: int) -> bytes:
        known = self._known_thumbnail(item, size)  # rendered by who was first a moment ago
        if known is not None:
            return known
        with blaming(f"item {item.id}"):
            picture = self._decoded(item, size)
            content = thumbnail(picture.image, size, picture.box)
        folder = thumbnails.folder_in(self.catalog.folder)
        thumbnails.keep(folder, item.sha256, size, content)
        self._forget_thumbnails(item.sha256)  # of a picture that was removed meanwhile
        return content

    def _decoded(self, item: Item, size: int) -> Picture:
        data, name = self._files.read(item), printable(item.path or "")
        return decode(data, name=name, limits=self.embedder.limits, side=size)

    def _described(self, captions: Sequence[str]) -> tuple[CaptionEntry, ...]:
        """Captions with their embeddings. Raises LimitError for too much text."""
        read(self.embedder.encoder, captions, self.embedder.text_limits)
        return tuple(self._pipeline.embed_captions(captions))

    def _claimed(self) -> Encoder:
        """The model, with the folder bound to it: for what writes vectors, and embeds each text
        but once. Raises ModelError, ModelMismatch."""
        self.binding.claim(self.embedder.model)
        return self.embedder.model

    def _content_of(self, item_id: int) -> bytes:
        return self._files.read(self._image(item_id))
