"""Perceptual hashes: of pictures that are decoded for the model anyway, and of pictures that an
earlier version indexed without."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mmembed.errors import ImageError
from mmembed.media.decode import THUMBNAIL_SIZE, decode, printable, read_file
from mmembed.media.image_limits import ImageLimits
from mmembed.media.part_hashes import SIDE as PARTS_SIDE
from mmembed.media.perceptual_hash import hash_of, is_complete
from mmembed.places import is_file
from mmembed.sources.entries import FileStat
from mmembed.sources.sources import Sources
from mmembed.store.entries import ImageFile
from mmembed.store.protocol import Store
from mmembed.types import Picture, Progress

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Hashes in one transaction: seconds of work, which is lost where it is interrupted."""
SIDE = 2 * PARTS_SIDE
"""Pixels on a side that are enough to hash a picture."""


def hashes_of(picture: Picture) -> bytes | None:
    """The hashes of a picture. A failure is no error, and gives None: the picture is in the
    collection all the same."""
    try:
        return hash_of(picture)
    except Exception as error:
        log.warning("%s: it was not hashed: %s", picture.name, error)
        return None


@dataclass(frozen=True)
class Hashed:
    """The result of hashing earlier pictures."""

    pictures: int
    """How many got their hashes."""
    failed: int
    """How many could not be read: their files are gone, or have changed."""


@dataclass(frozen=True)
class HashBackfill:
    """Hashes the pictures that have no hashes, or those of an earlier mmembed: by their thumbnails,
    which is several times as fast as decoding them, else by their files."""

    store: Store
    limits: ImageLimits
    sources: Sources
    threads: int

    def run(self, progress: Progress) -> Hashed:
        """Hash them; a picture that cannot be read is tried again the next time. Raises StoreError
        where the store cannot be written."""
        done = failed = 0
        missing = self._missing()
        with ThreadPoolExecutor(self.threads, "hash") as pool:
            for start in range(0, len(missing), AT_ONCE):
                part = missing[start : start + AT_ONCE]
                pairs = zip(part, pool.map(self._hash, part), strict=True)
                hashes = {sha256: row for sha256, row in pairs if row is not None}
                self.store.add_image_hashes(hashes)
                done += len(hashes)
                failed += len(part) - len(hashes)
                progress(done + failed, len(missing), failed)
        return Hashed(done, failed)

    def _missing(self) -> list[str]:
        """Contents without hashes, and those with hashes of an earlier mmembed."""
        without = [sha256 for page in self._pages() for sha256 in page]
        earlier = (
            sha256
            for some in self.store.all_image_hashes()
            for sha256, row in some.items()
            if not is_complete(row)
        )
        return [*without, *earlier]

    def _pages(self) -> Iterator[list[str]]:
        after = ""
        while page := self.store.contents_without_hashes(10 * AT_ONCE, after):
            after = page[-1]
            yield page

    def _hash(self, sha256: str) -> bytes | None:
        """The hashes of one content; None where it cannot be read. No error of a picture ends the
        pass."""
        try:
            small = self.store.blobs.thumbnail(sha256, THUMBNAIL_SIZE)
            data = small if small is not None else self._read(sha256)
            return None if data is None else hash_of(decode(data, limits=self.limits, side=SIDE))
        except Exception as error:
            log.debug("%s: it was not hashed: %s", sha256, error)
            return None

    def _read(self, sha256: str) -> bytes | None:
        """The bytes of a file that still has this content."""
        for image in self.store.images_of(sha256):
            try:
                data = self._read_image(image)
            except ImageError as error:
                log.debug("%s", error)
                continue
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
            log.debug("%s: its content has changed", printable(image.path))
        return None

    def _read_image(self, image: ImageFile) -> bytes:
        """Raises ImageError, StoreAway."""
        path = self.store.blobs.local_path(image.path, image.sha256)
        if is_file(path):
            return read_file(path, limits=self.limits)
        known = self.store.known_among([image.path]).get(image.path)
        if known is None or known.mark is None:
            raise ImageError(printable(image.path), "is no longer there")
        stat = FileStat(known.bytes, known.mtime_ns, known.mark)
        return self.sources.read_again(image.path, stat)
