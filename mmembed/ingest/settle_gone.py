"""The last step of an indexing in pieces: known files that were not found leave the collection, or
are found again at a new path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmembed.ingest.presence import is_gone
from mmembed.ingest.report import Report
from mmembed.ingest.scan_result import under
from mmembed.store.entries import CaptionEntry, ImageFile, Known, Mark, Reading
from mmembed.store.pieces import Gone, WorkRules
from mmembed.store.protocol import Store

AT_ONCE = 500
"""Images in one transaction."""
ASIDE = "\x1fmoved"
"""End of the path of a new item whose place another one takes, until it is removed."""


@dataclass(frozen=True)
class Settling:
    """Takes out or moves images whose files were not found."""

    store: Store
    rules: WorkRules

    def run(self, gone: Sequence[Gone], report: Report) -> None:
        """Settle some images, and count them. If the process dies within, the same call completes
        it."""
        paths = {image.item_id: image.path for image in gone}
        ended = {image.item_id: frozenset(image.ended) for image in gone}
        items = [item for item in self.store.items(list(paths)) if item.path == paths[item.id]]
        taken: set[int] = set()
        pairs: list[tuple[int, ImageFile]] = []
        for item in items:
            newer = self._newer(item.sha256, taken)
            if newer is not None:
                taken.add(newer.item_id)
                pairs.append((item.id, newer))
        self._move(pairs, ended)
        moved = {item_id for item_id, _ in pairs}
        report.moved += len(pairs)
        report.copies -= len(pairs)
        left = [item for item in items if item.id not in moved]
        if self.rules.missing == "stay":
            missing = {item.id for item in left if is_gone(paths[item.id])}
            report.missing += len(missing)
            left = [item for item in left if item.id not in missing]
        report.removed += self.store.remove([item.id for item in left])

    def _newer(self, sha256: str, taken: set[int]) -> ImageFile | None:
        """An image of this content that the indexing has added."""
        for image in self.store.images_of(sha256):
            is_new = image.item_id > self.rules.newest and image.item_id not in taken
            if is_new and under(image.path, self.rules.roots) and not is_gone(image.path):
                return image
        return None

    def _move(
        self, pairs: Sequence[tuple[int, ImageFile]], ended: Mapping[int, frozenset[str]]
    ) -> None:
        """Have the older images take the places of the newer ones, with what was said by hand."""
        if not pairs:
            return
        newer = [image.item_id for _, image in pairs]
        words = self.store.words_of(newer)
        self.store.describe(
            [
                (
                    item_id,
                    Reading(words[image.item_id], ended[item_id].__contains__),
                    [CaptionEntry(text, None) for text in words[image.item_id].captions],
                )
                for item_id, image in pairs
            ]
        )
        known = self.store.known_among([image.path for _, image in pairs])
        moves: list[tuple[int, str, int, Mark]] = []
        for item_id, image in pairs:
            place = known[image.path]
            path = image.path.removesuffix(ASIDE)
            moves.append((image.item_id, path + ASIDE, place.mtime_ns, _mark(place)))
            moves.append((item_id, path, place.mtime_ns, _mark(place)))
        self.store.move(moves)  # one transaction: the path always has an image
        self.store.remove(newer)


def _mark(known: Known) -> Mark:
    return known.mark or (0, 0, 0)
