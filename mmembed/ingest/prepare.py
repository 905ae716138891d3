"""The first stage: one file → its entry and the model's pixels, or an error."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from mmembed.ingest.embed_batches import patiently
from mmembed.ingest.hash_pictures import hashes_of
from mmembed.ingest.make_thumbnails import keep_thumbnail
from mmembed.ingest.plan import Source
from mmembed.ingest.read_ahead import Coming
from mmembed.ingest.stage_profile import Profile
from mmembed.item_failures import ends_all, failure_of
from mmembed.media.decode import decode, read_file
from mmembed.media.header import HeaderReader
from mmembed.models.encoder import Encoder
from mmembed.store.entries import CaptionEntry, ImageEntry
from mmembed.store.protocol import Store
from mmembed.types import Failure, Pixels


@dataclass(frozen=True)
class Prepared:
    """The result of a decode thread; without pixels if the content is known, or left out."""

    source: Source
    entry: ImageEntry
    """Carries the vector of a known content: its other items may be gone before it is written."""
    pixels: Pixels | None
    failures: Sequence[Failure] = ()
    """Of the texts that were read with it."""


@dataclass(frozen=True)
class Preparer:
    """Runs in the decode threads."""

    store: Store
    load: Callable[[], Encoder]
    headers: HeaderReader
    profile: Profile
    thumbnails: bool
    """Whether to make thumbnails of decoded pictures."""
    passed: AbstractSet[str] = frozenset()
    """Contents that are left out: their files are not decoded."""

    def __call__(self, wanted: Source | Coming) -> Prepared | Failure:
        """Read, hash, decode and preprocess one file. Raises errors that are not the file's own: an
        unreadable catalog, or a model that cannot be loaded."""
        if isinstance(wanted, Source):
            return self._prepared(wanted, None)
        try:
            return self._arrived(wanted)
        finally:
            wanted.held.end()

    def _arrived(self, coming: Coming) -> Prepared | Failure:
        try:
            with self.profile.stage("read"):
                brought = coming.brought.result()
        except BaseException as error:
            return self._failed(coming.source, error)
        prepared = self._prepared(brought.source, brought.data)
        if isinstance(prepared, Failure):
            return prepared
        return replace(prepared, failures=brought.failures)

    def _prepared(self, source: Source, brought: bytes | None) -> Prepared | Failure:
        try:
            entry, data = self._read(source, brought)
        except BaseException as error:
            return self._failed(source, error)
        if data is None:
            return Prepared(source, entry, None)
        encoder = self.load()
        try:
            return self._decoded(source, entry, data, encoder)
        except BaseException as error:  # decoders and models raise anything on strange input
            return self._failed(source, error)

    def _failed(self, source: Source, error: BaseException) -> Failure:
        if ends_all(error):
            raise error
        return failure_of(source.path, error)

    def _read(self, source: Source, brought: bytes | None) -> tuple[ImageEntry, bytes | None]:
        """The entry, and the file's bytes if its content is new."""
        with self.profile.stage("read"):
            if brought is None:
                data = read_file(source.path, limits=self.headers.limits)
            else:
                data = brought
            entry = _entry(source, hashlib.sha256(data).hexdigest())
            copy = entry if entry.sha256 in self.passed else self._copy(entry, data)
        return (entry, data) if copy is None else (copy, None)

    def _decoded(
        self, source: Source, entry: ImageEntry, data: bytes, encoder: Encoder
    ) -> Prepared:
        with self.profile.stage("decode"):
            side = encoder.facts.decode_side
            picture = patiently(
                lambda: decode(data, name=source.path, limits=self.headers.limits, side=side)
            )
        entry = replace(
            entry,
            width=picture.width,
            height=picture.height,
            format=picture.format,
            header=self.headers.wanted(picture.header),
            header_read=self.headers.version,
        )
        with self.profile.stage("preprocess"):
            pixels = encoder.preprocess(picture.image, picture.box)
        with self.profile.stage("hash"):
            entry = replace(entry, hashes=hashes_of(picture))
        if self.thumbnails:
            with self.profile.stage("thumbnail"):
                keep_thumbnail(self.store.blobs, entry.sha256, picture)
        return Prepared(source, entry, pixels)

    def _copy(self, entry: ImageEntry, data: bytes) -> ImageEntry | None:
        """The entry with the known facts of its content; None if the content is new."""
        twin = self.store.content("image", entry.sha256)
        if twin is None:
            return None
        vector = self.store.embeddings_of("image", [entry.sha256]).get(entry.sha256)
        if vector is None:
            return None
        return replace(
            entry,
            embedding=vector.astype(np.float32),
            width=twin.width or 0,
            height=twin.height or 0,
            format=twin.format or "",
            header=self.headers.of_bytes(data),
            header_read=self.headers.version,
        )


def _entry(source: Source, sha256: str) -> ImageEntry:
    return ImageEntry(
        path=source.path,
        sha256=sha256,
        embedding=None,
        width=0,
        height=0,
        bytes=source.stat.bytes,
        format="",
        mtime_ns=source.stat.mtime_ns,
        captions=tuple(CaptionEntry(text, None) for text in source.captions),
        reading=source.reading,
        mark=source.stat.mark,
    )
