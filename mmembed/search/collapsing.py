"""Pages of a search in which copies of an earlier hit are counted with it, and not shown.

A hit is left out if a hit before it, on any page, has the same bytes or is the same shot. The rule
is that of `search.copies`. A cursor carries the hits of earlier pages. So pages stay full, and
no picture and its copy are on two of them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.media.perceptual_hash import PictureHashes, hash_rows
from mmembed.search.copies import at_other_times, moment_of, shots_apart
from mmembed.search.looking_further import GROWTH, LARGEST_STEP, TRIES, PageOf, cut, same_hits
from mmembed.search.ordering import unit_rows
from mmembed.store.entries import LARGEST
from mmembed.store.protocol import Store
from mmembed.types import Hit, Item, Kind, SearchPage

MOST = 20_000
"""Hits that are looked at for one page."""
SPARE = 10
"""Hits that are looked at beyond a page, at least."""
REMEMBERED = 200
"""Hits of earlier pages that later hits may be copies of."""
_SHOWN = "!"
_IDS = np.dtype("<u8")


def collapsed(store: Store, kind: Kind, page_of: PageOf) -> PageOf:
    """A search for images without copies. page_of: the search with them. Raises QueryError for
    another kind."""
    if kind != "image":
        raise QueryError("collapse: only images are collapsed", param="collapse")
    return lambda count, cursor: collapsed_page(store, page_of, count, cursor)


def collapsed_page(store: Store, page_of: PageOf, count: int, cursor: str | None) -> SearchPage:
    """Up to `count` hits of different shots, after a cursor, each with the number of its copies
    that were looked at. page_of: the hits of images. Raises QueryError."""
    if count < 1:
        raise QueryError(f"k: {count} is not a number of results; ask for at least 1")
    inner, shown = read_shown(cursor)
    tries, steady = 0, False
    while not steady and tries < TRIES:
        page, steady = _Page(store, page_of, count, shown).made(inner)
        tries += 1
    return page


def with_shown(cursor: str | None, item_ids: Sequence[int]) -> str | None:
    """A cursor that carries hits of earlier pages."""
    if cursor is None:
        return None
    packed = np.array(item_ids[-REMEMBERED:], _IDS).tobytes()
    return f"{cursor}{_SHOWN}{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def read_shown(cursor: str | None) -> tuple[str | None, list[int]]:
    """The cursor itself, and the hits that it carries. Raises QueryError."""
    if cursor is None:
        return None, []
    inner, separator, packed = cursor.partition(_SHOWN)
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), b"-_", validate=True)
        ids = np.frombuffer(data, _IDS)
    except (binascii.Error, ValueError):
        ids = np.empty(0, _IDS)
        separator = ""
    if not separator or len(ids) > REMEMBERED or (len(ids) and int(ids.max()) > LARGEST):
        raise QueryError(
            "cursor: it is of no answer with collapse; send it with the collapse of its first page",
            param="cursor",
        )
    return inner, [int(item_id) for item_id in ids]


@dataclass
class _Page:
    """One attempt at a page."""

    store: Store
    page_of: PageOf
    count: int
    shown: list[int]
    kept: list[Hit] = field(default_factory=list)
    copies: dict[int, int] = field(default_factory=dict)
    """Of each kept hit, by id: the hits that it stands for, itself included."""

    def made(self, cursor: str | None) -> tuple[SearchPage, bool]:
        """The page, and whether no hit changed while it was made."""
        first: SearchPage | None = None
        step, looked = self.count + max(SPARE, self.count // 2), 0
        while True:
            page = self.page_of(step, cursor)
            first = first or page
            place = self._take(page.hits)
            looked += len(page.hits)
            if place == 0 < len(page.hits):
                return self._ended(replace(page, next_cursor=cursor), first), True
            if place < len(page.hits):
                shorter = cut(page, place, self.page_of, cursor)
                return self._ended(shorter, first), same_hits(shorter.hits, page.hits[:place])
            cursor = page.next_cursor
            if cursor is None or looked >= MOST:
                return self._ended(page, first), True
            step = min(GROWTH * step, LARGEST_STEP)

    def _ended(self, last: SearchPage, first: SearchPage) -> SearchPage:
        hits = tuple(replace(hit, copies=self.copies[hit.item.id]) for hit in self.kept)
        shown = [*self.shown, *self.copies]
        following = with_shown(last.next_cursor, shown)
        return replace(last, hits=hits, next_cursor=following, notes=first.notes, match=first.match)

    def _take(self, hits: Sequence[Hit]) -> int:
        """Keep hits, or count them with a kept one. Returns the place at which the page ends, which
        is beyond the hits if it is not full."""
        items = [hit.item for hit in hits]
        earlier = self.store.items(self.shown) + [hit.item for hit in self.kept]
        stands_for = _first_copies(self.store, earlier, items)
        for place, hit in enumerate(hits):
            of = stands_for[place]
            if of in self.copies:
                self.copies[of] += 1
            elif of is None:
                if len(self.kept) == self.count:
                    return place
                self.kept.append(hit)
                self.copies[hit.item.id] = 1
        return len(hits)


def _first_copies(store: Store, earlier: Sequence[Item], items: Sequence[Item]) -> list[int | None]:
    """For each item, the id of the first original before it that it is a copy of; None if it is an
    original. earlier: originals before all of the items."""
    if not items:
        return []
    every = [*earlier, *items]
    alike = _are_copies(store, every, len(earlier))
    first: list[int | None] = []
    originals = list(range(len(earlier)))
    for row in range(len(items)):
        place = len(earlier) + row
        among = alike[row, originals]
        if among.any():
            first.append(every[originals[int(among.argmax())]].id)
        else:
            originals.append(place)
            first.append(None)
    return first


def _are_copies(store: Store, every: Sequence[Item], start: int) -> NDArray[np.bool_]:
    """bool (n, all): whether each item from `start` on is a copy of each."""
    places = np.arange(len(every))
    some, others = places[start:, None], places[None, :]
    contents = np.array([item.sha256 for item in every])
    same = contents[some] == contents[others]
    hashes = PictureHashes.of(
        hash_rows(contents.tolist(), store.image_hashes(list(dict.fromkeys(contents.tolist()))))
    )
    ids, stored = store.vectors_of([item.id for item in every])
    rows = unit_rows(stored)
    by_id = dict(zip(ids, rows, strict=True))
    nothing = np.zeros(rows.shape[1] if len(rows) else 1, np.float32)
    vectors = np.stack([by_id.get(item.id, nothing) for item in every])
    cosines = (vectors[start:] @ vectors.T).astype(np.float64)
    moments = np.array([moment_of(item.taken) for item in every])
    apart = shots_apart(hashes, some, others, cosines)
    copies = np.isfinite(apart) & ~at_other_times(moments[some], moments[others])
    return np.asarray(same | copies)
