"""Headers of files that were indexed before headers were read, or by an older reader: they are
opened, and not decoded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mmembed.errors import ImageError
from mmembed.media.decode import printable
from mmembed.media.header import HeaderReader
from mmembed.places import is_file
from mmembed.sources.entries import FileStat
from mmembed.sources.sources import Sources
from mmembed.store.entries import ImageFile
from mmembed.store.protocol import Store
from mmembed.types import HeaderFacts

log = logging.getLogger(__name__)

AT_ONCE = 2_000
"""Headers in one transaction: a second or so of work, which is lost where it is interrupted."""


@dataclass(frozen=True)
class HeaderBackfill:
    """Fills in the facts in the headers of files."""

    store: Store
    reader: HeaderReader
    sources: Sources
    threads: int

    def run(self, wanted: Callable[[ImageFile], bool], heed: Callable[[int], None]) -> int:
        """Read the headers of the images that are wanted, and return how many were read; `heed` is
        told now and then. A file that is gone or cannot be read is tried again the next time.
        Raises StoreError where the store cannot be written."""
        done = 0
        with ThreadPoolExecutor(self.threads, "headers") as pool:
            for unread in self._pages(wanted):
                pairs = zip(unread, pool.map(self._read, unread), strict=True)
                headers = {image.item_id: facts for image, facts in pairs if facts is not None}
                self.store.note_headers(headers, self.reader.version)
                done += len(headers)
                heed(done)
        return done

    def _pages(self, wanted: Callable[[ImageFile], bool]) -> Iterator[Sequence[ImageFile]]:
        after = 0
        while page := self.store.headers_to_read(self.reader.version, after=after, limit=AT_ONCE):
            after = page[-1].item_id
            yield [unread for unread in page if wanted(unread)]

    def _read(self, unread: ImageFile) -> HeaderFacts | None:
        """The facts of one file; None where it cannot be read. No error of a file ends the pass."""
        try:
            path = self.store.blobs.local_path(unread.path, unread.sha256)
            if is_file(path):
                return self.reader.of_file(path)
            return self._read_elsewhere(unread)
        except ImageError as error:
            log.debug("%s", error)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            log.warning("%s: its header cannot be read: %s", printable(unread.path), reason)
        return None

    def _read_elsewhere(self, unread: ImageFile) -> HeaderFacts | None:
        known = self.store.known_among([unread.path]).get(unread.path)
        if known is None or known.mark is None:
            return None
        stat = FileStat(known.bytes, known.mtime_ns, known.mark)
        return self.reader.of_bytes(self.sources.read_again(unread.path, stat))
