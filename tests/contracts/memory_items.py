"""Items in memory, and what an indexing remembers of their files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import NotFound, Unstorable
from mmembed.filters.matches import matches
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.entries import (
    BY_HAND,
    CaptionEntry,
    ImageEntry,
    ImageFile,
    KeptOut,
    Known,
    Mark,
    Reading,
    Said,
    Words,
    by_hand,
)
from mmembed.types import Failure, HeaderFacts, Item, Kind
from tests.contracts.memory_fields import meta_of
from tests.contracts.memory_records import MemoryRecords, forget_hashes, keep_hashes, show_tags
from tests.contracts.memory_state import State
from tests.contracts.memory_vectors import MemoryVectors

COPIED = {part.name for part in fields(ImageEntry)} & {part.name for part in fields(Item)}
COPIED -= {"captions", "tags", "added"}
"""What an item takes from its entry as it is."""
Described = Sequence[tuple[int, Reading, Sequence[CaptionEntry]]]


class MemoryItems(MemoryVectors, MemoryRecords):
    """See Items, ItemWriter and Files."""

    # -- reading ---------------------------------------------------------------------

    def count(self, kind: Kind | None = None, where: Where = EVERYTHING) -> int:
        return sum(matches(where, item) for item in self._state.of_kind(kind))

    def item(self, item_id: int) -> Item:
        return _item(self._state, item_id)

    def newest_item(self) -> int:
        return max((item.id for item in self._state.of_kind(None)), default=0)

    def items(self, item_ids: Sequence[int], where: Where = EVERYTHING) -> list[Item]:
        known = self._state.items
        there = [known[one] for one in item_ids if one in known]
        return [replace(item, captions=()) for item in there if matches(where, item)]

    def described(self, image_ids: Sequence[int]) -> tuple[set[int], set[int]]:
        items = self.items(image_ids)
        captioned = {item.id for item in items if item.caption is not None}
        return captioned, {item.id for item in items if item.tags}

    def item_ids(self, kind: Kind, where: Where = EVERYTHING) -> NDArray[np.int64]:
        ids = [item.id for item in self._state.of_kind(kind) if matches(where, item)]
        return np.array(ids, np.int64)

    def page(
        self, *, after: int, limit: int, kind: Kind | None, where: Where = EVERYTHING
    ) -> list[Item]:
        items = [item for item in self._state.of_kind(kind) if item.id > after]
        return [replace(item, captions=()) for item in items if matches(where, item)][:limit]

    def content(self, kind: Kind, sha256: str) -> Item | None:
        return next((item for item in self._state.of_kind(kind) if item.sha256 == sha256), None)

    def contents_among(self, contents: Sequence[str]) -> set[str]:
        return {item.sha256 for item in self._state.images()} & set(contents)

    def images_at(self, paths: Sequence[str]) -> dict[str, ImageFile]:
        return {one.path: one for one in self._image_files() if one.path in paths}

    def images_of(self, sha256: str) -> list[ImageFile]:
        return [one for one in self._image_files() if one.sha256 == sha256]

    def images_below(self, path: str) -> list[ImageFile]:
        below = path.rstrip("/") + "/"
        images = self._image_files()
        return [one for one in images if one.path == path or one.path.startswith(below)]

    def _image_files(self) -> list[ImageFile]:
        return [ImageFile(one.id, one.path or "", one.sha256) for one in self._state.images()]

    def captions_of(self, image_ids: Sequence[int]) -> dict[int, list[str]]:
        items = self._state.items
        captions = {one: list(items[one].captions) for one in image_ids if one in items}
        return {one: texts for one, texts in captions.items() if texts}

    def caption_items_of(self, image_ids: Sequence[int]) -> dict[int, list[Item]]:
        items = self._state.items
        captions: dict[int, list[Item]] = {}
        for image_id in image_ids:
            by_text = {one.caption or "": one for one in _captions(self._state, image_id)}
            if by_text:
                captions[image_id] = [by_text[text] for text in items[image_id].captions]
        return captions

    def words_of(self, image_ids: Sequence[int]) -> dict[int, Words]:
        return {one: self._state.words.get(one, Words()) for one in image_ids}

    def described_by_files(self) -> set[int]:
        of_rows = {item_id for item_id, words in self._state.words.items() if words.fields}
        return of_rows | {
            item.id
            for item in self._state.images()
            for said in (self._state.words[item.id].captions, self._state.words[item.id].tags)
            if any(sources - {BY_HAND} for sources in said.values())
        }

    def tags(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for item in self._state.items.values():
            for tag in item.tags:
                counts[tag] = counts.get(tag, 0) + 1
        return dict(sorted(counts.items()))

    # -- writing ---------------------------------------------------------------------

    def write(self, entries: Sequence[ImageEntry], failures: Sequence[Failure] = ()) -> list[int]:
        with self._change() as state:
            ids = [self._write_image(state, entry) for entry in entries]
            for entry in entries:
                state.failures.pop(entry.path, None)
            state.failures |= {failure.name: failure for failure in failures}
            self._let_go(state)
            forget_hashes(state)
        return ids

    def _write_image(self, state: State, entry: ImageEntry) -> int:
        self._keep(state, "image", entry.sha256, entry.embedding)
        values = {name: getattr(entry, name) for name in COPIED}
        values |= _dated(entry.header or HeaderFacts(), entry.mtime_ns)
        known = next((item for item in state.images() if item.path == entry.path), None)
        item_id = known.id if known else self._new_id()
        added = int(time.time()) if entry.added is None else entry.added
        empty = Item(id=item_id, kind="image", sha256=entry.sha256, added=added)
        state.items[item_id] = replace(known or empty, **values)
        if known and known.sha256 != entry.sha256:
            state.automatic.pop(item_id, None)
        if entry.hashes is not None:
            keep_hashes(state, {entry.sha256: entry.hashes})
        state.headers[item_id] = entry.header_read
        words = state.words.setdefault(item_id, Words())
        if entry.mark is not None:
            state.marks[item_id] = entry.mark
        if entry.reading is not None:
            self._say(state, item_id, entry.reading.after(words), entry.captions)
            return item_id
        texts = [caption.text for caption in entry.captions]
        captions, tags = _with(words.captions, texts), _with(words.tags, entry.tags)
        words = replace(words, captions=captions, tags=tags)
        self._say(state, item_id, words, entry.captions)
        return item_id

    def _say(
        self, state: State, item_id: int, words: Words, entries: Sequence[CaptionEntry]
    ) -> None:
        """Make these the words of an item; a new caption needs an entry."""
        new = {entry.text: entry for entry in entries}
        item = state.items[item_id]
        old = {one.caption or "": one for one in _captions(state, item_id)}
        captions: dict[str, AbstractSet[str]] = {}
        for text, sources in words.captions.items():
            if text not in old and text not in new:
                continue
            if text not in old:
                self._new_caption(state, new[text], item)
            captions[text] = sources
        for text, caption in old.items():
            if text not in captions:
                del state.items[caption.id], state.words[caption.id]
                state.automatic.pop(caption.id, None)
        texts = tuple(captions)
        state.words[item_id] = replace(words, captions=captions)
        if item.kind == "image":
            item = replace(item, captions=texts, caption=texts[0] if texts else None)
        state.items[item_id] = replace(item, meta=meta_of(words) or None)
        show_tags(state, item_id)

    def _new_caption(self, state: State, entry: CaptionEntry, image: Item | None) -> int:
        if entry.chunks:
            self._keep_chunks(state, entry.sha256, entry.chunks)
        else:
            self._keep(state, "caption", entry.sha256, entry.embedding)
        item_id = self._new_id()
        added = int(time.time()) if entry.added is None else entry.added
        item = Item(item_id, "caption", entry.sha256, caption=entry.text, added=added)
        if image is not None:
            item = replace(item, path=image.path, image_id=image.id)
        state.items[item_id] = item
        state.words[item_id] = Words()
        return item_id

    def write_caption(self, entry: CaptionEntry, tags: Sequence[str] = ()) -> int:
        return self.write_captions([(entry, tags)])[0]

    def write_captions(self, captions: Sequence[tuple[CaptionEntry, Sequence[str]]]) -> list[int]:
        with self._change() as state:
            return [self._write_caption(state, entry, tags) for entry, tags in captions]

    def _write_caption(self, state: State, entry: CaptionEntry, tags: Sequence[str]) -> int:
        alone = (item for item in state.of_kind("caption") if item.image_id is None)
        known = next((item.id for item in alone if item.sha256 == entry.sha256), None)
        item_id = known or self._new_caption(state, entry, None)
        said = {**state.words[item_id].tags, **by_hand(tags)}
        self._say(state, item_id, Words({}, said), ())
        return item_id

    def update(
        self,
        item_id: int,
        *,
        captions: Sequence[CaptionEntry] | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        with self._change() as state:
            _item(state, item_id)
            words = state.words[item_id]
            if captions is not None:
                words = replace(words, captions=by_hand([one.text for one in captions]))
            if tags is not None:
                words = replace(words, tags=by_hand(tags))
                known = state.automatic.get(item_id, {})
                state.automatic[item_id] = {key: known[key] for key in known if key[0] in tags}
            self._say(state, item_id, words, captions or ())
            self._let_go(state)

    def describe(self, described: Described) -> None:
        with self._change() as state:
            for image_id, reading, captions in described:
                if image_id in state.items:
                    words = reading.after(state.words[image_id])
                    self._say(state, image_id, words, captions)
            self._let_go(state)

    def remove(self, item_ids: Sequence[int]) -> int:
        with self._change() as state:
            removed = sum(_remove(state, item_id) for item_id in item_ids)
            self._let_go(state)
            forget_hashes(state)
        return removed

    # -- files -----------------------------------------------------------------------

    def known_files(self) -> dict[str, Known]:
        state = self._state
        return {
            item.path: Known(
                item.id, item.sha256, item.bytes or 0, item.mtime_ns or 0, state.marks.get(item.id)
            )
            for item in state.images()
            if item.path and not self._is_upload(item.path)
        }

    def known_among(self, paths: Sequence[str]) -> dict[str, Known]:
        known = self.known_files()
        return {path: known[path] for path in paths if path in known}

    def _is_upload(self, path: str) -> bool:
        """Whether the blobs hold the file; the whole store, which has blobs, says it."""
        raise NotImplementedError

    def move(self, moves: Sequence[tuple[int, str, int, Mark]]) -> None:
        with self._change() as state:
            for item_id, path, mtime_ns, mark in moves:
                state.failures.pop(path, None)
                if item_id not in state.items:
                    continue
                if any(item.path == path and item.id != item_id for item in state.images()):
                    raise Unstorable(f"{path}: another image lies there")
                item = replace(state.items[item_id], path=path, mtime_ns=mtime_ns)
                state.items[item_id] = replace(item, date=_dated(item, mtime_ns)["date"])
                state.marks[item_id] = mark
                for caption in _captions(state, item_id):
                    state.items[caption.id] = replace(caption, path=path)

    def mark_files(self, marks: Sequence[tuple[int, Mark]]) -> None:
        with self._change() as state:
            state.marks |= {item_id: mark for item_id, mark in marks if item_id in state.items}

    def headers_to_read(self, version: int, *, after: int, limit: int) -> list[ImageFile]:
        headers = self._state.headers
        return [
            ImageFile(item.id, item.path or "", item.sha256)
            for item in self._state.images()
            if item.id > after and headers.get(item.id) != version
        ][:limit]

    def note_headers(self, headers: Mapping[int, HeaderFacts], version: int) -> None:
        with self._change() as state:
            for item_id, facts in headers.items():
                item = state.items.get(item_id)
                if item is not None and item.kind == "image":
                    state.items[item_id] = replace(item, **_dated(facts, item.mtime_ns or 0))
                    state.headers[item_id] = version

    def forget_places(self) -> None:
        with self._change() as state:
            for item in state.images():
                state.items[item.id] = replace(item, latitude=None, longitude=None)

    def failures(self) -> list[Failure]:
        return [self._state.failures[path] for path in sorted(self._state.failures)]

    def forget_failures(self, gone: Callable[[str], bool]) -> None:
        with self._change() as state:
            state.failures = {p: one for p, one in state.failures.items() if not gone(p)}

    def kept_out(self) -> dict[str, KeptOut]:
        return dict(self._state.kept_out)

    def keep_out(self, paths: Mapping[str, KeptOut]) -> None:
        with self._change() as state:
            devices = {item.path: state.marks.get(item.id) for item in state.images()}
            for path, kept in paths.items():
                mark = devices.get(path)
                device = mark[0] if mark and kept.device is None else kept.device
                state.kept_out[path] = kept._replace(device=device)

    def let_in(self, paths: Sequence[str]) -> None:
        with self._change() as state:
            for path in paths:
                state.kept_out.pop(path, None)


def _dated(facts: HeaderFacts, mtime_ns: int) -> dict[str, Any]:
    """The facts by name, and the date that follows from them."""
    known = {fact.name: getattr(facts, fact.name) for fact in fields(HeaderFacts)}
    changed = datetime.fromtimestamp(mtime_ns // 10**9).isoformat()
    return {**known, "date": facts.taken[:19] if facts.taken else changed}


def _item(state: State, item_id: int) -> Item:
    if item_id not in state.items:
        raise NotFound(f"item {item_id}: no such item")
    return state.items[item_id]


def _with(said: Said, texts: Sequence[str]) -> Said:
    """Captions or tags, with further ones that were set by hand."""
    return {**said, **{text: said.get(text, set()) | {BY_HAND} for text in texts}}


def _captions(state: State, image_id: int) -> list[Item]:
    return [item for item in state.of_kind("caption") if item.image_id == image_id]


def _remove(state: State, item_id: int) -> int:
    item = state.items.pop(item_id, None)
    if item is None:
        return 0
    del state.words[item_id]
    state.marks.pop(item_id, None)
    state.automatic.pop(item_id, None)
    for caption in _captions(state, item_id):
        _remove(state, caption.id)
    image = state.items.get(item.image_id or 0)
    if image is not None:
        texts = tuple(text for text in image.captions if text != item.caption)
        state.items[image.id] = replace(image, captions=texts, caption=texts[0] if texts else None)
        words = state.words[image.id]
        said = {text: words.captions[text] for text in texts}
        state.words[image.id] = replace(words, captions=said)
    return 1
